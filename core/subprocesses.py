"""Processes that this one starts of the project's own code, and the limits that they are held within."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil

_ROOT = Path(__file__).resolve().parents[1]


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of the project."""
    return [sys.executable, "-m", module, *arguments]


def environment() -> dict[str, str]:
    """The environment in which a process finds the project wherever it is started."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))}


def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container or service that this process runs in where that is less."""
    most: int = psutil.virtual_memory().total
    for path in _limits():
        with suppress(OSError, ValueError):  # "max" where there is no limit
            most = min(most, int(path.read_text(encoding="ascii")))
    return most


def _limits(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> list[Path]:
    """Where Linux says how much memory this process's group may take, and each group around it."""
    found = [groups / "memory" / "memory.limit_in_bytes"]  # of the first version of groups
    with suppress(OSError, IndexError):
        inner = groups / own.read_text(encoding="utf-8").splitlines()[-1].split("::/")[1]
        found += [group / "memory.max" for group in (inner, *inner.parents) if group.is_relative_to(groups)]
    return found


def ending(status: int) -> str:
    """How a process ended, in words.

    Parameters
    ----------
    status : int
        As `subprocess` gives it: a signal is negative.
    """
    if status >= 0:
        return f"ended by itself with status {status}"
    if status == -signal.SIGTERM:
        return "was told to end from outside"
    memory = ", as the system does where memory runs out" if status == -signal.SIGKILL else ""
    return f"was ended by the signal {signal.Signals(-status).name}{memory}"


def limit_memory(most: int) -> None:
    """Have the system refuse this process more memory than that, and end it first where all of it runs out.

    Not on machines with a GPU: its driver reserves addresses by the terabyte.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if not Path("/proc/driver/nvidia").exists():
        _limit("RLIMIT_DATA", most)


def limit_processor(seconds: int) -> None:
    """Have the system end this process once it has computed for so many seconds, all threads together."""
    _limit("RLIMIT_CPU", seconds)


def _limit(name: str, most: int) -> None:
    with suppress(ImportError, AttributeError, OSError, ValueError):  # not every system has such limits
        import resource

        which = getattr(resource, name)
        resource.setrlimit(which, (most, resource.getrlimit(which)[1]))
