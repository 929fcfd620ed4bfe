"""The content of an artefact: as a stage produces it, and as it is read back.

:mod:`core.store.files` writes and checks the files; :mod:`core.store.store` decides where artefacts are.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from core.errors import StoreError
from core.store.disk import sync
from core.store.files import (
    JSON,
    DamagedArtefact,
    FileEntry,
    check_array,
    checked_name,
    opened,
    plain,
    write_array,
    write_table,
)


@dataclass(frozen=True)
class Payload:
    """What a stage produces.

    Attributes
    ----------
    arrays : mapping of str to ndarray
        Numbers and booleans, any shape; kept bit for bit.
    tables : mapping of str to DataFrame
        Whatever parquet holds.
    facts : mapping of str to JSON
        Small things: n, intervals, versions.
    linked : mapping of str to (Artefact, str)
        Further arrays, that other artefacts have under a name of theirs: their files are linked and not written again.
    """

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    facts: Mapping[str, JSON] = field(default_factory=dict)
    linked: Mapping[str, tuple[Artefact, str]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise `StoreError` for what cannot be stored, before anything is written."""
        for kind, names in (("array", [*self.arrays, *self.linked]), ("table", list(self.tables))):
            for name in names:
                checked_name(name, kind)
            if len({name.lower() for name in names}) < len(names):
                raise StoreError(
                    f"{kind}s {', '.join(sorted(names))}",
                    "some file systems do not tell capital letters from small ones",
                    "Let the names differ by more than that.",
                )
        for name, array in self.arrays.items():
            check_array(name, array)
        plain(self.facts, "facts")

    def write(self, folder: Path) -> list[FileEntry]:
        """Write all arrays and tables into a folder."""
        entries = [write_array(folder, name, array) for name, array in self.arrays.items()]
        entries += [artefact.link(array, folder, name) for name, (artefact, array) in self.linked.items()]
        return entries + [write_table(folder, name, table) for name, table in self.tables.items()]


class Source(Protocol):
    """Where the files of an artefact come from that are not in its folder yet."""

    def bring(self, artefact: Artefact, entry: FileEntry) -> None:
        """Put a file into the artefact's folder, unless it is there.

        Raises
        ------
        DamagedArtefact
            If it cannot be had, or is not what was written.
        """
        ...


@dataclass(frozen=True)
class Artefact:
    """A stored result, as read back.

    Attributes
    ----------
    stage, digest : str
        Its address.
    spec, facts : mapping of str to JSON
        What determined it, and the small things known about it; tuples have become lists.
    path : Path
        Its folder. Read there; never write.
    created : datetime
        When, in UTC.
    seconds : float or None
        What it took to compute.
    files : tuple of FileEntry
        All files but the manifest.
    made_by : mapping of str to str
        What computed it: ``version`` of the program, ``processor``, ``system``, and ``gpu`` where one was used; empty
        for what versions before 0.2 wrote.
    source : Source or None
        Where files come from that are not in the folder yet, for an artefact of a shared store.
    """

    stage: str
    digest: str
    spec: Mapping[str, JSON]
    facts: Mapping[str, JSON]
    path: Path
    created: datetime
    seconds: float | None
    files: tuple[FileEntry, ...]
    made_by: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = field(default=None, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash((self.stage, self.digest, self.created))

    @property
    def nbytes(self) -> int:
        """Bytes of its files, without the manifest."""
        return sum(entry.bytes for entry in self.files)

    @property
    def nbytes_here(self) -> int:
        """Bytes of those of its files that lie in its folder."""
        if self.source is None:
            return self.nbytes
        return sum(entry.bytes for entry in self.files if os.path.lexists(self.path / entry.path))

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(entry.name for entry in self.files if entry.kind == "array")

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return tuple(entry.name for entry in self.files if entry.kind == "table")

    def array(self, name: str) -> np.ndarray:
        """Read an array into memory: read-only, with the dtype, shape and memory order it was stored with.

        Raises
        ------
        DamagedArtefact
            If the file is missing or altered.
        StoreError
            If the artefact has no such array.
        """
        entry = self._entry("array", name)
        with self._opened(entry) as file:
            array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        array.setflags(write=False)
        return array

    def link(self, name: str, folder: Path, new: str) -> FileEntry:
        """Put an array's file into another folder too, under a new name; copied where the file system has no links.

        Raises
        ------
        DamagedArtefact
            If the file is missing or altered.
        """
        entry = replace(self._entry("array", name), name=new)
        with self._opened(self._entry("array", name)):
            pass
        source, target = self.path / self._entry("array", name).path, folder / entry.path
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
            sync(target)
        return entry

    def table(self, name: str) -> pd.DataFrame:
        """Read a table; raises as `array` does."""
        entry = self._entry("table", name)
        with self._opened(entry) as file:
            # Without threads: tables are small, and a process that ends while Arrow starts some is aborted.
            read = pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)
            frame: pd.DataFrame = read.to_pandas(use_threads=False)
            return frame

    def verify(self, *, afresh: bool = False) -> None:
        """Check the sha256 of every file that is in the folder, and raise `DamagedArtefact` at the first that is wrong.

        Parameters
        ----------
        afresh : bool
            Also hash files that this process has checked already and whose size and time have not changed since.
        """
        for entry in self.files:
            if self.source is None or os.path.lexists(self.path / entry.path):
                with opened(self.path / entry.path, entry, afresh=afresh):
                    pass

    def fetch(self) -> None:
        """Bring every file into the folder that is not there yet; raises `DamagedArtefact` if one cannot be had."""
        for entry in self.files:
            if self.source is not None:
                self.source.bring(self, entry)

    @contextmanager
    def _opened(self, entry: FileEntry) -> Iterator[io.BufferedReader]:
        """Check a file and open it; fetch it before, if it is not there or has been damaged here."""
        path = self.path / entry.path
        if self.source is not None:
            self.source.bring(self, entry)
            try:
                with opened(path, entry):
                    pass
            except DamagedArtefact:
                path.unlink(missing_ok=True)
                self.source.bring(self, entry)
        with opened(path, entry) as file:
            yield file

    def _entry(self, kind: str, name: str) -> FileEntry:
        for entry in self.files:
            if (entry.kind, entry.name) == (kind, name):
                return entry
        have = ", ".join(entry.name for entry in self.files if entry.kind == kind) or "none"
        raise StoreError(f"{kind} {name!r}", f"artefact {self.stage} does not have it", f"Its {kind}s: {have}.")
