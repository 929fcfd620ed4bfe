"""Embedding spaces made by hand."""

from __future__ import annotations

import numpy as np


def spaces(seed: int, n_languages: int = 3, n_sentences: int = 17, dim: int = 8, noise: float = 1.0) -> np.ndarray:
    """Translations share a meaning, languages an offset."""
    random = np.random.default_rng(seed)
    meaning = random.normal(size=(1, n_sentences, dim))
    offset = random.normal(size=(n_languages, 1, dim))
    return (meaning + offset + noise * random.normal(size=(n_languages, n_sentences, dim))).astype(np.float32)
