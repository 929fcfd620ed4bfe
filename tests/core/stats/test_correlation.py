"""Correlations against scipy's and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.stats.correlation import partial, pearson, spearman


def test_correlation_is_scipys_with_an_interval_around_it() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=21)
    y = -x + rng.normal(size=21)
    found, expected = pearson(x, y), stats.pearsonr(x, y)
    assert (found.value, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert -1 <= found.low < found.value < found.high <= 1
    drawn = []
    for _ in range(1000):
        rows = rng.integers(21, size=21)
        drawn.append(np.corrcoef(x[rows], y[rows])[0, 1])
    assert (found.low, found.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.06)


@pytest.mark.parametrize(
    ("x", "y"), [([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2], [1, 2]), ([0.1, 0.2, 0.3], [0.5 + 1e-16] * 3)]
)
def test_no_correlation_of_what_does_not_vary(x: list[float], y: list[float]) -> None:
    found = pearson(np.array(x, float), np.array(y, float))
    assert np.isnan([found.value, found.low, found.high, found.p]).all()


def test_spearman_is_scipys_ties_and_all() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(6, size=25).astype(float)
    y = np.exp(x) + rng.normal(size=25)
    found, expected = spearman(x, y), stats.spearmanr(x, y)
    assert (found.value, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.low < found.value < found.high
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)).value)


@pytest.mark.parametrize("y", [[1.0, 2, 3], [2.0, 1, 3, 4], [1.0, 1, 2, 3, 5], [0.3, 0.1, 0.2, 0.9, 0.5, 0.4, 0.8]])
def test_the_p_of_few_pairs_is_exact_over_every_order(y: list[float]) -> None:
    """Three pairs in a perfect order come by chance once in three, whichever way; scipy counts the same."""
    x, second = np.arange(len(y), dtype=float), np.array(y)
    expected = stats.permutation_test(
        (x,), lambda one: stats.spearmanr(one, second).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    assert spearman(x, second).p == pytest.approx(expected.pvalue)
    if len(y) == 3:
        assert spearman(x, second).p == pytest.approx(1 / 3)


def test_draws_that_vary_by_rounding_alone_do_not_count() -> None:
    x, y = np.array([0.1, 0.1, 0.1, 0.1, 0.3]), np.array([0.2, 0.4, 0.2, 0.7, 0.5])
    with_offset, without = pearson(x, y), pearson(x - 0.1, y)
    assert (with_offset.low, with_offset.high) == pytest.approx((without.low, without.high))


def test_partial_is_the_correlation_of_residuals_by_the_textbook_formula() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=40)
    x, y = z + rng.normal(size=40), z + rng.normal(size=40)
    xy, xz, yz = (stats.pearsonr(*pair).statistic for pair in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    found = partial(x, y, z[None])
    assert found.value == pytest.approx(expected)
    assert abs(found.value) < xy  # what both have from z is taken out
    t = expected * np.sqrt(37 / (1 - expected**2))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 37))
    assert found.low < found.value < found.high
    assert partial(x, y, np.empty((0, 40))).value == pytest.approx(pearson(x, y).value)


def test_partial_has_no_value_where_the_controls_explain_all_or_too_few_are_left() -> None:
    x, y = np.arange(6.0), np.array([1.0, 0, 3, 2, 5, 4])
    assert np.isnan(partial(x, y, x[None]).value)
    assert np.isnan(partial(x[:4], y[:4], np.array([[1.0, 3, 2, 2]])).value)
