"""95% intervals: percentile bootstrap, Student's interval of a mean, Wilson's interval of a share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

RESAMPLES = 2000
_ENDS = [2.5, 97.5]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval.

    Attributes
    ----------
    value, low, high : float
        The figure and the ends of its interval; NaN where there is none.
    n : int
        Number of observations (sentences, texts, pairs) that the figure comes from.
    """

    value: float
    low: float
    high: float
    n: int


NOTHING = Interval(math.nan, math.nan, math.nan, 0)
"""Of no observation."""


def finite(value: float) -> float | None:
    """A number as JSON can hold it: None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def wilson(rates: np.ndarray, n: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of a share, by Wilson's score method: ``rates`` of ``n`` trials to (low, high).

    References
    ----------
    Wilson, E. B. (1927). Journal of the American Statistical Association 22, 209-212.
    """
    z = 1.959963984540054
    middle = (rates + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rates * (1 - rates) / n + z**2 / (4 * n**2))
    # At 0 and at 1 one end is the rate itself, which rounding would leave beside it.
    return np.clip(middle - half, 0.0, rates), np.clip(middle + half, rates, 1.0)


def student(
    samples: Sequence[np.ndarray], weights: Sequence[float] = (1.0,), least: float = -math.inf, most: float = math.inf
) -> Interval:
    """Student's interval of a mean, for few observations; its ends are limited to the range of a value.

    Parameters
    ----------
    samples : sequence of ndarray of float, (n,)
        At least two observations each; of several, the weighted sum of their means.
    weights : sequence of float
        One a sample.
    least, most : float
        The range of a value.

    References
    ----------
    Degrees of freedom of several samples: Satterthwaite (1946). Biometrics Bulletin 2, 110-114.
    """
    sizes = np.array([len(values) for values in samples])
    mean = float(sum(weight * values.mean() for weight, values in zip(weights, samples, strict=True)))
    parts = np.asarray(weights) ** 2 * np.array([values.var(ddof=1) for values in samples]) / sizes
    variance = float(parts.sum())
    freedom = variance**2 / float((parts**2 / (sizes - 1)).sum()) if variance else float(sizes.sum() - 1)
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(variance)
    return Interval(mean, max(least, mean - half), min(most, mean + half), int(sizes.sum()))


def wilson_of(samples: Sequence[np.ndarray], weights: Sequence[float] = (1.0,)) -> Interval:
    """Wilson's interval of a share over sentences, each a trial; of several samples, the weighted sum of their shares.

    Parameters
    ----------
    samples : sequence of ndarray of float, (n,)
        A hit, or a share of hits, a sentence. Of several, the trials are as many as give a mean of so many the same
        variance.
    weights : sequence of float
        One a sample; their sum is 1.
    """
    share = float(sum(weight * values.mean() for weight, values in zip(weights, samples, strict=True)))
    sizes = np.array([len(values) for values in samples])
    low, high = wilson(np.array(share), 1 / float((np.square(weights) / sizes).sum()))
    return Interval(share, float(low), float(high), int(sizes.sum()))


def share_of(values: np.ndarray, *, seed: int = 0) -> Interval:
    """`bootstrap` of a share over sentences; Wilson's interval where no value differs, of which none can be drawn.

    Parameters
    ----------
    values : ndarray of float64, (n_sentences,)
        A hit, or a share of hits, a sentence.

    >>> share_of(np.ones(4)).low < 0.6
    True
    """
    return bootstrap(values, seed=seed) if np.ptp(values) > 0 else wilson_of([values])


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
    return _percentile(float(values.mean()), _counts(len(values), resamples, seed) @ values / len(values), len(values))


def bootstrap_ratio(
    numerators: np.ndarray, denominators: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Percentile bootstrap of a ratio of two sums, drawn together; for example a mean over tokens by drawing texts.

    Parameters
    ----------
    numerators, denominators : ndarray of float64, (n_texts,)
    """
    numerators, denominators = (np.asarray(side, dtype=np.float64) for side in (numerators, denominators))
    counts = _counts(len(numerators), resamples, seed)
    ratio = float(numerators.sum() / denominators.sum())
    return _percentile(ratio, (counts @ numerators) / (counts @ denominators), len(numerators))


def bootstrap_statistic(
    statistic: Callable[..., np.ndarray | np.floating], *samples: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Percentile bootstrap of any statistic of a few observations, paired if there are several samples of them.

    Parameters
    ----------
    statistic : callable
        From samples of shape (..., n) to one number along their last axis; NaN of a draw leaves that draw out.
    samples : ndarray of float64, (n,)
    """
    n = len(samples[0])
    rows = np.random.default_rng(seed).integers(n, size=(resamples, n))
    drawn = np.asarray(statistic(*(sample[rows] for sample in samples)))
    return _percentile(float(statistic(*samples)), drawn[~np.isnan(drawn)], n)


def resampled_means(values: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Means of draws of sentences with replacement: (n_sentences, ...) to float64, (resamples, ...).

    All values of a sentence are drawn together. `from_resamples` makes an interval of what is computed from the means.
    """
    flat = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    means = _counts(len(values), resamples, seed) @ flat / len(values)
    return np.asarray(means.reshape(-1, *values.shape[1:]))


def from_resamples(value: float, drawn: np.ndarray, n: int) -> Interval:
    """Make the interval of a figure of ``n`` observations from its values in draws; draws that are NaN are left out."""
    drawn = drawn[~np.isnan(drawn)]
    return _percentile(value, drawn, n) if len(drawn) else Interval(value, math.nan, math.nan, n)


def _percentile(value: float, drawn: np.ndarray, n: int) -> Interval:
    low, high = np.percentile(drawn, _ENDS)
    return Interval(value, float(low), float(high), n)


# Drawing the counts takes a hundred times as long as a mean, and all languages of a page use the same counts.
@lru_cache(maxsize=4)
def _counts(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of ``n`` sentences is drawn: (resamples, n), every row summing to n; read-only."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=resamples).astype(np.float64)
    drawn.setflags(write=False)
    return drawn
