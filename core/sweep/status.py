"""How a sweep goes, for whoever looks at the cache: one small file a sweep, written as it goes.

A sweep runs in a process of its own, on this machine or on others; the dashboard's page of jobs reads these files, and
tells it by another one to stop (`core.sweep.stop`).
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.errors import SettingError
from core.store.disk import write_whole
from core.store.files import digest
from core.store.temporary_folders import now_in

FOLDER = "sweeps"
RUNNING, DONE, STOPPED = "running", "done", "stopped"
SILENT = 120.0
"""Seconds without a word after which a sweep that says it runs is taken for dead."""

_OVER = 3600.0  # seconds; loading a large model says nothing for longer than `SILENT`
_KEPT = 30 * 86_400.0  # seconds that the file of a sweep which has ended is kept


@dataclass(frozen=True)
class Status:
    """How a sweep goes.

    Attributes
    ----------
    title, folder, engine : str
        What is swept, where its table is written, and what computes.
    cells, done, failed : int
        Done counts those that were known before.
    fraction, remaining : float
        Of the work, 0 to 1; expected seconds left.
    now : str
        What is being done, in words.
    state : str
        One of ``running``, ``done``, ``stopped``.
    updated : float
        When this was written, in seconds since the epoch by this machine's clock; another's may be an hour apart.
    host : str
    pid : int
    elapsed : float
        Seconds since it began to look up what there is.
    run : str
        Names this run of it, so that it can be told to stop; empty where it cannot.
    """

    title: str
    folder: str
    engine: str
    cells: int
    done: int
    failed: int
    fraction: float
    remaining: float
    now: str
    state: str = RUNNING
    updated: float = 0.0
    host: str = ""
    pid: int = 0
    run: str = ""
    elapsed: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.state == RUNNING and time.time() - self.updated < SILENT


def began(root: Path) -> float | None:
    """When the oldest sweep under way began, in seconds since the epoch: what has been used since then is needed.

    One that has said nothing for an hour is over.
    """
    now = time.time()
    running = (one for one in read(root) if one.state == RUNNING and now - one.updated < _OVER)
    return min((one.updated - one.elapsed for one in running), default=None)


def write(root: Path, name: str, status: Status) -> None:
    """Write how a sweep goes into the cache at ``root``; where that cannot be written to, nothing is lost."""
    folder = root / FOLDER
    here = {"updated": time.time(), "host": socket.gethostname(), "pid": os.getpid()}
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        write_whole(folder / f"{name}.json", json.dumps({**asdict(status), **here}).encode())


def stop_file(root: Path, run: str) -> Path:
    """The file whose presence tells a run of a sweep to stop."""
    return root / FOLDER / f"{digest({'stop': run})[:16]}.stop"


def stop(root: Path, status: Status) -> None:
    """Tell a sweep to stop; it does at its next report, or within two seconds, and keeps what it has finished.

    Raises
    ------
    SettingError
        If the cache at ``root`` cannot be written to.
    """
    try:
        stop_file(root, status.run).touch()
    except OSError as error:
        raise SettingError(
            f"stop the sweep on {status.host}",
            f"the cache in {root} cannot be written to ({error.strerror or error})",
            f"Stop it where it was started: process {status.pid} on {status.host}.",
        ) from error


def stops(root: Path, status: Status) -> bool:
    """Whether a sweep was told to stop, and has not stopped yet."""
    return bool(status.run) and stop_file(root, status.run).exists()


def read(root: Path) -> list[Status]:
    """The sweeps of a cache, the newest first; old ones that have ended are removed on the way."""
    found: list[Status] = []
    try:
        now = now_in(root / FOLDER)  # by the clock that stamps the files
    except FileNotFoundError:
        return found
    except OSError:  # it cannot be written to
        now = time.time()
    for left in (root / FOLDER).glob("*.stop"):  # of a sweep that was cut off before it could heed it
        with suppress(OSError):
            if now - left.stat().st_mtime > _KEPT:
                left.unlink()
    for path in (root / FOLDER).glob("*.json"):
        with suppress(OSError, ValueError, TypeError):  # being replaced, or of another version
            age = now - path.stat().st_mtime
            status = Status(**json.loads(path.read_text(encoding="utf-8")))
            if age > _KEPT:
                path.unlink()
            else:
                found.append(replace(status, updated=time.time() - age))
    return sorted(found, key=lambda status: -status.updated)
