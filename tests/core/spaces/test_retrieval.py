"""Retrieval equals the three plain loops that define it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics.pairwise import cosine_similarity

from core.spaces import retrieval


def spaces(seed: int, n_languages: int = 3, n_sentences: int = 17, dim: int = 8, noise: float = 1.0) -> np.ndarray:
    """Translations share a meaning, languages an offset."""
    random = np.random.default_rng(seed)
    meaning = random.normal(size=(1, n_sentences, dim))
    offset = random.normal(size=(n_languages, 1, dim))
    return (meaning + offset + noise * random.normal(size=(n_languages, n_sentences, dim))).astype(np.float32)


def slow_correct(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether no other candidate is nearer, and whether that is clear: by more than what float32 can tell."""
    n_languages, n_sentences, _ = embeddings.shape
    found = np.zeros((n_languages, n_languages, n_sentences), dtype=bool)
    clear = np.zeros_like(found)
    for query in range(n_languages):
        for candidate in range(n_languages):
            similarity = cosine_similarity(embeddings[query].astype(float), embeddings[candidate].astype(float))
            for i in range(n_sentences):
                rival = max(similarity[i, j] for j in range(n_sentences) if j != i)
                found[query, candidate, i] = similarity[i, i] > rival
                clear[query, candidate, i] = abs(similarity[i, i] - rival) > 1e-6
    return found, clear


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 20), st.floats(0.1, 3))
def test_correct_equals_the_plain_loops(seed: int, n_languages: int, n_sentences: int, noise: float) -> None:
    embeddings = spaces(seed, n_languages, n_sentences, noise=noise)
    expected, clear = slow_correct(embeddings)
    found = retrieval.correct(embeddings)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found[clear], expected[clear])


def test_top1_is_the_share_of_hits_and_is_directed() -> None:
    embeddings = spaces(1, 4, 60)
    rates, (hits, clear) = retrieval.top1(embeddings), slow_correct(embeddings)
    assert clear.all()
    assert np.isnan(np.diag(rates)).all()
    for query in range(4):
        for candidate in range(4):
            if query != candidate:
                assert rates[query, candidate] == pytest.approx(hits[query, candidate].sum() / 60)
    assert not np.allclose(rates, rates.T, equal_nan=True)
    for query in range(4):
        np.testing.assert_array_equal(retrieval.top1_of(embeddings, query), rates[query])


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_not_finite_finds_nothing_and_is_not_found(odd: float) -> None:
    embeddings = spaces(7, noise=0.1)
    whole = retrieval.correct(embeddings)
    assert whole.mean() > 0.5
    embeddings[1, 5, 2] = odd
    found = retrieval.correct(embeddings)
    assert not found[1, [0, 2], 5].any()
    assert not found[[0, 2], 1, 5].any()
    np.testing.assert_array_equal(np.delete(found, 5, axis=2) | ~np.delete(whole, 5, axis=2), True)


def test_length_does_not_matter() -> None:
    embeddings = spaces(2)
    scaled = embeddings * np.random.default_rng(0).uniform(0.01, 100, size=(3, 17, 1)).astype(np.float32)
    np.testing.assert_array_equal(retrieval.correct(scaled), retrieval.correct(embeddings))


def test_same_space_twice_finds_every_sentence() -> None:
    one = spaces(3, 1)
    assert (retrieval.top1(np.concatenate([one, one]))[0, 1], retrieval.top1(np.concatenate([one, one]))[1, 0]) == (
        1,
        1,
    )


@pytest.mark.parametrize("point", [np.ones(8), np.zeros(8), np.arange(8) / 7])
def test_a_collapsed_space_scores_by_chance(point: np.ndarray) -> None:
    collapsed = np.broadcast_to(point.astype(np.float32), (3, 10, 8)).copy()
    rates = retrieval.top1(collapsed)
    np.testing.assert_allclose(rates[~np.eye(3, dtype=bool)], 1 / 10)


@given(st.integers(0, 10_000))
def test_centring_takes_away_what_a_language_shares(seed: int) -> None:
    embeddings = spaces(seed)
    shift = np.random.default_rng(seed + 1).normal(size=(3, 1, 8)).astype(np.float32)
    moved = retrieval.centre(embeddings + shift)
    np.testing.assert_allclose(moved, retrieval.centre(embeddings), atol=1e-5)
    np.testing.assert_allclose(moved.mean(axis=1), 0, atol=1e-6)
    for language in range(3):
        np.testing.assert_allclose(
            retrieval.centre(embeddings)[language], embeddings[language] - embeddings[language].mean(axis=0), atol=1e-6
        )


def test_an_offset_hides_translations_and_centring_shows_them() -> None:
    embeddings = spaces(4, noise=0.05)
    embeddings[1] += 30.0 * np.arange(8, dtype=np.float32)
    embeddings[2] -= 20.0
    free = retrieval.top1(retrieval.centre(embeddings))
    assert np.nanmin(free) == 1.0
    assert np.nanmax(retrieval.top1(embeddings)) < 1.0


def test_normalise_gives_unit_vectors_and_keeps_zero() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [-1e-15, 0.0], [1e18, 1e18]], dtype=np.float32)
    found = retrieval.normalise(vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [-1, 0], [0.5**0.5, 0.5**0.5]], rtol=1e-6)


@given(st.integers(1, 3000), st.data())
def test_wilson_equals_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    low, high = retrieval.wilson(np.array([hits / n]), n)
    np.testing.assert_allclose([low[0], high[0]], [expected.low, expected.high], atol=1e-10)
