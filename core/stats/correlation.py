"""Correlations with bootstrap intervals: Pearson's, Spearman's, and partial."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import stats

from core.stats.intervals import RESAMPLES, Interval, bootstrap_statistic

_EXACT_UP_TO = 8  # pairs: 40,320 orders


@dataclass(frozen=True)
class Correlation(Interval):
    """A coefficient of ``n`` pairs with its 95% percentile bootstrap interval.

    Attributes
    ----------
    p : float
        Two-sided p-value of no correlation: by the t distribution, of few ranks over every order (`spearman`).
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


def spearman(x: np.ndarray, y: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> Correlation:
    """Correlate the ranks of two measures; parameters as `pearson`.

    The p-value of up to eight pairs is exact, over every order of one side: of so few, the t distribution would call a
    perfect order certain, which of three pairs comes by chance once in three, whichever way.

    References
    ----------
    Spearman (1904). American Journal of Psychology 15, 72-101; ties have their mean rank.
    """
    n = len(x)
    if n < 3 or _constant(x) or _constant(y):
        return Correlation(np.nan, np.nan, np.nan, n, np.nan)
    interval = bootstrap_statistic(_rank_correlations, x, y, seed=seed, resamples=resamples)
    p = _exact_p(x, y) if n <= _EXACT_UP_TO else _p(interval.value, n - 2)
    return Correlation(interval.value, interval.low, interval.high, n, p)


def partial(
    x: np.ndarray, y: np.ndarray, controls: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> Correlation:
    """Correlate two measures with the linear influence of others taken out of both.

    Parameters
    ----------
    x, y : ndarray of float64, (n,)
    controls : ndarray of float64, (n_controls, n)
        What is held fixed.

    Returns
    -------
    Correlation
        NaN throughout where fewer than two degrees of freedom are left, or nothing varies that the controls do not
        explain.

    References
    ----------
    Pearson's r of the residuals of least squares; Fisher (1924). Metron 3, 329-332, for its ``n - 2 - n_controls``
    degrees of freedom.
    """
    n, freedom = len(x), len(x) - 2 - len(controls)
    if freedom < 2 or _constant(x) or _constant(y):
        return Correlation(np.nan, np.nan, np.nan, n, np.nan)
    r = float(_partial_correlations(x, y, *controls))
    if np.isnan(r):
        return Correlation(np.nan, np.nan, np.nan, n, np.nan)
    interval = bootstrap_statistic(_partial_correlations, x, y, *controls, seed=seed, resamples=resamples)
    return Correlation(r, interval.low, interval.high, n, _p(r, freedom))


def _p(r: float, freedom: int) -> float:
    """Two-sided p-value of a coefficient by the t distribution."""
    if abs(r) >= 1.0:
        return 0.0
    return float(2 * stats.t.sf(abs(r) * np.sqrt(freedom / (1 - r**2)), freedom))


def _exact_p(x: np.ndarray, y: np.ndarray) -> float:
    """Two-sided p-value of a rank correlation: the share of orders of one side that correlate as strongly or more."""
    first, second = stats.rankdata(x), stats.rankdata(y)
    orders = second[np.array(list(permutations(range(len(second)))))]
    strength = np.abs((orders - second.mean()) @ (first - first.mean()))
    # the given order is the first of them; rounding must not tell equal ones apart
    return float((strength >= strength[0] * (1 - 1e-9)).mean())


def _rank_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _correlations(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1))


def _partial_correlations(x: np.ndarray, y: np.ndarray, *controls: np.ndarray) -> np.ndarray:
    """Pearson's r of residuals along the last axis; NaN where the controls leave nothing of a side."""
    design = np.stack([np.ones_like(x), *controls], axis=-1)  # (..., n, 1 + n_controls)
    fit = design @ np.linalg.pinv(design)
    left = []
    for side in (x, y):
        residual = side - (fit @ side[..., None])[..., 0]
        spread = np.sqrt((residual**2).sum(axis=-1, keepdims=True))
        whole = np.sqrt(((side - side.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1, keepdims=True))
        left.append(np.where(spread > 1e-9 * whole, residual, 0.0))
    return _correlations(*left)


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's r along the last axis; NaN where a side does not vary beyond rounding."""
    sizes = [np.sqrt((side**2).sum(axis=-1)) for side in (x, y)]
    x, y = (side - side.mean(axis=-1, keepdims=True) for side in (x, y))
    spreads = [np.sqrt((side**2).sum(axis=-1)) for side in (x, y)]
    vary = np.logical_and(*(spread > 1e-12 * size for spread, size in zip(spreads, sizes, strict=True)))
    nothing = np.full(vary.shape, np.nan)
    r: np.ndarray = np.divide((x * y).sum(axis=-1), spreads[0] * spreads[1], out=nothing, where=vary)
    return r


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))
