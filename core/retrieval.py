"""Cross-lingual retrieval: for each query sentence, is the nearest candidate its translation?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.rivals import unbeaten


def normalise(embeddings: np.ndarray) -> np.ndarray:
    """Scale vectors to unit length: (..., dim) float32 to float32; a zero vector stays zero."""
    norms = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.asarray(embeddings / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)


def centre(embeddings: np.ndarray) -> np.ndarray:
    """Subtract each language's mean embedding: (n_languages, n_sentences, dim) to the same.

    The free baseline: most of what separates languages is a constant offset, which needs no intervention to remove.
    """
    return np.asarray(embeddings - embeddings.mean(axis=1, keepdims=True))


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


def wilson(rates: np.ndarray, n: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a share, by Wilson's score method: ``rates`` of ``n`` trials to (low, high).

    References
    ----------
    Wilson, E. B. (1927). Journal of the American Statistical Association 22, 209-212.
    """
    z = 1.959963984540054
    middle = (rates + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rates * (1 - rates) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
