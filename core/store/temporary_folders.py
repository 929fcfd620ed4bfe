"""Temporary folders beside the places of artefacts: how they are called, and which are left by the dead.

A cache folder may lie on a file system that several machines share. A lock says nothing there of another machine's
processes, and clocks differ: so a draft carries its machine's name, and another machine's is swept only once it has not
changed for a day by the file system's own clock.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import tempfile
from pathlib import Path

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
        return now - max(path.lstat().st_mtime for path in (draft, *draft.rglob("*"))) > OLD
    except OSError:  # somebody is at work in it
        return False


def now_in(folder: Path) -> float:
    """The present time by the clock of a folder's file system, in seconds since the epoch."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime
