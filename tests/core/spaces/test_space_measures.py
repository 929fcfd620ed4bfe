"""Measures of a space whose value is known in closed form, and against the obvious slow way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.spaces.measured_space import ALL, measured
from core.spaces.retrieval import ranks, top1
from core.spaces.sentence_tables import SentenceTables
from core.spaces.similarity import CSLS
from core.spaces.space_measures import SPACE_MEASURES
from tests.helpers.spaces import spaces

CODES = ("de", "en", "ja")
PAIRS = [(q, c) for q in range(3) for c in range(3) if q != c]
N = 64


def values(space: np.ndarray, probe: np.ndarray | None = None) -> dict[str, float]:
    codes = CODES[: len(space)]
    found = measured([SentenceTables(space, codes, probe, codes)], SPACE_MEASURES)
    return {name: found.value(name).value for name in SPACE_MEASURES if name != "language_id" or probe is not None}


def test_where_translations_coincide_and_meanings_are_orthogonal() -> None:
    space = np.stack([np.eye(N), 2 * np.eye(N)]).astype(np.float32)
    found = values(space)
    for name in ("top1", "top5", "mrr", "csls", "mexa", "reciprocity", "mining_f1", "cka"):
        assert found[name] == pytest.approx(1, abs=1e-5), name
    for name in ("distance", "never_first", "anisotropy"):
        assert found[name] == pytest.approx(0, abs=1e-6), name
    # one variance in every direction but that of the mean, which nothing varies along
    assert values(np.stack([np.eye(N)] * 2).astype(np.float32))["effective_rank"] == pytest.approx(N - 1)


def test_where_all_sentences_are_one_point() -> None:
    found = values(np.ones((2, N, 5), np.float32))
    assert found["anisotropy"] == pytest.approx(1)
    assert found["distance"] == pytest.approx(0, abs=1e-6)
    assert (found["mexa"], found["top1"]) == (0, 1 / N)
    assert found["never_first"] == (N - 1) / N
    assert found["reciprocity"] == 1 / N
    assert found["cka"] == 0
    assert found["effective_rank"] == 1


def test_the_effective_rank_of_known_variances() -> None:
    deviations = np.array([1.0, 2.0, 3.0, 0.0])
    rows = np.kron(np.array([[1], [-1]]), np.diag(deviations))  # centred, with these variances over four
    share = deviations[:3] ** 2 / (deviations**2).sum()
    expected = np.exp(-(share * np.log(share)).sum())
    assert values(np.stack([rows, rows]).astype(np.float32))["effective_rank"] == pytest.approx(expected, rel=1e-5)
    wide = np.hstack([rows, np.zeros((8, 20))])  # fewer sentences than dimensions
    assert values(np.stack([wide, wide]).astype(np.float32))["effective_rank"] == pytest.approx(expected, rel=1e-5)


def test_a_hub_that_is_nearest_to_all() -> None:
    random = np.random.default_rng(0)
    space = random.normal(size=(2, N, 300)).astype(np.float32)
    space[0] += 2.0
    space[1, 5] = space[0].mean(axis=0)  # near to every query of the first language
    tables = SentenceTables(space, CODES[:2])
    assert (tables.passed.nearest[0, 1] == 5).all()
    found = measured([tables], ["never_first", "reciprocity"])
    of_first = found.pairs.set_index("query").loc["de"]
    assert of_first["never_first"] == (N - 1) / N
    assert of_first["reciprocity"] == 1 / N


def test_hubs_that_are_near_to_all_have_a_known_skew() -> None:
    """Of N candidates, ten are the ten nearest of every query: counts of N and of 0, a variable of two values."""
    random = np.random.default_rng(0)
    towards = np.zeros(300)
    towards[0] = 1
    space = random.normal(size=(2, N, 300)) * 0.01 + towards
    space[1, 10:] = random.normal(size=(N - 10, 300)) * 0.01 - towards
    found = measured([SentenceTables(space.astype(np.float32), CODES[:2])], ["hub_skew"])
    share = 10 / N
    expected = (1 - 2 * share) / np.sqrt(share * (1 - share))  # of a Bernoulli variable
    assert found.pairs.set_index("query").loc["de", "hub_skew"] == pytest.approx(expected)


def test_the_share_of_neighbours_that_translations_share_in_closed_form() -> None:
    """Sentences lie in groups of eleven that are far apart, so that each one's ten neighbours are its own group."""
    random = np.random.default_rng(0)
    n_groups, size, moved = 6, 11, 3
    group = np.repeat(np.arange(n_groups), size)
    other = group.copy()
    for first in range(n_groups):  # three of every group are in the next one in the other language
        other[first * size : first * size + moved] = (first + 1) % n_groups
    centres = np.eye(40)[:n_groups]
    space = np.stack([centres[of] + random.normal(size=(len(group), 40)) * 0.001 for of in (group, other)])
    # of a sentence that stays, seven of ten neighbours stay with it; of one that is moved, the two that move along
    kept = size - moved
    expected = (kept * (kept - 1) + moved * (moved - 1)) / size / (size - 1)
    found = measured([SentenceTables(space.astype(np.float32), CODES[:2])], ["mutual_knn"])
    assert found.pairs["mutual_knn"].tolist() == pytest.approx([expected, expected])


