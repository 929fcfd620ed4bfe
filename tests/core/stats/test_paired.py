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


def test_a_share_of_sets_in_which_nothing_varies_is_wilsons_and_other_figures_are_what_is_drawn() -> None:
    parts = [(0.5, np.ones(6)), (0.5, np.ones(6))]
    found, expected = paired.share(parts), stats.binomtest(12, 12).proportion_ci(method="wilson")
    assert (found.value, found.low, found.high, found.n) == pytest.approx((1.0, *expected, 12))
    half = paired.share([(0.5, np.ones(6)), (0.5, np.zeros(6))])  # each draw is the same here too
    expected = stats.binomtest(6, 12).proportion_ci(method="wilson")
    assert (half.value, half.low, half.high, half.n) == pytest.approx((0.5, *expected, 12))
    varied = [(0.5, np.ones(6)), (0.5, np.r_[np.ones(3), np.zeros(3)])]
    assert paired.share(varied) == paired.figure(varied)
    still = paired.figure([(1.0, np.zeros(6))])  # a distance of nothing is no share of hits
    assert (still.value, still.low, still.high, still.n) == (0.0, 0.0, 0.0, 6)


@pytest.mark.parametrize(
    ("low", "high", "n", "level"),
    [
        (-0.02, 0.03, 500, True),
        (-0.02, 0.06, 500, False),  # six points cannot be ruled out
        (0.01, 0.03, 500, False),  # there is a difference
        (0.0, 0.0, 50, False),  # of so many that are equal, one in twenty others may differ
        (0.0, 0.0, 60, True),
        (-0.0, 0.0, 10, False),
    ],
)
def test_shares_are_level_where_more_than_five_points_are_ruled_out(
    low: float, high: float, n: int, level: bool
) -> None:
    assert paired.is_level(Interval((low + high) / 2, low, high, n)) == level
    if low == high == 0:  # where one in twenty differs, so many in a row that do not come by chance once in twenty
        assert (0.95**n <= 0.05) == level


@pytest.mark.parametrize(
    ("low", "high", "p", "sign"),
    [(0.1, 0.3, 0.01, 1), (-0.3, -0.1, 0.01, -1), (-0.1, 0.5, 0.01, 0), (0.1, 0.3, 0.2, 0)],
)
def test_a_direction_needs_both_the_interval_and_the_test(low: float, high: float, p: float, sign: int) -> None:
    assert paired.sign(Interval((low + high) / 2, low, high, 9), p) == sign
