"""Cross-lingual retrieval: the rank at which a sentence finds its translation, and whether that is the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.spaces.exact_top1 import unbeaten
from core.spaces.similarity import COSINE, Comparison, normalise
from core.stats.units import RECIPROCAL_RANK, SHARE, Unit


def ranks(similarity: np.ndarray) -> np.ndarray:
    """Rank each query's own translation among all candidates, 1 for the first.

    Parameters
    ----------
    similarity : ndarray of float32, (n, n)
        Queries by candidates; candidate ``i`` translates query ``i``.

    Returns
    -------
    ndarray of int32, (n,)
        Of equal candidates the one that comes first counts as nearer, as in `correct`.

    Examples
    --------
    The second sentence's translation comes after another one:

    >>> ranks(np.array([[0.9, 0.2], [0.7, 0.6]], dtype=np.float32))
    array([1, 2], dtype=int32)
    """
    own = similarity.diagonal()[:, None]
    before = np.arange(len(similarity))[None, :] < np.arange(len(similarity))[:, None]
    nearer = (similarity > own) | ((similarity == own) & before)
    return np.asarray(1 + nearer.sum(axis=1), dtype=np.int32)


def hits_at(ranks: np.ndarray, k: int) -> np.ndarray:
    """Whether the translation is among the first ``k``: ranks (..., n) to bool (..., n)."""
    return ranks <= k


def reciprocal(ranks: np.ndarray) -> np.ndarray:
    """Reciprocal ranks, whose mean is the MRR: ranks (..., n) to float64 (..., n)."""
    return 1.0 / ranks


@dataclass(frozen=True)
class RankMeasure:
    """A measure of retrieval that is read from the ranks of translations.

    Attributes
    ----------
    name : str
        In links and lists.
    title : str
        For an axis.
    about : str
        What it says, in plain words.
    unit : Unit
    value : callable
        From ranks (..., n) to each sentence's value, float64 (..., n), whose mean is the measure.
    hits : bool
        Every sentence's value is 0 or 1: a sentence is found or not.
    """

    name: str
    title: str
    about: str
    unit: Unit
    value: Callable[[np.ndarray], np.ndarray]
    hits: bool = True


RANK_MEASURES = {
    measure.name: measure
    for measure in (
        RankMeasure(
            "top-1",
            "found first (top-1)",
            "the translation comes first",
            SHARE,
            lambda ranks: hits_at(ranks, 1).astype(np.float64),
        ),
        RankMeasure(
            "top-5",
            "found among the first five",
            "it is among the first five",
            SHARE,
            lambda ranks: hits_at(ranks, 5).astype(np.float64),
        ),
        RankMeasure(
            "MRR", "mean reciprocal rank", "the mean of one over its rank", RECIPROCAL_RANK, reciprocal, hits=False
        ),
    )
}
"""Every measure of retrieval that ranks give, by name; the first is the usual one."""


def correct(embeddings: np.ndarray, by: Comparison = COSINE) -> np.ndarray:
    """Whether each sentence retrieves its translation, for every ordered pair of languages.

    Parameters
    ----------
    embeddings : ndarray of float32, (n_languages, n_sentences, dim)
        Row ``i`` of every language is one meaning.
    by : Comparison
        The way of comparing, fitted on these embeddings.

    Returns
    -------
    ndarray of bool, (n_languages, n_languages, n_sentences)
        ``[q, c, i]``: of all candidates in language ``c``, the one with the highest similarity to query sentence ``i``
        of language ``q`` is ``i``. Of equal candidates the first counts, so that a space collapsed to one point scores
        1/n and not 1. The diagonal is not meaningful: a sentence finds itself, and stands as true.
    """
    return _hits(embeddings, range(len(embeddings)), by)


def correct_of(embeddings: np.ndarray, query: int, by: Comparison = COSINE) -> np.ndarray:
    """One row of `correct`, for one query language: (n_languages, n_sentences) bool."""
    hits: np.ndarray = _hits(embeddings, [query], by)[0]
    return hits


def _hits(embeddings: np.ndarray, queries: Sequence[int], by: Comparison) -> np.ndarray:
    """Rows of `correct` for some query languages: (n_queries, n_languages, n_sentences) bool."""
    space = by.transformed(embeddings)
    finite = np.isfinite(space).all(axis=-1)
    unit = normalise(space if finite.all() else np.where(finite[..., None], space, 0))
    first = unbeaten(unit, queries) if by.adjust is None else _first_when_adjusted(unit, queries, by)
    # an embedding that is not finite is no neighbour of any
    hits: np.ndarray = first & finite & finite[list(queries), None]
    hits[np.arange(len(queries)), list(queries)] = True
    return hits


def _first_when_adjusted(unit: np.ndarray, queries: Sequence[int], by: Comparison) -> np.ndarray:
    """Whether translations come first after the adjustment: (n_queries, n_languages, n_sentences) bool.

    Two query languages share one table, which serves both directions.
    """
    place = {language: number for number, language in enumerate(queries)}
    first = np.ones((len(place), *unit.shape[:2]), dtype=bool)
    for query, number in place.items():
        for candidate in range(len(unit)):
            if candidate == query or (candidate in place and candidate > query):
                continue
            table = by.adjusted(unit[query] @ unit[candidate].T)
            first[number, candidate] = ranks(table) == 1
            if candidate in place:
                first[place[candidate], query] = ranks(table.T) == 1
    return first


def top1(embeddings: np.ndarray, by: Comparison = COSINE) -> np.ndarray:
    """Share of queries whose nearest candidate is the translation: (n_languages, n_languages) float64, NaN diagonal.

    Rows are query languages, columns candidate languages; es->fr is not fr->es.
    """
    rates: np.ndarray = correct(embeddings, by).mean(axis=2)
    np.fill_diagonal(rates, np.nan)
    return rates


def top1_of(embeddings: np.ndarray, query: int, by: Comparison = COSINE) -> np.ndarray:
    """One row of `top1`, for one query language: (n_languages,) float64, NaN for the language itself."""
    rates: np.ndarray = correct_of(embeddings, query, by).mean(axis=1)
    rates[query] = np.nan
    return rates
