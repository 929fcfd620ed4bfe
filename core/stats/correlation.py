"""Pearson correlations with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Correlation:
    """Pearson's r of ``n`` pairs with its 95 % percentile bootstrap interval and two-sided p-value (t distribution)."""

    r: float
    low: float
    high: float
    p: float
    n: int


def pearson(x: np.ndarray, y: np.ndarray, *, seed: int = 0, resamples: int = 2000) -> Correlation:
    """Correlate two measures; NaN throughout where one does not vary beyond rounding, or for fewer than three pairs.

    Parameters
    ----------
    x, y : ndarray of float64, (n,)
    resamples : int
        Pairs are drawn with replacement this many times; draws in which nothing varies are left out.
    """
    n = len(x)
    if n < 3 or _constant(x) or _constant(y):
        return Correlation(np.nan, np.nan, np.nan, np.nan, n)
    found = stats.pearsonr(x, y)
    rows = np.random.default_rng(seed).integers(n, size=(resamples, n))
    a, b = x[rows], y[rows]
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    spread = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    drawn = (a * b).sum(axis=1)[spread > 0] / spread[spread > 0]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Correlation(float(found.statistic), float(low), float(high), float(found.pvalue), n)


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))
