"""The parts of an artefact: the digest of its spec, and files that are hashed while they are written and checked before
they are used. :mod:`core.store.store` decides where artefacts are, and exports the public names of this module."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from core.errors import StoreError
from core.store.disk import sha256_of, sync

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
Spec: TypeAlias = Mapping[str, JSON]

MANIFEST = "manifest.json"
SUFFIXES = {"array": ".npy", "table": ".parquet", "file": ""}
_HALVES = re.compile(r"[\ud800-\udfff]")
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
DTYPES = frozenset(
    ["bool", "float16", "float32", "float64"] + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


class DamagedArtefact(StoreError):  # noqa: N818 - reads as what it is, wherever it is caught
    """A file of an artefact is missing, or is not what was written."""


# Files that this process has checked: (path, bytes, mtime in ns) -> sha256. A changed file has another key.
_verified: dict[tuple[str, int, int], str] = {}
_MOST_VERIFIED = 100_000  # of which the oldest is forgotten first, and hashed again should it be read
_noting = threading.Lock()
_SETTLED_NS = 1_000_000_000


def plain(value: object, where: str) -> JSON:
    """Give a value as pure JSON: tuples become lists, everything else that JSON lacks is refused.

    Parameters
    ----------
    value : object
        None, bool, int, finite float, str, and lists, tuples and mappings of these.
    where : str
        What to call the value in an error.

    Raises
    ------
    StoreError
        If the value, or one within it, is not JSON.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    # Half a surrogate pair cannot be written as UTF-8, and two halves would be confused with the whole.
    if isinstance(value, str) and (value.isascii() or not _HALVES.search(value)):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(plain(key, f"a key of {where}")): plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise StoreError(
        f"{where} = {value!r:.80}",
        f"a {type(value).__name__} like this is not a JSON value",
        "Use None, bool, int, finite float, text, lists, and mappings with text keys; float(x) or x.tolist() "
        "converts what comes from NumPy, None stands for a missing number.",
    )


def digest(spec: Spec) -> str:
    """Give the address of what a spec determines: the sha256, in hex, of its canonical JSON.

    Equal specs have equal digests, whatever the order of their keys; a tuple equals a list. 1, 1.0 and True differ.

    Raises
    ------
    StoreError
        If the spec holds anything but JSON values (NaN and infinity are none).
    """
    value = plain(spec, "spec")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def checked_name(name: str, what: str) -> str:
    """Return a name that is safe as a file name on every system, or raise `StoreError`."""
    if isinstance(name, str) and NAME.fullmatch(name):
        return name
    raise StoreError(
        f"{what} {name!r}",
        "it becomes a file name",
        "Use 1 to 100 of the letters a-z and A-Z, digits, '.', '_' and '-', and no '.' at the start.",
    )


@dataclass(frozen=True)
class FileEntry:
    """One file of an artefact, as its manifest has it.

    Attributes
    ----------
    name : str
        Of the array or table; of another file, its path inside the artefact, with forward slashes.
    kind : str
        ``"array"``, ``"table"`` or ``"file"``.
    bytes : int
        Size of the file.
    sha256 : str
        Of the file's bytes, in hex.
    dtype : str or None
        Of an array, as NumPy writes it (``"<f4"``).
    shape : tuple of int or None
        Of an array, or (rows, columns) of a table.
    """

    name: str
    kind: str
    bytes: int
    sha256: str
    dtype: str | None = None
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        # A manifest from elsewhere must pass this check too, so that no name in it leads out of the artefact.
        if self.kind not in SUFFIXES:
            kinds = ", ".join(SUFFIXES)
            raise StoreError(f"file {self.name!r} of kind {self.kind!r}", f"kinds are {kinds}", "Name one of these.")
        if self.kind != "file":
            checked_name(self.name, self.kind)
        elif {"", ".", ".."} & set(self.name.split("/")) or {"\\", ":"} & set(self.name):
            raise StoreError(
                f"file {self.name!r}",
                "it leads out of the artefact, here or on another system",
                "Use a path inside it, without '..', ':' and backslashes.",
            )

    @property
    def path(self) -> str:
        """Where the file is, relative to the artefact."""
        return self.name + SUFFIXES[self.kind]

    def as_json(self) -> dict[str, JSON]:
        """Give the entry as it stands in the manifest."""
        return {**vars(self), "shape": None if self.shape is None else list(self.shape)}

    @classmethod
    def from_json(cls, record: Mapping[str, object]) -> FileEntry:
        """Undo `as_json`; anything malformed raises KeyError, TypeError or ValueError."""
        shape = record["shape"]
        return cls(**{**record, "shape": None if shape is None else tuple(shape)})  # type: ignore[arg-type]


class HashedWriter(io.RawIOBase):
    """A new file that is hashed while it is written, so that it need not be read back.

    Parameters
    ----------
    path : Path
        Where; nothing may be there yet.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._descriptor = -1  # closing must not fail if opening does
        self._descriptor = os.open(path, flags, 0o666)
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Say that this can be written to, as file libraries ask."""
        return True

    def write(self, data: Any) -> int:
        """Write all of the data (bytes, an array: any buffer); unlike a bare ``os.write``, never only its start."""
        whole = rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._hash.update(whole)
        self.size += len(whole)
        return len(whole)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        super().close()
        if descriptor >= 0:
            os.close(descriptor)

    def finish(self) -> tuple[int, str]:
        """Force the bytes to disk and return (bytes, sha256)."""
        os.fsync(self._descriptor)
        return self.size, self._hash.hexdigest()


