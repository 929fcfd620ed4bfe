"""How sure a difference is: bootstrap over sentences, McNemar's test, Holm's correction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

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


def mcnemar(pre: np.ndarray, post: np.ndarray) -> float:
    """Exact two-sided McNemar test of paired hits: p-value of as many fixed against broken if either were as likely.

    Parameters
    ----------
    pre, post : ndarray of bool, (n_sentences,)

    References
    ----------
    McNemar (1947). Psychometrika 12, 153-157; exact form: the binomial test of the discordant pairs.
    """
    fixed, broken = int((~pre & post).sum()), int((pre & ~post).sum())
    if fixed + broken == 0:
        return 1.0
    return float(stats.binomtest(fixed, fixed + broken, 0.5).pvalue)


def signed_ranks(differences: np.ndarray) -> float:
    """Wilcoxon's two-sided signed-rank test that paired differences ``(n,)`` lie around zero; 1 if all are zero.

    References
    ----------
    Wilcoxon (1945). Biometrics Bulletin 1, 80-83; zeros are left out.
    """
    differences = differences[differences != 0]
    return float(stats.wilcoxon(differences).pvalue) if len(differences) else 1.0


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of p-values for testing several at once: (m,) to (m,), each at most 1.

    References
    ----------
    Holm (1979). Scandinavian Journal of Statistics 6, 65-70.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=np.float64)[order] * (len(order) - np.arange(len(order)))
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
