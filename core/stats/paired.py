"""A difference of two figures of the same sentences: paired interval, test, and which way it certainly goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.stats.intervals import Interval, from_resamples, resampled_means, wilson_of
from core.stats.significance import LEVEL, signed_ranks

Part = tuple[float, np.ndarray]
"""A weight, and one value a sentence of a set of rows, (n,): a figure is the weighted sum of the sets' means."""


def figure(parts: Sequence[Part]) -> Interval:
    """A figure with its 95% interval, by drawing sentences (percentile bootstrap); sets are drawn independently.

    Parameters
    ----------
    parts : sequence of (weight, ndarray of float64, (n,))
        One a set of rows.
    """
    drawn = np.sum([weight * resampled_means(values, seed=seed) for seed, (weight, values) in enumerate(parts)], axis=0)
    return from_resamples(mean(parts), drawn, sum(len(values) for _, values in parts))


def share(parts: Sequence[Part]) -> Interval:
    """`figure` of a share; Wilson's interval where no set has values that differ, of which none can be drawn.

    Parameters
    ----------
    parts : sequence of (weight, ndarray of float64, (n,))
        One a set of rows, with weights whose sum is 1: a hit, or a share of hits, a sentence.
    """
    if any(np.ptp(values) > 0 for _, values in parts):
        return figure(parts)
    return wilson_of([values for _, values in parts], [weight for weight, _ in parts])


def mean(parts: Sequence[Part]) -> float:
    """A figure from its parts: the weighted sum of the sets' means.

    >>> mean([(0.5, np.array([0.0, 1.0])), (0.5, np.array([1.0]))])
    0.75
    """
    return sum(weight * float(values.mean()) for weight, values in parts)


def difference(first: Sequence[Part], second: Sequence[Part]) -> tuple[Interval, float]:
    """Subtract one figure from another, sentence by sentence.

    Parameters
    ----------
    first, second : sequence of (weight, ndarray of float64, (n,))
        One a set of rows, in the same order, of the same sentences and weights; sets are drawn independently.

    Returns
    -------
    Interval
        The first minus the second; 95%, by drawing sentences for both together (percentile bootstrap).
    float
        p-value of Wilcoxon's signed-rank test of the sentences' differences, before any correction; 1 where the ranks
        lie the other way than the difference.
    """
    parts = [(weight, one - other) for (weight, one), (_, other) in zip(first, second, strict=True)]
    value = mean(parts)
    drawn = np.sum([weight * resampled_means(values, seed=seed) for seed, (weight, values) in enumerate(parts)], axis=0)
    every = np.concatenate([values for _, values in parts])
    size = max(float(np.abs(values).max(initial=0.0)) for _, values in (*first, *second))
    return from_resamples(value, drawn, len(every)), signed_ranks(every, value, size)


MARGIN = 0.05
"""Shares whose difference lies within it are alike in practice: five points."""


def is_level(difference: Interval) -> bool:
    """Whether two shares are shown to be alike: their interval holds zero and lies within `MARGIN` of it.

    A wide interval that holds zero shows neither a difference nor that there is none. Where no sentence differs, none
    can be drawn that does: of others, 3 in ``n`` may (the rule of three; Hanley and Lippman-Hand, 1983. JAMA 249,
    1743-1745).

    >>> is_level(Interval(0.0, -0.02, 0.03, 500)), is_level(Interval(0.15, -0.04, 0.35, 20))
    (True, False)
    >>> is_level(Interval(0.0, 0.0, 0.0, 60)), is_level(Interval(0.0, 0.0, 0.0, 10))
    (True, False)
    """
    if difference.low == difference.high == 0:
        return 3 / difference.n <= MARGIN
    return -MARGIN <= difference.low <= 0 <= difference.high <= MARGIN


def sign(difference: Interval, p: float) -> int:
    """Which way a difference goes: 1 or -1; 0 where its interval holds zero or the corrected p-value is not below .05.

    >>> sign(Interval(0.2, 0.1, 0.3, 50), 0.001), sign(Interval(0.2, -0.1, 0.3, 50), 0.001)
    (1, 0)
    """
    sure = p < LEVEL and not difference.low <= 0 <= difference.high
    return int(np.sign(difference.value)) if sure else 0
