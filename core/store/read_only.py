"""Opens the cache: to read and write or, where the environment says so, only to read."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from core import access
from core.errors import StoreError
from core.store.opening import open_store
from core.store.store import Store


def open_cache(root: Path) -> Store:
    """Open a cache.

    Where it is only read, what is derived from it in a moment is kept in a temporary folder of this process.

    Raises
    ------
    StoreError
        If it is only read, and is not there.
    """
    if not access.reads_only():
        return open_store(root)
    if not root.is_dir():
        raise StoreError(f"read the cache {root}", "there is no such folder", "Name one with LANGUAGE_NEURONS_CACHE.")
    return open_store(scratch(), below=root)


@lru_cache(maxsize=1)
def scratch() -> Path:
    """A temporary folder of this process, removed when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="language-neurons-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
