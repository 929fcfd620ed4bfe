"""Temporary folders beside the places of artefacts: how they are called, made, and swept once left by the dead.

A cache folder may lie on a file system that several machines share. A lock says nothing there of another machine's
processes, and clocks differ: so a draft carries its machine's name, and another machine's is swept only once it has not
changed for a day by the file system's own clock.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from core.store import disk, files
from core.store.fetched import FOLDER

log = logging.getLogger(__name__)

OLD = 86_400.0
"""Seconds after which another machine's draft is taken for abandoned."""

# Earlier versions named no machine.
_NAME = re.compile(r"\.tmp-(?:(?P<host>[A-Za-z0-9.]+)-)?\d+-[0-9a-f]+-(?P<key>[0-9a-f]{64})")


def host() -> str:
    """This machine's name, as it stands in the name of a draft."""
    return re.sub(r"[^A-Za-z0-9.]", ".", socket.gethostname())[:40] or "localhost"


def name(key: str) -> str:
    """A name for a draft of an artefact, which nobody else takes."""
    return f".tmp-{host()}-{os.getpid()}-{secrets.token_hex(6)}-{key}"


def path(root: Path, stage: str, key: str) -> Path:
    """Where a new draft of an artefact goes, in a cache folder."""
    return root / stage / name(key)


@contextmanager
def made(root: Path, stage: str, key: str) -> Iterator[Path]:
    """Create a draft beside the artefact's place; if it is still there afterwards, it is deleted."""
    draft = path(root, stage, key)
    try:
        with files.explained(f"storing {stage} in {root}"):
            draft.parent.mkdir(parents=True, exist_ok=True)
            disk.sync(root)
            draft.mkdir()
        yield draft
    finally:
        disk.delete(draft)


def sweep(root: Path, now: float, lock_path: Callable[[str, str], Path]) -> None:
    """Delete from a cache folder what killed processes left half-written or half-deleted.

    A writer holds the artefact's lock, and the system releases the lock of a dead process: if it is free, nobody is
    writing. The process id in the name is less reliable: another process or container may have it by now. What is
    fetched from a shared store, and a file beside the artefacts (a pack, an upload), is not locked: a part of it is
    left by the dead once it has not changed for a day.

    Parameters
    ----------
    now : float
        By the clock of the folder's file system (`now_in`).
    lock_path : callable
        From a stage and a digest to the file that is locked.
    """
    for part in root.glob(f"{FOLDER}/*/*/**/.tmp-*"):
        if is_old(part, now):
            disk.delete(part)
    for leftover in root.glob("*/.tmp-*"):
        key = key_of(leftover)
        if key is None or not is_own(leftover):  # no lock says anything here
            if is_old(leftover, now):
                disk.delete(leftover)
            continue
        try:
            # Not the singleton lock: a draft of this same thread must count as locked.
            with FileLock(lock_path(leftover.parent.name, key)).acquire(blocking=False):
                disk.delete(leftover)
                log.info("swept %s, left by a process that was killed", leftover.name)
        except OSError:  # includes Timeout: its writer lives. For any other error, the next start tries again.
            continue


def key_of(draft: Path) -> str | None:
    """The digest of the artefact that a folder is a draft of; None if it is none."""
    match = _NAME.fullmatch(draft.name)
    return None if match is None else match["key"]


def is_own(draft: Path) -> bool:
    """Whether a draft is of this machine, so that its writer's lock says whether the writer lives."""
    match = _NAME.fullmatch(draft.name)
    return match is not None and match["host"] in (None, host())


def is_old(draft: Path, now: float) -> bool:
    """Whether nothing in a draft has changed for a day; ``now`` by the clock of its file system (`now_in`)."""
    try:
        return now - max(part.lstat().st_mtime for part in (draft, *draft.rglob("*"))) > OLD
    except OSError:  # somebody is at work in it
        return False


def now_in(folder: Path) -> float:
    """The present time by the clock of a folder's file system, in seconds since the epoch."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime
