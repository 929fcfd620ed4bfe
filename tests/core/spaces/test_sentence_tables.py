"""Every sentence's numbers against plain loops in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from core.spaces.sentence_tables import SentenceTables
from core.spaces.similarity import csls
from tests.helpers.spaces import spaces

CODES = ("de", "en", "ja")
PAIRS = [(q, c) for q in range(3) for c in range(3) if q != c]


def alike(seed: int, n: int) -> np.ndarray:
    """Three languages in which every sentence finds its translations."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(n, 16)) + 0.01 * random.normal(size=(3, n, 16))).astype(np.float32)


def cosines(space: np.ndarray, q: int, c: int) -> np.ndarray:
    unit = space.astype(np.float64) / np.linalg.norm(space.astype(np.float64), axis=-1, keepdims=True)
    return np.asarray(unit[q] @ unit[c].T)


@pytest.mark.parametrize("n", [23, 7])
def test_the_pass_is_a_plain_loops(n: int) -> None:
    space = spaces(3, 3, n)
    passed = SentenceTables(space, CODES).passed
    for q, c in PAIRS:
        table = cosines(space, q, c)
        order = np.argsort(-table, axis=1)
        assert passed.nearest[q, c].tolist() == order[:, 0].tolist()
        assert passed.ranks[q, c].tolist() == [order[i].tolist().index(i) + 1 for i in range(n)]
        counts = [(order[:, :10] == j).sum() for j in range(n)]
        assert passed.occurrences[q, c].tolist() == counts
        assert passed.csls[q, c].tolist() == (csls(table.astype(np.float32)).argmax(axis=1) == np.arange(n)).tolist()


def published_mexa(matrix: np.ndarray) -> list[bool]:
    """Kargaran et al.'s condition, by sentence: strictly above all others in its row and in its column."""
    n = len(matrix)
    return [
        all(matrix[i, i] > matrix[i, j] for j in range(n) if j != i)
        and all(matrix[i, i] > matrix[j, i] for j in range(n) if j != i)
        for i in range(n)
    ]


@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_mexa_is_the_published_condition_also_in_a_space_that_has_collapsed(shift: float) -> None:
    space = spaces(4, 3, 40) + np.float32(shift)
    found = SentenceTables(space, CODES).beats_row_and_column
    for q, c in PAIRS:
        assert found[q, c].tolist() == published_mexa(cosines(space, q, c))


def test_mexa_counts_no_sentence_that_has_a_copy() -> None:
    space = alike(5, 12)
    space[:, 7] = space[:, 2]  # a sentence that stands twice
    tables = SentenceTables(space, CODES)
    for q, c in PAIRS:
        assert tables.hits[q, c, 2]
        expected = [i not in (2, 7) for i in range(12)]
        assert tables.beats_row_and_column[q, c].tolist() == expected


def test_neighbourhoods_are_a_plain_loops_and_by_chance_shared_as_chance_says() -> None:
    space = spaces(6, 3, 31)
    tables = SentenceTables(space, CODES)
    near = {}
    for language in range(3):
        table = cosines(space, language, language)
        near[language] = [set(np.argsort(-np.where(np.arange(31) == i, -9, table[i]))[:10]) for i in range(31)]
    shared = tables.shared_neighbours()
    for q, c in PAIRS:
        expected = [len(near[q][i] & near[c][i]) / 10 for i in range(31)]
        np.testing.assert_allclose(shared[q, c], expected)
    permuted = tables.shared_neighbours(permuted=True)
    moved = SentenceTables(np.stack([space[0], space[1][tables.permutation]]), CODES[:2])
    np.testing.assert_allclose(permuted[0, 1], moved.shared_neighbours()[0, 1])
    large = SentenceTables(np.random.default_rng(0).normal(size=(2, 300, 8)).astype(np.float32), CODES[:2])
    assert large.shared_neighbours(permuted=True)[0, 1].mean() == pytest.approx(10 / 299, abs=0.006)


def test_gram_products_are_those_of_the_whole_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    space = spaces(7, 3, 19)
    monkeypatch.setattr("core.spaces.sentence_tables._HELD", 3 * 19 * 4)  # in blocks of four rows
    tables = SentenceTables(space, CODES)
    centred = space - space.mean(axis=1, keepdims=True)
    grams = [part @ part.T / (part**2).sum(axis=1).mean() for part in centred.astype(np.float64)]
    for permuted, others in (
        (False, grams),
        (True, [gram[np.ix_(tables.permutation, tables.permutation)] for gram in grams]),
    ):
        between, within = tables.gram_products(permuted)
        for q, c in PAIRS:
            np.testing.assert_allclose(between[q, c], (grams[q] * others[c]).sum(axis=1), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(within, [(gram**2).sum(axis=1) for gram in grams], rtol=1e-3)


def test_an_embedding_that_is_not_finite_finds_nothing_and_spoils_nothing() -> None:
    space = alike(8, 20)
    space[1, 4, 2] = np.nan
    tables = SentenceTables(space, CODES)
    others = np.arange(20) != 4
    assert not tables.hits[0, 1, 4]
    assert not tables.passed.csls[1, 0, 4]
    assert tables.hits[0, 1, others].all()
    assert np.isfinite(tables.own).all()