def write_file(path: Path, fill: Callable[[HashedWriter], object]) -> tuple[int, str]:
    """Create a file, let ``fill`` write it, force it to disk and return (bytes, sha256)."""
    with HashedWriter(path) as sink:
        fill(sink)
        return sink.finish()


def check_array(name: str, array: np.ndarray) -> None:
    """Refuse, by `StoreError`, an array that would not come back as it was."""
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise StoreError(
            f"array {name!r}",
            f"a {type(array).__name__} is not a plain NumPy array",
            "Convert it with np.asarray; store a mask as an array of its own.",
        )
    if array.dtype.name not in DTYPES:
        raise StoreError(
            f"array {name!r} of dtype {array.dtype}",
            "an array file holds numbers and booleans only, so that reading one never runs code",
            "Put text and mixed columns into a table; view other number types as integers of the same width.",
        )


def write_array(folder: Path, name: str, array: np.ndarray) -> FileEntry:
    """Write one array of any shape and memory order as ``NAME.npy``."""
    path = folder / (name + SUFFIXES["array"])
    size, sha256 = write_file(path, lambda sink: np.lib.format.write_array(sink, array, allow_pickle=False))
    return FileEntry(name, "array", size, sha256, array.dtype.str, array.shape)


def write_table(folder: Path, name: str, table: pd.DataFrame) -> FileEntry:
    """Write one table as ``NAME.parquet``; `StoreError` if parquet cannot hold a column."""
    path = folder / (name + SUFFIXES["table"])
    try:
        size, sha256 = write_file(path, lambda sink: table.to_parquet(sink, engine="pyarrow"))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise StoreError(
            f"table {name!r}", f"parquet cannot hold it ({error})", "Give each column one name and one type."
        ) from error
    return FileEntry(name, "table", size, sha256, None, table.shape)


def record_folder(folder: Path) -> list[FileEntry]:
    """Hash every file below a folder that somebody else filled, and force it all to disk.

    Raises
    ------
    StoreError
        If there is a link or another thing that is not a file: a checksum would not cover what it points to.
    """
    entries = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode) or name == MANIFEST:
            why = "the store writes that one itself" if name == MANIFEST else "it is a link or a device, not a file"
            raise StoreError(f"file {name!r} of a built artefact", why, "Copy the file itself, under its own name.")
        sha256 = sha256_of(path)
        sync(path)
        entries.append(FileEntry(name, "file", path.stat().st_size, sha256))
    return entries


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an error of the file system into a `StoreError` that names the operation."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            what,
            f"the system says: {error.strerror or error}",
            "Make room, allow writing there, or choose another cache folder.",
        ) from error


def damaged(path: Path, why: str) -> DamagedArtefact:
    """Make the error for a file whose content is not what was written."""
    where = "/".join(path.parts[-3:])
    return DamagedArtefact(f"cached file {where}", why, "It has to be computed again; Store.read does so by itself.")


@contextmanager
def missing_is_damage(path: Path) -> Iterator[None]:
    """Turn the absence of a file into `DamagedArtefact`, and other trouble in reading into `StoreError`.

    The two must differ: damaged artefacts are deleted, but an error such as too many open files must not empty the
    cache.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise damaged(path, "it is missing") from error
    except OSError as error:
        if error.errno == getattr(errno, "ESTALE", None):  # on NFS: another machine has removed what was open here
            raise damaged(path, "it is missing") from error
        raise StoreError(
            f"reading {path}", f"the system says: {error.strerror or error}", "Check the folder and try again."
        ) from error


def check_size(path: Path, entry: FileEntry) -> None:
    """Raise `DamagedArtefact` if the file is missing or has another size; quick, as nothing is read."""
    with missing_is_damage(path):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size != entry.bytes:
        raise damaged(path, f"it has {status.st_size} bytes where {entry.bytes} were written")


def is_settled(status: os.stat_result) -> bool:
    """Whether any further change of a file changes its time; where times are coarse, a very new file can keep it."""
    return time.time_ns() - status.st_mtime_ns > _SETTLED_NS


def _note_verified(key: tuple[str, int, int], sha256: str) -> None:
    with _noting:
        _verified[key] = sha256
        while len(_verified) > _MOST_VERIFIED:
            _verified.pop(next(iter(_verified)), None)


@contextmanager
def opened(path: Path, entry: FileEntry, *, afresh: bool = False) -> Iterator[io.BufferedReader]:
    """Check a file's checksum, and open it.

    Parameters
    ----------
    path : Path
        The file.
    entry : FileEntry
        What it must be.
    afresh : bool
        Hash it even if this process has checked it already and its size and time have not changed since.

    Raises
    ------
    DamagedArtefact
        If it is missing or differs in a bit from what was written.
    """
    with missing_is_damage(path), path.open("rb") as file:
        status = os.fstat(file.fileno())
        key = (str(path), status.st_size, status.st_mtime_ns)
        if afresh or _verified.get(key) != entry.sha256:
            with _noting:
                _verified.pop(key, None)
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                raise damaged(path, "its checksum is not that of what was written")
            if is_settled(status):
                _note_verified(key, entry.sha256)
            file.seek(0)
        yield file
