"""How far apart languages lie in an embedding space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.spaces.similarity import normalise


def pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """Mean cosine distance between translations, by language pair.

    Parameters
    ----------
    embeddings : ndarray of float32, (n_languages, n_sentences, dim)

    Returns
    -------
    ndarray of float64, (n_languages, n_languages)
        Symmetric; NaN on the diagonal.
    """
    unit = normalise(embeddings).astype(np.float64)
    n_sentences = unit.shape[1]
    distance: np.ndarray = 1.0 - np.einsum("asd,bsd->ab", unit, unit, optimize=True) / n_sentences
    np.fill_diagonal(distance, np.nan)
    return distance


def medoid(embeddings: np.ndarray) -> int:
    """Index of the embedding with the least summed cosine distance to all others: (n, dim) to int.

    The sum over others of ``1 - u_i . u_j`` is ``n - u_i . sum(u)``, so one product finds it.
    """
    unit = normalise(embeddings).astype(np.float64)
    return int((unit @ unit.sum(axis=0)).argmax())


def medoid_distances(embeddings: Sequence[np.ndarray]) -> np.ndarray:
    """Cosine distance from each language's mean embedding to the medoid of the space.

    Parameters
    ----------
    embeddings : sequence of ndarray of float32, (n_sentences, dim)
        One array a language; they may differ in length.

    Returns
    -------
    ndarray of float64, (n_languages,)
    """
    flat = np.concatenate(list(embeddings))
    middle = normalise(flat[medoid(flat)]).astype(np.float64)
    means = np.stack([language.mean(axis=0) for language in embeddings])
    return np.asarray(1.0 - normalise(means).astype(np.float64) @ middle)
