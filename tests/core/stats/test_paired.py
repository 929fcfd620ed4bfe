"""A paired difference against scipy's bootstrap and Wilcoxon test, and the weights of several sets of rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.stats import paired
from core.stats.intervals import Interval


def test_one_set_of_rows_is_scipys_paired_bootstrap() -> None:
    draw = np.random.default_rng(0)
    one = draw.normal(size=200)
    other = one + draw.normal(0.1, 0.3, size=200)
    found, p = paired.difference([(1.0, one)], [(1.0, other)])
    expected = stats.bootstrap((one - other,), np.mean, n_resamples=4000, method="percentile", rng=1)
    assert found.value == pytest.approx(np.mean(one - other))
    assert [found.low, found.high] == pytest.approx(list(expected.confidence_interval), abs=0.006)
    assert p == pytest.approx(stats.wilcoxon(np.round(one - other, 6)).pvalue)
    assert found.n == 200


def test_sets_of_rows_are_drawn_independently_and_weighted() -> None:
    draw = np.random.default_rng(1)
    sets = [draw.normal(size=n) for n in (80, 40)]
    weights = (0.75, 0.25)
    found, _ = paired.difference(list(zip(weights, sets, strict=True)), [(0.75, np.zeros(80)), (0.25, np.zeros(40))])
    assert found.value == pytest.approx(0.75 * sets[0].mean() + 0.25 * sets[1].mean())
    error = np.sqrt(sum((w * s.std() / np.sqrt(len(s))) ** 2 for w, s in zip(weights, sets, strict=True)))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_ranks_that_lie_the_other_way_than_the_mean_show_no_direction() -> None:
    """160 sentences lose a little and 40 gain much: the mean gains, most sentences lose, and both tests say so."""
    moved = np.r_[np.full(160, -1 / 11), np.full(40, 6 / 11)]
    assert moved.mean() > 0
    assert stats.wilcoxon(moved, alternative="less").pvalue < 0.001
    found, p = paired.difference([(1.0, moved)], [(1.0, np.zeros(200))])
    assert found.low > 0
    assert (p, paired.sign(found, p)) == (1.0, 0)
    back, p_back = paired.difference([(1.0, np.zeros(200))], [(1.0, moved)])
    assert (p_back, paired.sign(back, p_back)) == (1.0, 0)


def test_the_same_hits_of_other_languages_are_no_difference_where_float32_is_kept() -> None:
    """Means over languages, of shares that were kept in float32: they differ in bits that the hits do not."""
    draw = np.random.default_rng(0)
    hits = draw.integers(2, 10, size=(12, 300))  # of 11 candidates, by query language
    moved = hits.copy()
    moved[0, :200] -= 1
    moved[1, :200] += 1  # as many in all
    moved[2, 200:260] += 1
    moved[3, 260:] -= 2
    change = (moved - hits).sum(axis=0).astype(float)
    shares = [(side / 11).astype(np.float32).mean(axis=0, dtype=np.float64) for side in (moved, hits)]
    assert np.count_nonzero(shares[0] - shares[1]) > np.count_nonzero(change)
    _, p = paired.difference([(1.0, shares[0])], [(1.0, shares[1])])
    assert p == pytest.approx(stats.wilcoxon(change[change != 0]).pvalue)


@pytest.mark.parametrize(
    ("low", "high", "p", "sign"),
    [(0.1, 0.3, 0.01, 1), (-0.3, -0.1, 0.01, -1), (-0.1, 0.5, 0.01, 0), (0.1, 0.3, 0.2, 0)],
)
def test_a_direction_needs_both_the_interval_and_the_test(low: float, high: float, p: float, sign: int) -> None:
    assert paired.sign(Interval((low + high) / 2, low, high, 9), p) == sign
