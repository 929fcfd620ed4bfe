"""Lists what the cache holds, and removes parts of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from core.errors import StoreError
from core.stats.units import counted
from core.store.artefact import Artefact
from core.store.files import MANIFEST
from core.store.stage import STAGES, Cost, Stage
from core.store.store import Store


@dataclass(frozen=True)
class Disk:
    """Bytes of the disk that the cache is on."""

    free: int
    total: int


def table(store: Store) -> pd.DataFrame:
    """List what is stored, by stage, the largest first.

    Returns
    -------
    DataFrame
        ``stage, what, artefacts, fetched, waiting, bytes, oldest, newest, again``: ``fetched`` of the artefacts came
        from a shared store, and ``waiting`` are to be sent there. Bytes are those that lie here, manifests included.
    """
    waiting = set(store.shared.waiting()) if store.shared is not None else set()
    rows = [
        {
            "stage": entry.stage,
            "bytes": _bytes(entry),
            "created": pd.Timestamp(entry.created),
            "fetched": entry.source is not None,
            "waiting": (entry.stage, entry.digest) in waiting,
        }
        for entry in store.entries()
    ]
    frame = pd.DataFrame(rows, columns=["stage", "bytes", "created", "fetched", "waiting"])
    grouped = frame.groupby("stage", as_index=False).agg(
        artefacts=("bytes", "size"),
        fetched=("fetched", "sum"),
        waiting=("waiting", "sum"),
        bytes=("bytes", "sum"),
        oldest=("created", "min"),
        newest=("created", "max"),
    )
    stages = [STAGES.get(name) or _unknown(name) for name in grouped["stage"]]
    return grouped.assign(what=[stage.keeps for stage in stages], again=[stage.again for stage in stages]).sort_values(
        "bytes", ascending=False, ignore_index=True
    )


def _bytes(entry: Artefact) -> int:
    """What an artefact takes here; a short text is in its manifest, and has no file of its own."""
    try:
        return entry.nbytes_here + (entry.path / MANIFEST).stat().st_size
    except OSError:  # removed meanwhile
        return entry.nbytes_here


def _unknown(name: str) -> Stage:
    """A stage of another version of the product, whose artefacts lie in the same cache."""
    return Stage(name, 0, name, "computing it again", Cost.PASSES)


def remove(store: Store, stages: Iterable[str]) -> tuple[int, int]:
    """Remove all artefacts of some stages.

    Each is removed under its lock, so the function waits for a process that is making one. A removed artefact is
    computed again when it is needed, or fetched where a shared store has it: nothing is removed there.

    Returns
    -------
    removed, bytes : int
    """
    chosen = set(stages)
    removed: list[Artefact] = [entry for entry in store.entries() if entry.stage in chosen]
    freed = sum(map(_bytes, removed))
    for entry in removed:
        store.remove(entry)
    return len(removed), freed


def shared_words(store: Store) -> str:
    """Say what a shared store holds, what waits to be sent, and what is wrong; empty where there is none.

    The store is asked, over the network.
    """
    if store.shared is None:
        return ""
    address, waiting = store.shared.place.address, len(store.shared.waiting())
    try:
        content = store.shared.content()
        n = sum(content.artefacts.values())
        are = "is" if n == 1 else "are"
        said = f"{counted(n, 'artefact')} in {size(content.bytes)} {are} shared in {address}"
    except StoreError as trouble:
        said = f"What is shared in {address} cannot be seen ({trouble.why})"
    if waiting:
        why = f" ({store.shared.trouble})" if store.shared.trouble else ""
        said = f"{said}; {waiting:,} of this cache {'waits' if waiting == 1 else 'wait'} to be sent there{why}"
    return f"{said}."


def size(count: int) -> str:
    """Bytes in words: ``512 B``, ``1.2 GB``."""
    value, units = float(count), ("B", "kB", "MB", "GB", "TB")
    for unit in units[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {units[-1]}"


def disk(store: Store) -> Disk:
    """Room on the disk that the cache is on."""
    usage = shutil.disk_usage(store.root)
    return Disk(usage.free, usage.total)
