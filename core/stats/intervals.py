"""Intervals: bootstrap over sentences, Wilson's interval of a share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


def finite(value: float) -> float | None:
    """A number as JSON can hold it: None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def wilson(rates: np.ndarray, n: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a share, by Wilson's score method: ``rates`` of ``n`` trials to (low, high).

    References
    ----------
    Wilson, E. B. (1927). Journal of the American Statistical Association 22, 209-212.
    """
    z = 1.959963984540054
    middle = (rates + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rates * (1 - rates) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(values: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Percentile bootstrap of a mean over sentences.

    Parameters
    ----------
    values : ndarray of float64, (n_sentences,)
        One value a sentence; for a mean over languages, the sentence's mean, so that its languages are drawn together.
        For a difference, the difference: both sides are then drawn together (paired).

    References
    ----------
    Efron and Tibshirani (1993). An Introduction to the Bootstrap, chapter 13.
    """
    values = np.asarray(values, dtype=np.float64)
    drawn = _weights(len(values), resamples, seed) @ values / len(values)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


# Drawing them takes a hundred times as long as a mean does, and every language of a page is drawn alike.
@lru_cache(maxsize=4)
def _weights(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of ``n`` sentences is drawn: (resamples, n), every row summing to n; read-only."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=resamples).astype(np.float64)
    drawn.setflags(write=False)
    return drawn
