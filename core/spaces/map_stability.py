"""How sure a map is: how far points move on it, against how far a fit with another seed moves them.

A map of points says nothing of how sure it is. So the same map is fitted again with another seed and laid onto the
first: how far a point then lies from itself is what the eye should take for nothing.
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
        Share of sentences that move farther than the refit moves 95 % of all points.
    n : int
        Sentences on the map.
    """

    moved: float
    noise: float
    beyond: float
    n: int


def compare(pre: np.ndarray, post: np.ndarray, again_pre: np.ndarray, again_post: np.ndarray) -> Movement:
    """How far points move in one fit, against how far another fit puts them from themselves.

    Parameters
    ----------
    pre, post, again_pre, again_post : ndarray of float32, (n, 2)
        The same sentences in two joint fits.
    """
    moved = np.linalg.norm(post - pre, axis=1)
    once, again = np.concatenate([pre, post]), np.concatenate([again_pre, again_post])
    apart = np.linalg.norm(laid_onto(again, once) - once, axis=1)
    far = float(np.percentile(apart, 95))
    return Movement(float(np.median(moved)), float(np.median(apart)), float((moved > far).mean()), len(pre))


def laid_onto(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Points ``(n, 2)`` shifted, turned, mirrored and scaled as a whole to lie nearest to their targets ``(n, 2)``.

    References
    ----------
    Schönemann (1966). A generalized solution of the orthogonal Procrustes problem. Psychometrika 31.
    """
    here, there = points - points.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(here.T.astype(np.float64) @ there)
    scale = s.sum() / max(float((here**2).sum()), 1e-12)
    return np.asarray(scale * here @ (u @ vt) + target.mean(axis=0))
