"""What of a store that several machines share lies in a cache: ``CACHE/.shared/STAGE/DIGEST``.

The manifest of an artefact comes first, and its files join it as they are read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core.store import manifest
from core.store.artefact import Artefact
from core.store.files import MANIFEST, FileEntry

FOLDER = ".shared"
"""The folder of the cache that holds what came from a shared store, and notes of what is to be sent."""

UNSENT = ".waiting"
"""The folder in it of the notes."""


def path_here(root: Path, stage: str, key: str) -> Path:
    """Where an artefact from a shared store lies in a cache."""
    return root / FOLDER / stage / key


def mark_of(root: Path, address: str) -> Path:
    """The file of a cache that says that the shared store at an address was there."""
    return root / FOLDER / f".seen-{hashlib.sha256(address.encode()).hexdigest()[:16]}"


def note_seen(root: Path, address: str) -> None:
    """Make that file; raises OSError."""
    mark = mark_of(root, address)
    mark.parent.mkdir(exist_ok=True)
    mark.touch()


def whole_here(root: Path, stage: str, key: str) -> Artefact | None:
    """An artefact from a shared store, for a cache that has none behind it now: if all of it has come."""
    path = path_here(root, stage, key)
    if not os.path.lexists(path / MANIFEST):
        return None
    artefact = manifest.load(path, stage, key)
    return artefact if all(is_here(path, entry) for entry in artefact.files) else None


def folders(root: Path) -> Iterator[Path]:
    """The folders in a cache of artefacts that came from a shared store."""
    return (path for path in (root / FOLDER).glob("*/*") if path.parent.name != UNSENT)


def is_here(path: Path, entry: FileEntry) -> bool:
    """Whether a file of an artefact has come to its folder, whole."""
    with suppress(OSError):
        return (path / entry.path).stat().st_size == entry.bytes
    return False
