"""Ways of comparing against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spaces.similarity import COMPARISONS, COSINE, by_fit, centre, csls, explained, normalise
from tests.helpers.spaces import spaces


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def test_csls_is_a_plain_loops(random: np.random.Generator) -> None:
    similarity = random.normal(size=(9, 9)).astype(np.float32)
    found = csls(similarity, k=4)
    for query in range(9):
        for candidate in range(9):
            near = np.sort(similarity[query])[-4:].mean() + np.sort(similarity[:, candidate])[-4:].mean()
            assert found[query, candidate] == pytest.approx(2 * similarity[query, candidate] - near, abs=1e-5)


def test_csls_with_fewer_sentences_than_neighbours(random: np.random.Generator) -> None:
    similarity = random.normal(size=(3, 3)).astype(np.float32)
    np.testing.assert_allclose(csls(similarity, k=10), csls(similarity, k=3))


@given(st.integers(0, 10_000))
def test_centring_takes_away_what_a_language_shares(seed: int) -> None:
    embeddings = spaces(seed)
    shift = np.random.default_rng(seed + 1).normal(size=(3, 1, 8)).astype(np.float32)
    moved = centre(embeddings + shift)
    np.testing.assert_allclose(moved, centre(embeddings), atol=1e-5)
    np.testing.assert_allclose(moved.mean(axis=1), 0, atol=1e-6)
    for language in range(3):
        np.testing.assert_allclose(
            centre(embeddings)[language], embeddings[language] - embeddings[language].mean(axis=0), atol=1e-6
        )


def test_normalise_gives_unit_vectors_and_keeps_zero() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [-1e-15, 0.0], [1e18, 1e18]], dtype=np.float32)
    found = normalise(vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [-1, 0], [0.5**0.5, 0.5**0.5]], rtol=1e-6)


@pytest.mark.parametrize("name", COMPARISONS)
def test_one_query_is_a_row_of_the_whole_table_which_transposed_is_the_others(
    random: np.random.Generator, name: str
) -> None:
    by = COMPARISONS[name]
    one, other = by.transformed(random.normal(size=(2, 14, 6)).astype(np.float32) + 0.5)
    table = by.adjusted(normalise(one) @ normalise(other).T)
    for row in range(14):
        np.testing.assert_allclose(by.of_row(one, other, row), table[row], atol=1e-6)
    np.testing.assert_allclose(by.adjusted(normalise(other) @ normalise(one).T), table.T, atol=1e-6)


def test_what_is_fitted_on_other_rows_takes_their_means_away(random: np.random.Generator) -> None:
    fitted_on, space = random.normal(size=(3, 9, 4)) + 3.0, random.normal(size=(3, 5, 4))
    moved = COMPARISONS["centred"].transformed(space, fitted_on)
    for language in range(3):
        np.testing.assert_allclose(moved[language], space[language] - fitted_on[language].mean(axis=0))
    np.testing.assert_array_equal(COSINE.transformed(space, fitted_on), space)


def test_every_way_is_applied_once_and_explained() -> None:
    groups = by_fit(COMPARISONS.values())
    assert sorted(by.name for _, group in groups for by in group) == sorted(COMPARISONS)
    assert len({fit for fit, _ in groups}) == len(groups)
    assert next(iter(COMPARISONS.values())) is COSINE
    for by in COMPARISONS.values():
        assert f"{by.about}; needs {by.needs}." in explained()
