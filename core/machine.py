"""What this machine is called in words: its processor, and its GPU where one is in use; no host and no user."""

from __future__ import annotations

import os
import platform
import re
import sys
from functools import lru_cache
from pathlib import Path

_elsewhere = ""  # the GPU of processes that compute for this one


@lru_cache(maxsize=1)
def processor() -> str:
    """The processor's name, as the system gives it."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        named = re.search(r"^model name\s*:\s*(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if named:
            return named[1].strip()
    return platform.processor() or platform.machine()


def gpu() -> str | None:
    """The name of the CUDA device that this process uses, or one that computes for it; None where none is used.

    torch is not imported to find out: a process that has not imported it uses none.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return _elsewhere or None
    return str(torch.cuda.get_device_name())


def note_gpu(name: str) -> None:
    """Note the GPU of processes that compute for this one from now on; empty where they use none."""
    global _elsewhere
    _elsewhere = name


def described() -> dict[str, str]:
    """What stands with a result about the machine that computed it: ``processor``, ``system`` and, if used, ``gpu``."""
    facts = {
        "processor": f"{os.cpu_count()} cores of {processor()}",
        "system": f"{platform.system()} {platform.machine()}",
    }
    name = gpu()
    return facts if name is None else {**facts, "gpu": name}
