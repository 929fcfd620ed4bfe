"""Locks of artefacts: one thread of one process makes or removes an artefact at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from core.store import files

FOLDER = ".locks"
"""Below the artefacts'."""


class Locks:
    """The locks of the artefacts below one folder, each a file that the system locks for a process.

    Parameters
    ----------
    root : Path
        The folder of the artefacts.

    Attributes
    ----------
    folder : Path
        Where the files are; whoever makes the store makes it.
    waiting : list of BaseFileLock
        Locks that others hold and threads of this process wait for.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / FOLDER
        self.waiting: list[BaseFileLock] = []

    def path(self, stage: str, key: str) -> Path:
        """The file of one artefact."""
        return self.folder / f"{stage}-{key}.lock"

    @contextmanager
    def held(self, stage: str, key: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of one artefact; the same thread may enter again.

        Parameters
        ----------
        wait : bool
            If False and another holds the lock, go on without it; what is yielded says whether it is held.

        Raises
        ------
        StoreError
            If the file cannot be made or locked.
        """
        # A singleton lock is re-entrant within a thread and exclusive between threads. The system releases the lock of
        # a process that dies. The file stays: if it were removed, two processes could lock two files of one name.
        guard = FileLock(self.path(stage, key), is_singleton=True)
        with files.explained(f"locking {stage} in {self.root}"):
            try:
                guard.acquire(blocking=False)
                held = True
            except Timeout:
                held = wait
                if wait:
                    self._wait_for(guard)
        try:
            yield held
        finally:
            if held:
                guard.release()

    def _wait_for(self, guard: BaseFileLock) -> None:
        self.waiting.append(guard)
        try:
            guard.acquire()
        finally:
            self.waiting.remove(guard)
