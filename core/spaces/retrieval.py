"""Cross-lingual retrieval: for each query sentence, is the nearest candidate its translation?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.spaces.exact_top1 import unbeaten
from core.spaces.similarity import normalise


def ranks(similarity: np.ndarray) -> np.ndarray:
    """The rank of each query's own translation, 1 for the first.

    Parameters
    ----------
    similarity : ndarray of float32, (n, n)
        Queries by candidates; candidate ``i`` translates query ``i``.

    Returns
    -------
    ndarray of int32, (n,)
        Of equal candidates the one that comes first counts as nearer, as in `core.spaces.retrieval.correct`.
    """
    own = similarity.diagonal()[:, None]
    before = np.arange(len(similarity))[None, :] < np.arange(len(similarity))[:, None]
    nearer = (similarity > own) | ((similarity == own) & before)
    return np.asarray(1 + nearer.sum(axis=1), dtype=np.int32)


def hits_at(found: np.ndarray, k: int) -> np.ndarray:
    """Whether the translation is among the first ``k``: ranks (..., n) to bool (..., n)."""
    return found <= k


def reciprocal(found: np.ndarray) -> np.ndarray:
    """Reciprocal ranks, whose mean is the MRR: ranks (..., n) to float64 (..., n)."""
    return 1.0 / found


def correct(embeddings: np.ndarray) -> np.ndarray:
    """Whether each sentence retrieves its translation, for every ordered pair of languages.

    Parameters
    ----------
    embeddings : ndarray of float32, (n_languages, n_sentences, dim)
        Row ``i`` of every language is one meaning.

    Returns
    -------
    ndarray of bool, (n_languages, n_languages, n_sentences)
        ``[q, c, i]``: of all candidates in language ``c``, the one with the highest cosine similarity to query sentence
        ``i`` of language ``q`` is ``i``. Of equal candidates the first counts, so that a space collapsed to one point
        scores 1/n and not 1. The diagonal is not meaningful: a sentence finds itself, and stands as true.
    """
    return _hits(embeddings, range(len(embeddings)))


def correct_of(embeddings: np.ndarray, query: int) -> np.ndarray:
    """One row of `correct`, for one query language: (n_languages, n_sentences) bool."""
    hits: np.ndarray = _hits(embeddings, [query])[0]
    return hits


def _hits(embeddings: np.ndarray, queries: Sequence[int]) -> np.ndarray:
    """Rows of `correct` for some query languages: (n_queries, n_languages, n_sentences) bool."""
    finite = np.isfinite(embeddings).all(axis=-1)
    unit = normalise(embeddings if finite.all() else np.where(finite[..., None], embeddings, 0))
    # what is not finite is near to nothing
    hits: np.ndarray = unbeaten(unit, queries) & finite & finite[list(queries), None]
    hits[np.arange(len(queries)), list(queries)] = True
    return hits


def top1(embeddings: np.ndarray) -> np.ndarray:
    """Share of queries whose nearest candidate is the translation: (n_languages, n_languages) float64, NaN diagonal.

    Rows are query languages, columns candidate languages; es->fr is not fr->es.
    """
    rates: np.ndarray = correct(embeddings).mean(axis=2)
    np.fill_diagonal(rates, np.nan)
    return rates


def top1_of(embeddings: np.ndarray, query: int) -> np.ndarray:
    """One row of `top1`, for one query language: (n_languages,) float64, NaN for the language itself."""
    rates: np.ndarray = correct_of(embeddings, query).mean(axis=1)
    rates[query] = np.nan
    return rates
