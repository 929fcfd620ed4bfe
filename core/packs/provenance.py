"""Which machine computed a result, with what, and when: what stands beside every result that was not computed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from core import machine
from core.stats.units import counted, listed
from core.store.artefact import Artefact
from core.version import __version__

_PACKAGES = ("torch", "transformers", "numpy", "umap-learn")
_LONGEST = 500  # characters of what a pack says of itself
_NAMED = 3  # machines
_UNNAMED = "a machine that is not named"  # versions before 0.2 did not note theirs


@dataclass(frozen=True)
class Provenance:
    """A machine and a day on which something was done.

    Attributes
    ----------
    machine : str
        GPU where one was used, processor, cores and system; it names no host and no user. Several where several had a
        part.
    version : str
        Of this program.
    packages : str
        Versions of the libraries that the numbers depend on; empty where that was not noted.
    date : str
        The day, or the last of several, in UTC: ``2026-11-28``.
    """

    machine: str
    version: str
    packages: str
    date: str

    def __str__(self) -> str:
        return f"{self.machine}, version {self.version}, {self.date}"

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


@dataclass(frozen=True)
class Origin:
    """Where what is in a pack is from.

    Attributes
    ----------
    computed : Provenance or None
        Of the machine that computed it; None where the pack does not tell, as those of the first versions.
    packed : Provenance
        Of the machine that packed it.
    """

    computed: Provenance | None
    packed: Provenance

    def __str__(self) -> str:
        if self.computed is None:
            return f"packed on {self.packed}; the pack does not say where and when it was computed"
        if str(self.computed) == str(self.packed):
            return f"computed on {self.computed}"
        return f"computed on {self.computed}; packed on {self.packed}"

    @property
    def machine(self) -> str:
        """The machine that computed it, for lists."""
        return self.computed.machine if self.computed else f"packed on {self.packed.machine}"

    @property
    def date(self) -> str:
        """The day on which it was computed; empty where that is not known."""
        return self.computed.date if self.computed else ""


def of_this_machine() -> Provenance:
    """Describe this machine, today; with the GPU where this process used one."""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    return Provenance(_words(machine.described()), __version__, packages, _day(datetime.now(UTC)))


def of_artefacts(artefacts: Iterable[Artefact]) -> Provenance | None:
    """Say where and when artefacts were computed, from their manifests; None where there are none.

    Machines stand in the order of the artefacts. A machine that computed some of them on its GPU is named with it.
    """
    found = list(artefacts)
    if not found:
        return None
    with_gpu = {_place(one.made_by) for one in found if "gpu" in one.made_by}
    named = [one.made_by for one in found if "gpu" in one.made_by or _place(one.made_by) not in with_gpu]
    machines = list(dict.fromkeys(map(_words, named)))
    more = f" and {counted(len(machines) - _NAMED, 'more machine')}" if len(machines) > _NAMED else ""
    versions = dict.fromkeys(one.made_by.get("version", "before 0.2") for one in found)
    day = _day(max(one.created for one in found))
    return Provenance(" and ".join(machines[:_NAMED]) + more, listed(versions), "", day)  # their names have commas


def _place(made_by: Mapping[str, str]) -> tuple[str | None, str | None]:
    return made_by.get("processor"), made_by.get("system")


def _words(described: Mapping[str, str]) -> str:
    """A machine as `core.machine.described` has it, its GPU first."""
    return ", ".join(described[name] for name in ("gpu", "processor", "system") if name in described) or _UNNAMED


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")
