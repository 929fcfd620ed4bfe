"""Pearson correlations with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from core.stats.intervals import RESAMPLES, Interval, bootstrap_statistic


@dataclass(frozen=True)
class Correlation(Interval):
    """Pearson's r of ``n`` pairs with its 95 % percentile bootstrap interval.

    Attributes
    ----------
    p : float
        Two-sided p-value by the t distribution, of no correlation.
    """

    p: float


def pearson(x: np.ndarray, y: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> Correlation:
    """Correlate two measures; NaN throughout where one does not vary beyond rounding, or for fewer than three pairs.

    Parameters
    ----------
    x, y : ndarray of float64, (n,)
    resamples : int
        Pairs are drawn with replacement this many times; draws in which nothing varies are left out.
    """
    n = len(x)
    if n < 3 or _constant(x) or _constant(y):
        return Correlation(np.nan, np.nan, np.nan, n, np.nan)
    result = stats.pearsonr(x, y)
    interval = bootstrap_statistic(_correlations, x, y, seed=seed, resamples=resamples)
    return Correlation(float(result.statistic), interval.low, interval.high, n, float(result.pvalue))


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's r along the last axis; NaN where a side does not vary."""
    x, y = (side - side.mean(axis=-1, keepdims=True) for side in (x, y))
    spread = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    r: np.ndarray = np.divide((x * y).sum(axis=-1), spread, out=np.full(spread.shape, np.nan), where=spread > 0)
    return r


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))
