"""The published figures: Sundar et al., ACL 2025 (arXiv 2502.15639)."""

from __future__ import annotations

import pandas as pd

SOURCE = "Sundar et al. 2025, Steering into New Embedding Spaces, ACL 2025 (arXiv 2502.15639)"
MODELS = ("Aya-8b", "Bloom-7b", "PolyLM-13b")
LANGUAGES = (
    "th", "cs", "de", "el", "en", "fr", "he", "hi", "id", "it", "ja",
    "ko", "nl", "fa", "pl", "pt", "ro", "ru", "es", "tr", "uk", "vi",
)  # fmt: skip
TARGETS = ("en", "de", "fr", "es", "ja")
EXPERTS = {"Aya-8b": 2000, "Bloom-7b": 100, "PolyLM-13b": 2000}
MEAN_SCORE = {"Aya-8b": 0.97, "Bloom-7b": 0.99, "PolyLM-13b": 0.83}
# FLORES, target as query, in percentage points over candidate languages.
GAIN = {"Aya-8b": (32.0, 74.0), "Bloom-7b": (14.0, 89.0), "PolyLM-13b": (0.5, 12.0)}  # median, maximum
PARAPHRASE = {"Aya-8b": (0.85, 0.86, 0.64), "Bloom-7b": (0.80, 0.80, 0.33), "PolyLM-13b": (0.52, 0.56, 0.41)}  # es

_DISTANCES = {
    "Aya-8b": ((0.72, 0.19), (0.77, 0.20), (0.62, 0.14), (0.58, 0.12)),
    "Bloom-7b": ((0.72, 0.17), (0.78, 0.13), (0.60, 0.04), (0.50, 0.11)),
    "PolyLM-13b": ((0.85, 0.56), (0.86, 0.54), (0.72, 0.43), (0.72, 0.43)),
}
DISTANCE_NAMES = ("all pairs", "to target", "to medoid, target", "to medoid, others")

_WITH_ENGLISH = {
    "Aya-8b": ((0.114, 0.415), (0.087, 0.251), (0.119, 0.444), (0.034, 0.307), (0.012, 0.073), (0.017, 0.332)),
    "Bloom-7b": ((0.008, 0.551), (0.011, 0.434), (0.006, 0.032), (0.002, 0.043), (0.000, 0.287), (0.000, 0.020)),
    "PolyLM-13b": ((0.082, 0.178), (0.067, 0.130), (0.029, 0.171), (0.000, 0.040), (0.006, 0.286), (0.008, 0.281)),
}
_ENGLISH_SETS = (
    ("Tatoeba", "es"),
    ("Tatoeba", "fr"),
    ("Tatoeba", "de"),
    ("Tatoeba", "ja"),
    ("BUCC-18", "fr"),
    ("BUCC-18", "de"),
)


def distances() -> pd.DataFrame:
    """Cosine distances, mean over five targets: ``model, distance, pre, post``."""
    rows = [
        {"model": model, "distance": name, "pre": pre, "post": post}
        for model, values in _DISTANCES.items()
        for name, (pre, post) in zip(DISTANCE_NAMES, values, strict=True)
    ]
    return pd.DataFrame(rows)


def with_english() -> pd.DataFrame:
    """Top-1 retrieval with English: ``model, corpus, language, pre, post``."""
    rows = [
        {"model": model, "corpus": corpus, "language": language, "pre": pre, "post": post}
        for model, values in _WITH_ENGLISH.items()
        for (corpus, language), (pre, post) in zip(_ENGLISH_SETS, values, strict=True)
    ]
    return pd.DataFrame(rows)
