"""Stability of a map: how far points move on it, compared with how far a fit with another seed moves them.

A map alone does not show how uncertain it is. So it is fitted again with another seed and aligned with the first: a
movement no larger than the distance between a point's two places means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Movement:
    """How far points move on the map, and how far a refit alone moves them, in units of the map.

    Attributes
    ----------
    moved : float
        Median distance of a sentence's place after from its place before.
    noise : float
        Median distance of a point from itself in a fit with another seed, laid onto the first.
    beyond : float
        Share of sentences that move farther than the refit moves 95% of all points.
    n : int
        Sentences on the map.
    """

    moved: float
    noise: float
    beyond: float
    n: int


def compare(pre: np.ndarray, post: np.ndarray, again_pre: np.ndarray, again_post: np.ndarray) -> Movement:
    """Compare how far points move within one fit with how far they lie apart between two fits.

    Parameters
    ----------
    pre, post, again_pre, again_post : ndarray of float32, (n, 2)
        The same sentences in two joint fits.
    """
    moved = np.linalg.norm(post - pre, axis=1)
    first, second = np.concatenate([pre, post]), np.concatenate([again_pre, again_post])
    distance = np.linalg.norm(laid_onto(second, first) - first, axis=1)
    far = float(np.percentile(distance, 95))
    return Movement(float(np.median(moved)), float(np.median(distance)), float((moved > far).mean()), len(pre))


def laid_onto(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shift, turn, mirror and scale points ``(n, 2)`` as a whole, so that they lie nearest to their targets ``(n, 2)``.

    References
    ----------
    Schönemann (1966). A generalized solution of the orthogonal Procrustes problem. Psychometrika 31.
    """
    centred, centred_target = points - points.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(centred.T.astype(np.float64) @ centred_target)
    scale = s.sum() / max(float((centred**2).sum()), 1e-12)
    return np.asarray(scale * centred @ (u @ vt) + target.mean(axis=0))
