"""Similarity of two languages' syntax, from the URIEL data in the package ``lang2vec``.

The package is optional (``pip install --no-deps lang2vec==1.1.2``, CC BY-SA 4.0): only its arrays are read, without
importing it and without unpickling; where it is not installed nothing is known.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import langcodes
import numpy as np


def data_file() -> Path | None:
    """The package's imputed features (k nearest neighbours); None where it is not installed."""
    spec = find_spec("lang2vec")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "data" / "feature_predictions.npz"


def similarity(one: str, other: str, file: Path | None = None) -> float:
    """Cosine similarity of two languages' syntactic features; NaN where one has none.

    Parameters
    ----------
    one, other : str
        Canonical codes.
    file : Path, optional
        An array file in the package's layout: ``langs (n,)`` ISO 639-3, ``feats (m,)``, ``data (n, m, 1)``.

    References
    ----------
    Littell et al. (2017). URIEL and lang2vec. EACL.
    """
    path = file or data_file()
    if path is None:
        return float("nan")
    features = _syntax(path)
    a, b = (features.get(langcodes.get(code).to_alpha3()) for code in (one, other))
    if a is None or b is None:
        return float("nan")
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@lru_cache(maxsize=2)
def _syntax(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        chosen = np.char.startswith(arrays["feats"], "S_")
        values = arrays["data"][:, chosen, 0].astype(np.float64)
        return dict(zip(map(str, arrays["langs"]), values, strict=True))
