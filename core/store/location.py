"""Where artefacts are kept."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """Where artefacts are kept: ``$LANGUAGE_NEURONS_CACHE``, or the ``cache`` folder of the project."""
    return Path(os.environ.get("LANGUAGE_NEURONS_CACHE") or Path(__file__).resolve().parents[2] / "cache")
