"""Similarity between the sentences of two languages: cosine, mean-centred cosine, CSLS."""

from __future__ import annotations

import numpy as np
import torch

_CSLS_NEIGHBOURS = 10


def csls(similarity: np.ndarray, k: int = _CSLS_NEIGHBOURS) -> np.ndarray:
    """Cross-domain similarity local scaling: ``2 s(q, c) - r(q) - r(c)``, float32 of the same shape.

    ``r(q)`` is the mean similarity of query ``q`` to its ``k`` nearest candidates, ``r(c)`` that of candidate ``c`` to
    its ``k`` nearest queries: what is near to everything is near to nothing in particular.

    References
    ----------
    Conneau, Lample, Ranzato, Denoyer and Jégou (2018). Word translation without parallel data. ICLR.
    """
    table = torch.from_numpy(np.ascontiguousarray(similarity))
    k = min(k, *table.shape)
    of_queries = table.topk(k, dim=1).values.mean(dim=1, keepdim=True)
    of_candidates = table.topk(k, dim=0).values.mean(dim=0, keepdim=True)
    return np.asarray((2 * table - of_queries - of_candidates).numpy())


def normalise(embeddings: np.ndarray) -> np.ndarray:
    """Scale vectors to unit length: (..., dim) float32 to float32; a zero vector stays zero."""
    norms = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.asarray(embeddings / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)


def centre(embeddings: np.ndarray) -> np.ndarray:
    """Subtract each language's mean embedding: (n_languages, n_sentences, dim) to the same.

    The free baseline: most of what separates languages is a constant offset, which needs no intervention to remove.
    """
    return np.asarray(embeddings - embeddings.mean(axis=1, keepdims=True))
