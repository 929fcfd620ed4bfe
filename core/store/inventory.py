"""Lists what the cache holds, and removes parts of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from core.store.artefact import Artefact
from core.store.stage import STAGES, Cost, Stage
from core.store.store import Store


@dataclass(frozen=True)
class Disk:
    """Bytes of the disk that the cache is on."""

    free: int
    total: int


def table(store: Store) -> pd.DataFrame:
    """List what is stored, by stage: ``stage, what, artefacts, bytes, oldest, newest, again``, the largest first."""
    rows = [
        {"stage": entry.stage, "bytes": entry.nbytes, "created": pd.Timestamp(entry.created)}
        for entry in store.entries()
    ]
    frame = pd.DataFrame(rows, columns=["stage", "bytes", "created"])
    grouped = frame.groupby("stage", as_index=False).agg(
        artefacts=("bytes", "size"), bytes=("bytes", "sum"), oldest=("created", "min"), newest=("created", "max")
    )
    stages = [STAGES.get(name) or _unknown(name) for name in grouped["stage"]]
    return grouped.assign(what=[stage.keeps for stage in stages], again=[stage.again for stage in stages]).sort_values(
        "bytes", ascending=False, ignore_index=True
    )


def _unknown(name: str) -> Stage:
    """A stage of another version of the product, whose artefacts lie in the same cache."""
    return Stage(name, 0, name, "computing it again", Cost.PASSES)


def remove(store: Store, stages: Iterable[str]) -> tuple[int, int]:
    """Remove all artefacts of some stages.

    Each is removed under its lock, so the function waits for a process that is making one. A removed artefact is
    computed again when it is needed.

    Returns
    -------
    removed, bytes : int
    """
    chosen = set(stages)
    removed: list[Artefact] = [entry for entry in store.entries() if entry.stage in chosen]
    for entry in removed:
        store.remove(entry)
    return len(removed), sum(entry.nbytes for entry in removed)


def disk(store: Store) -> Disk:
    """Room on the disk that the cache is on."""
    usage = shutil.disk_usage(store.root)
    return Disk(usage.free, usage.total)
