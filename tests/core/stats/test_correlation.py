"""Correlations against scipy's and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.stats.correlation import pearson


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
