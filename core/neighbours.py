"""The nearest neighbours of one sentence in another language, before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.engine import Run
from core.retrieval import centre, normalise

COMPARISONS = ("cosine", "centred")


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


@dataclass(frozen=True)
class SentenceView:
    """One sentence's neighbours in every other language of its group, in both spaces.

    Attributes
    ----------
    found : dict of code to (pre, post)
    """

    found: dict[str, tuple[Neighbours, Neighbours]]


def of_sentence(run: Run, group: int, query: str, row: int, comparison: str = "cosine", k: int = 5) -> SentenceView:
    """Look one sentence's neighbours up.

    Parameters
    ----------
    group : int
        Set of evaluation rows.
    query : str
        Language of the sentence.
    row : int
        Its row in the group.
    comparison : {"cosine", "centred"}
        Centred: each language's mean is subtracted first.
    """
    _, intervention = run.spaces()
    languages = run.plan.groups[group].languages
    spaces = [run.stages.embeddings(group, which, run.plan.layer) for which in (None, intervention)]
    if comparison == "centred":
        spaces = [centre(space) for space in spaces]
    at = languages.index(query)
    return SentenceView(
        {
            code: (
                nearest(spaces[0][at, row], spaces[0][number], row, k),
                nearest(spaces[1][at, row], spaces[1][number], row, k),
            )
            for number, code in enumerate(languages)
            if number != at
        }
    )