def test_values_are_those_of_the_slow_way() -> None:
    space = spaces(3, 3, 60, dim=12)
    tables = SentenceTables(space, CODES)
    found = measured([tables], SPACE_MEASURES).pairs.set_index(["query", "candidate"])
    unit = space.astype(np.float64) / np.linalg.norm(space.astype(np.float64), axis=-1, keepdims=True)
    for q, c in PAIRS:
        row, table = found.loc[(CODES[q], CODES[c])], unit[q] @ unit[c].T
        place = ranks(table.astype(np.float32))
        assert row["n"] == 60
        assert row["top1"] == (place == 1).mean() == top1(space)[q, c]
        assert row["top5"] == (place <= 5).mean()
        assert row["mrr"] == pytest.approx((1 / place).mean())
        assert row["csls"] == top1(space, CSLS)[q, c]
        assert row["distance"] == pytest.approx(1 - table.diagonal().mean(), abs=1e-6)
        first = table.argmax(axis=1)
        assert row["reciprocity"] == (table.argmax(axis=0)[first] == np.arange(60)).mean()
        assert row["never_first"] == 1 - len(set(first.tolist())) / 60
        counts = np.bincount(np.argsort(-table, axis=1)[:, :10].ravel(), minlength=60)
        assert row["hub_skew"] == pytest.approx(stats.skew(counts))
        x, y = (space[at].astype(np.float64) - space[at].mean(axis=0) for at in (q, c))
        norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
        assert row["cka"] == pytest.approx(np.linalg.norm(x.T @ y) ** 2 / norms, rel=1e-4)
    others = [
        unit[a, i] @ unit[b, j] for a in range(3) for b in range(3) for i in range(60) for j in range(60) if i != j
    ]
    result = measured([tables], ["anisotropy", "effective_rank"])
    assert result.value("anisotropy").value == pytest.approx(np.mean(others), abs=1e-6)
    flat = space.reshape(-1, 12).astype(np.float64)
    squared = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False) ** 2
    share = squared / squared.sum()
    assert result.value("effective_rank").value == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-5)


def test_what_a_permutation_says_is_that_of_rows_that_do_not_correspond() -> None:
    space = spaces(5, 2, 50, dim=30, noise=0.3)
    tables = SentenceTables(space, CODES[:2])
    found = measured([tables], ["cka", "mutual_knn"])
    moved = measured(
        [SentenceTables(np.stack([space[0], space[1][tables.permutation]]), CODES[:2])], ["cka", "mutual_knn"]
    )
    for name in ("cka", "mutual_knn"):
        assert found.value(name, "de").permuted == pytest.approx(moved.value(name, "de").value, rel=1e-4)
        assert found.value(name, ALL).permuted < 0.8 * found.value(name, ALL).value


def test_intervals_cover_what_drawing_sentences_anew_gives() -> None:
    """Of draws from one population as large as the sample, most figures lie in an interval of twice the width."""
    population = spaces(6, 2, 4_000, dim=10, noise=1.2)
    random = np.random.default_rng(0)
    names = [name for name in SPACE_MEASURES if name != "language_id"]
    samples = [
        measured([SentenceTables(population[:, random.choice(4_000, 100, replace=False)], CODES[:2])], names)
        for _ in range(12)
    ]
    for name in names:
        found = [sample.value(name) for sample in samples]
        spread = np.std([row.value for row in found], ddof=1)
        width = np.mean([row.high - row.low for row in found])
        assert 0.4 < width / (2 * 1.96 * spread) < 2.5, name
        assert all(row.low <= row.value for row in found), name
        if name != "effective_rank":  # draws repeat sentences and so spread over fewer directions: docs/measures.md
            assert all(row.value <= row.high for row in found), name
