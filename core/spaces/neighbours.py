"""The candidates nearest to one query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Neighbours:
    """The candidates nearest to one query in one space.

    Attributes
    ----------
    rows : ndarray of int64, (k,)
        Nearest first; of equal ones the first.
    similarity : ndarray of float32, (k,)
        Higher is nearer; a cosine, unless the way of comparing adjusts it.
    own_rank : int
        Rank of the translation, from 1.
    own_similarity : float
    """

    rows: np.ndarray
    similarity: np.ndarray
    own_rank: int
    own_similarity: float


def nearest(similarity: np.ndarray, row: int, k: int = 5) -> Neighbours:
    """Find the candidates nearest to one query.

    Parameters
    ----------
    similarity : ndarray of float32, (n_candidates,)
        Of the query to every candidate.
    row : int
        Of the translation among the candidates.
    """
    order = np.argsort(-similarity, kind="stable")
    rank = int(np.flatnonzero(order == row)[0]) + 1
    return Neighbours(order[:k], similarity[order[:k]], rank, float(similarity[row]))
