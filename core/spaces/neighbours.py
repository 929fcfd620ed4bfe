"""The candidates nearest to one query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.spaces.similarity import normalise


@dataclass(frozen=True)
class Neighbours:
    """The candidates nearest to one query in one space.

    Attributes
    ----------
    rows : ndarray of int64, (k,)
        Nearest first; of equal ones the first.
    similarity : ndarray of float32, (k,)
    own_rank : int
        Rank of the translation, from 1.
    own_similarity : float
    """

    rows: np.ndarray
    similarity: np.ndarray
    own_rank: int
    own_similarity: float


def nearest(query: np.ndarray, candidates: np.ndarray, row: int, k: int = 5) -> Neighbours:
    """Neighbours of one query.

    Parameters
    ----------
    query : ndarray of float32, (hidden,)
    candidates : ndarray of float32, (n, hidden)
    row : int
        Of the translation among the candidates.
    """
    similarity = np.asarray(normalise(candidates) @ normalise(query[None])[0], dtype=np.float32)
    order = np.argsort(-similarity, kind="stable")
    rank = int(np.flatnonzero(order == row)[0]) + 1
    return Neighbours(order[:k], similarity[order[:k]], rank, float(similarity[row]))
