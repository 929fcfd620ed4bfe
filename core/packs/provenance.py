"""Which machine computed a result, with what, and when: what stands beside every result that was not computed here."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from core.machine import processor
from core.version import __version__

_PACKAGES = ("torch", "transformers", "numpy", "umap-learn")
_LONGEST = 200  # characters of what a pack says of itself


@dataclass(frozen=True)
class Provenance:
    """Where results were computed.

    Attributes
    ----------
    machine : str
        Processor or GPU, cores and system; it names no host and no user.
    version : str
        Of this program.
    packages : str
        Versions of the libraries that the numbers depend on.
    date : str
        The day on which the results were packed, in UTC: ``2026-11-28``.
    """

    machine: str
    version: str
    packages: str
    date: str

    def __str__(self) -> str:
        return f"computed on {self.machine}, version {self.version}, {self.date}"

    def to_json(self) -> dict[str, str]:
        """As it stands in a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Provenance:
        """Undo `to_json`; raises KeyError or TypeError for anything malformed."""
        texts = {name: values[name] for name in cls.__dataclass_fields__}
        if not all(isinstance(text, str) for text in texts.values()):
            raise TypeError("a provenance is not in words")
        return cls(**{name: " ".join(text.split())[:_LONGEST] for name, text in texts.items()})


def of_this_machine(devices: tuple[str, ...] = ()) -> Provenance:
    """Describe this machine.

    Parameters
    ----------
    devices : tuple of str
        Where the models ran: ``cpu``, ``cuda``, ...
    """
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    return Provenance(_machine(devices), __version__, packages, datetime.now(UTC).strftime("%Y-%m-%d"))


def _machine(devices: tuple[str, ...]) -> str:
    """Name the processor, and the GPU where one was used."""
    parts = [f"{os.cpu_count()} cores of {processor()}", f"{platform.system()} {platform.machine()}"]
    if any(device.startswith("cuda") for device in devices):
        import torch

        if torch.cuda.is_available():
            parts.insert(0, torch.cuda.get_device_name())
    return ", ".join(parts)
