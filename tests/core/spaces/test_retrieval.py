"""Retrieval equals the three plain loops that define it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from core.spaces import retrieval
from core.spaces.similarity import CENTRED, COMPARISONS, CSLS
from tests.helpers.spaces import spaces


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


def test_an_offset_hides_translations_and_centring_shows_them() -> None:
    embeddings = spaces(4, noise=0.05)
    embeddings[1] += 30.0 * np.arange(8, dtype=np.float32)
    embeddings[2] -= 20.0
    free = retrieval.top1(embeddings, CENTRED)
    assert np.nanmin(free) == 1.0
    assert np.nanmax(retrieval.top1(embeddings)) < 1.0


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_way_of_comparing_is_the_first_of_its_whole_tables(name: str) -> None:
    by, embeddings = COMPARISONS[name], spaces(9, 4, 25, noise=0.6)
    space = by.transformed(embeddings)
    found = retrieval.correct(embeddings, by)
    assert 0 < found[~np.eye(4, dtype=bool)].mean() < 1
    for query in range(4):
        np.testing.assert_array_equal(retrieval.correct_of(embeddings, query, by), found[query])
        for candidate in range(4):
            table = by.adjusted(cosine_similarity(space[query], space[candidate]).astype(np.float32))
            expected = np.arange(25) if query == candidate else table.argmax(axis=1)
            np.testing.assert_array_equal(found[query, candidate], expected == np.arange(25))


def test_what_is_not_finite_is_not_found_in_adjusted_tables() -> None:
    embeddings = spaces(7, noise=0.1)
    embeddings[1, 5, 2] = np.nan
    found = retrieval.correct(embeddings, CSLS)
    assert not found[1, [0, 2], 5].any()
    assert not found[[0, 2], 1, 5].any()
    assert np.delete(found, 5, axis=2).mean() > 0.5


@pytest.mark.parametrize("levels", [3, 10**6])
def test_ranks_are_a_plain_loops(levels: int) -> None:
    similarity = (np.random.default_rng(5).integers(levels, size=(17, 17)) / levels).astype(
        np.float32
    )  # few levels: many ties
    for query, found in enumerate(retrieval.ranks(similarity)):
        order = sorted(range(17), key=lambda c, q=query: (-similarity[q, c], c))
        assert found == order.index(query) + 1


def test_hits_and_reciprocal_ranks() -> None:
    found = np.array([1, 2, 5, 6], dtype=np.int32)
    assert retrieval.hits_at(found, 5).tolist() == [True, True, True, False]
    assert retrieval.reciprocal(found).tolist() == [1, 0.5, 0.2, 1 / 6]


def test_a_collapsed_space_ranks_by_row() -> None:
    same = np.ones((4, 4), dtype=np.float32)
    assert retrieval.ranks(same).tolist() == [1, 2, 3, 4]
    space = np.ones((2, 4, 3), dtype=np.float32)
    assert (retrieval.ranks(same) == 1).tolist() == retrieval.correct(space)[0, 1].tolist()
