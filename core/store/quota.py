"""Keeps a cache within a size: what was used least recently goes first, what takes long to compute again stays longer.

Nothing that was used since a moment that the caller names is taken, so that a job under way finds what it began with.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from core.access import CACHE_LIMIT, NAMED
from core.errors import SettingError
from core.store.artefact import Artefact
from core.store.disk import delete
from core.store.fetched import folders, whole_here
from core.store.locks import FOLDER as LOCKS
from core.store.stage import STAGES, Cost
from core.store.store import Store

log = logging.getLogger(__name__)

DEFAULT = 20_000_000_000
DEFAULT_SHARE = 0.1  # of the disk
UPLOADS = "uploads"
"""The folder of visitors' own tables."""

UPLOADS_SHARE = 0.1
"""Of the limit, that uploads may take in addition."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
# How much longer an artefact stays than one that takes a moment to have again.
_STAYS = {Cost.MOMENT: 1, Cost.SECONDS: 4, Cost.PASSES: 16}
_SMALL = 1 << 20  # bytes; thousands of these free what one space does
_DAY = 86_400.0
# Seconds after which what nobody has used is of no use: rounds of a stopped run, and uploads.
_EXPIRY = {"embedding-parts": 7 * _DAY}
_UPLOADS_EXPIRE, _LOCKS_EXPIRE, _FETCHED_EXPIRE = 30 * _DAY, 7 * _DAY, 7 * _DAY


@dataclass(frozen=True)
class FreedSpace:
    """What was taken away.

    Attributes
    ----------
    artefacts, bytes : int
        Of artefacts.
    others : int
        Number of expired uploads, temporary files and lock files.
    """

    artefacts: int
    bytes: int
    others: int


def limit(root: Path, text: str | None = None) -> int:
    """The most bytes that the cache in a folder may hold.

    Parameters
    ----------
    text : str, optional
        Such as ``20GB``, ``500 MB`` or a number of bytes; else ``$LANGUAGE_NEURONS_CACHE_LIMIT``, else 20 GB or a tenth
        of the disk, whichever is less.

    Raises
    ------
    SettingError
        If it is not a size.
    """
    text = text or os.environ.get(CACHE_LIMIT, "")
    return parse(text) if text else int(min(DEFAULT, shutil.disk_usage(root).total * DEFAULT_SHARE))


def parse(text: str) -> int:
    """Read a size in bytes; raises `SettingError`."""
    read = _SIZE.fullmatch(text.strip())
    if read is None:
        raise SettingError(f"a cache of {text!r}", "it is not a size", "Give one such as 20GB, 500MB or 1e9 as 1GB.")
    return int(float(read[1]) * _UNITS[read[2].lower()])


def enforce(store: Store, most: int, since: float | None = None) -> FreedSpace:
    """Remove what has expired, and then artefacts until the rest fits.

    Parameters
    ----------
    most : int
        Bytes.
    since : float, optional
        A moment, in seconds since the epoch: what was used after it stays, whatever its size. Now unless given.

    Returns
    -------
    FreedSpace
        What was removed. Artefacts that may not be dropped unasked (the table of stages says which) stay, and those
        that a shared store has not got yet.
    """
    now = time.time()
    since = now if since is None else since
    entries = [(artefact, store.last_used(artefact)) for artefact in store.entries()]
    kept = sum(artefact.nbytes_here for artefact, _ in entries)
    removed = removed_bytes = 0
    for artefact, used in _in_order(entries, now, since):
        expiry = _EXPIRY.get(artefact.stage)
        expired = expiry is not None and now - used > expiry
        if (kept <= most and not expired) or not (expired or _droppable(artefact, store)):
            continue
        size = artefact.nbytes_here
        if store.remove_unused(artefact, since):
            kept -= size
            removed, removed_bytes = removed + 1, removed_bytes + size
    if removed:
        log.info("took %d artefacts of %d bytes from the cache", removed, removed_bytes)
    return FreedSpace(removed, removed_bytes, _expire(store, int(most * UPLOADS_SHARE), now, since))


def uploaded(root: Path) -> int:
    """Bytes of the uploads in a cache."""
    return sum(_size_and_time(path)[0] for path in (root / UPLOADS).glob("*"))


def _in_order(entries: list[tuple[Artefact, float]], now: float, since: float) -> Iterator[tuple[Artefact, float]]:
    """Artefacts that nobody has used since, those that are missed least first, and last what frees next to nothing.

    The measures of a sweep's cells are small, and where its embeddings are dropped, they are all that is left of them.
    """
    unused = [(artefact, used) for artefact, used in entries if used < since]

    def missed(entry: tuple[Artefact, float]) -> tuple[bool, float]:
        artefact, used = entry
        return artefact.nbytes_here < _SMALL, (used - now) / _STAYS[_cost(artefact)]

    yield from sorted(unused, key=missed)


def _cost(artefact: Artefact) -> Cost:
    if artefact.source is not None:
        return Cost.MOMENT  # it is fetched again
    stage = STAGES.get(artefact.stage)
    return Cost.PASSES if stage is None else stage.cost


def _droppable(artefact: Artefact, store: Store) -> bool:
    if store.shared is not None and store.shared.is_waiting(artefact.stage, artefact.digest):
        return False  # it is nowhere else yet
    stage = STAGES.get(artefact.stage)
    return stage is None or stage.droppable  # of another version of the product: nothing here reads it


def _expire(store: Store, most_uploads: int, now: float, since: float) -> int:
    """Remove old uploads, what killed processes left, and locks of artefacts that are not there."""
    kept = expired = 0
    for paths, size, used in sorted(_uploads(store.root), key=lambda upload: -upload[2]):  # what was used last first
        kept += size
        if now - used > _UPLOADS_EXPIRE or (kept > most_uploads and used < since):
            for path in paths:
                delete(path)
            expired += 1
    store.sweep()
    for folder in folders(store.root) if store.shared is None else ():  # parts of what came from one, before
        if now - _size_and_time(folder)[1] > _FETCHED_EXPIRE and not whole_here(store.root, *folder.parts[-2:]):
            delete(folder)
            expired += 1
    return expired + sum(_remove_lock(store, path, now) for path in (store.root / LOCKS).glob("*.lock"))


def _uploads(root: Path) -> list[tuple[list[Path], int, float]]:
    """Every upload with the file beside it that says what it was called: their paths, bytes, and when last used."""
    together: dict[str, list[Path]] = {}
    for path in sorted((root / UPLOADS).glob("*")):
        together.setdefault(path.name.removesuffix(NAMED), []).append(path)
    facts = {name: [_size_and_use(path) for path in paths] for name, paths in together.items()}
    return [
        (paths, sum(size for size, _ in facts[name]), max(used for _, used in facts[name]))
        for name, paths in together.items()
    ]


def _remove_lock(store: Store, path: Path, now: float) -> bool:
    """Remove an old lock of an artefact that is not there; gives whether it is gone."""
    stage, _, key = path.name.removesuffix(".lock").rpartition("-")
    with suppress(OSError):  # includes Timeout: somebody holds it
        if now - path.stat().st_mtime > _LOCKS_EXPIRE and not os.path.lexists(store.root / stage / key):
            # Who waits for a lock whose file is gone makes it anew: `filelock` looks whether the file that it has
            # locked still has its name.
            with FileLock(path).acquire(blocking=False):
                path.unlink()
                return True
    return False


def _size_and_use(path: Path) -> tuple[int, float]:
    """An upload's bytes, and when it was written or last named; of one that is gone none, now."""
    with suppress(OSError):
        status = path.stat()
        return status.st_size, max(status.st_atime, status.st_mtime)
    return 0, time.time()


def _size_and_time(path: Path) -> tuple[int, float]:
    """A file's bytes, and when it was written; of one that is gone none, now."""
    with suppress(OSError):
        status = path.stat()
        return status.st_size, status.st_mtime
    return 0, time.time()
