"""Whether a difference is more than chance: McNemar's test, Wilcoxon's signed ranks, Holm's correction."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

LEVEL = 0.05
"""Below it, a corrected p-value counts as a difference."""


def mcnemar(pre: np.ndarray, post: np.ndarray) -> float:
    """Exact two-sided McNemar test of paired hits: the p-value under "fixed and broken are equally likely".

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


def signed_ranks(differences: np.ndarray, mean: float | None = None, size: float | None = None) -> float:
    """Wilcoxon's two-sided signed-rank test that paired differences ``(n,)`` lie around zero; 1 if all are zero.

    Parameters
    ----------
    differences : ndarray of float64, (n,)
    mean : float, optional
        Of what is claimed; that of the differences unless given. The p-value is 1 where the ranks lie the other way:
        many sentences lose a little and a few gain much, and no direction can be claimed of both.
    size : float, optional
        The largest of the values that were subtracted; the largest difference unless given. Means of the same hits in
        another order differ in their last bits, of float32 where these are kept: a millionth of it counts as equal.

    References
    ----------
    Wilcoxon (1945). Biometrics Bulletin 1, 80-83; zeros are left out.
    """
    claimed = differences.mean() if mean is None else mean
    size = float(np.abs(differences).max(initial=0.0)) if size is None else size
    if size < 1e-12:
        return 1.0
    differences = np.round(differences / size, 6)
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    ranks = np.sign(differences) @ stats.rankdata(np.abs(differences))
    return float(stats.wilcoxon(differences).pvalue) if ranks * claimed >= 0 else 1.0


def fewest_pairs(tests: int, level: float = LEVEL) -> int:
    """The fewest pairs with which signed ranks can show a difference, where Holm corrects for that many tests.

    Of ``n`` pairs that all differ one way, the exact p-value is ``2 ** (1 - n)``.

    >>> fewest_pairs(1), fewest_pairs(8)
    (6, 9)
    """
    return math.floor(1 + math.log2(tests / level)) + 1


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
