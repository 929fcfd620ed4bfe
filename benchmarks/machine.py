"""The machine and the versions that the numbers were measured with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil
import torch

PACKAGES = (
    *("torch", "transformers", "numpy", "scipy", "scikit-learn", "numba", "umap-learn"),
    *("nnsight", "transformer-lens", "pyvene", "sentence-transformers"),
)
_ROOT = Path(__file__).resolve().parent.parent


def facts(command: str) -> dict[str, str]:
    """Processor, memory, versions, date and command, to stand beside every table."""
    info = _cpuinfo()
    flags = set(info.get("flags", "").split())
    named = [flag for flag in ("avx512_bf16", "amx_bf16", "amx_tile") if flag in flags]
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return {
        "command": f"`{command}`",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": info.get("model name") or platform.processor() or platform.machine(),
        "family, model": f"{info.get('cpu family', '?')}, {info.get('model', '?')}",
        "cores": f"{os.cpu_count()} ({torch.get_num_threads()} torch threads)",
        "bfloat16 flags": ", ".join(named) or "none",
        "load before": load,
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    }


def as_markdown(values: dict[str, str]) -> str:
    """Facts as a list."""
    return "\n".join(f"- {name}: {value}" for name, value in values.items())


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n")[0]
    return {m[1].strip(): m[2].strip() for m in re.finditer(r"^(.+?)\s*:(.*)$", first, re.MULTILINE)}


def _commit() -> str:
    try:
        command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
        return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
