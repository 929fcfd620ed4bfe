"""Notes, in a cache, of the artefacts that a shared store has yet to be sent."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from core.store import disk, files
from core.store.fetched import FOLDER, UNSENT


class UnsentArtefacts:
    """An empty file an artefact, or one that says why it could not be sent.

    Parameters
    ----------
    root : Path
        The cache folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER / UNSENT

    def all(self) -> list[tuple[str, str]]:
        """Stages and digests, the oldest note first."""
        found = []
        for path in self._folder.glob("*.txt"):
            stage, _, key = path.stem.rpartition("-")
            with suppress(OSError):
                found.append((path.stat().st_mtime, stage, key))
        return [(stage, key) for _, stage, key in sorted(found)]

    def has(self, stage: str, key: str) -> bool:
        """Whether there is a note of an artefact."""
        return os.path.lexists(self._path(stage, key))

    def add(self, stage: str, key: str) -> None:
        """Note an artefact; raises `StoreError` where that cannot be written."""
        path = self._path(stage, key)
        with files.explained(f"noting in {path.parent} what is to be sent"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def say_why(self, stage: str, key: str, why: str) -> None:
        """Write into a note why the artefact was not sent, if that can be written."""
        with suppress(OSError):
            disk.write_whole(self._path(stage, key), why.encode())

    def remove(self, stage: str, key: str) -> None:
        """Drop a note, since the artefact is sent or there is none."""
        self._path(stage, key).unlink(missing_ok=True)

    def _path(self, stage: str, key: str) -> Path:
        return self._folder / f"{stage}-{key}.txt"
