"""Where artefacts are kept, and whether the code runs from a checkout of the project."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

NAME = "language-neurons"  # the distribution's name, and that of its folder in the user's cache
_PARENT = Path(__file__).resolve().parents[2]


def checkout(parent: Path = _PARENT) -> Path | None:
    """Give the root of the checkout that the code runs from; None where the package is installed.

    Parameters
    ----------
    parent : Path
        The folder that holds ``core``: the checkout's root, or the environment's folder of packages.
    """
    try:
        described = (parent / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return parent if f'name = "{NAME}"' in described.splitlines() else None


def default_cache() -> Path:
    """Give the folder of artefacts.

    It is ``$LANGUAGE_NEURONS_CACHE`` where that is set, else the folder ``cache`` of a checkout, else a folder of the
    user's own: ``~/.cache/language-neurons`` on Linux, ``~/Library/Caches/language-neurons`` on macOS.
    """
    if chosen := os.environ.get("LANGUAGE_NEURONS_CACHE"):
        return Path(chosen)
    root = checkout()
    return root / "cache" if root else user_cache_path(NAME, appauthor=False)
