"""What the cache holds, and what it may give up."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from core.store.artefact import Artefact
from core.store.store import Store

# What each stage's artefacts are, and what taking them away costs.
STAGES = {
    "model": ("the embedded model, converted", "half a minute to convert again"),
    "responses": ("every neuron's response to the probe sentences", "a pass over the probe sentences"),
    "expertise": ("how well every neuron tells each language", "seconds, from the responses"),
    "embeddings": ("sentences embedded at every layer", "a pass over the evaluation sentences"),
    "embedding-parts": ("rounds of a run that was stopped", "what was finished of it"),
    "layer": ("retrieval and distance at a layer", "a moment, from the embeddings"),
    "profile": ("retrieval at every layer", "seconds, from the embeddings"),
    "projection": ("maps", "seconds, from the embeddings"),
    "path": ("maps of several strengths", "seconds, from the embeddings"),
    "movement": ("maps fitted again", "seconds, from the embeddings"),
    "ranks": ("ranks of translations", "a moment, from the embeddings"),
    "written": ("texts that the model wrote", "writing them again"),
    "perplexity": ("perplexities", "a pass over the text"),
    "perplexity-by-text": ("perplexities, text by text", "a pass over the texts"),
    "paraphrases": ("which paraphrases are found", "a moment, from the embeddings"),
    "reproduced-hits": ("which translations are found", "a moment, from the embeddings"),
    "reproduced-retrieval": ("tables of retrieval", "seconds, from the embeddings"),
}


@dataclass(frozen=True)
class Disk:
    """Bytes of the disk that the cache is on."""

    free: int
    total: int


def table(store: Store) -> pd.DataFrame:
    """What is kept, by stage: ``stage, what, artefacts, bytes, oldest, newest, again``, the largest first."""
    rows = [
        {"stage": entry.stage, "bytes": entry.nbytes, "created": pd.Timestamp(entry.created)}
        for entry in store.entries()
    ]
    frame = pd.DataFrame(rows, columns=["stage", "bytes", "created"])
    grouped = frame.groupby("stage", as_index=False).agg(
        artefacts=("bytes", "size"), bytes=("bytes", "sum"), oldest=("created", "min"), newest=("created", "max")
    )
    known = {stage: STAGES.get(stage, (stage, "computing it again")) for stage in grouped["stage"]}
    return grouped.assign(
        what=[known[stage][0] for stage in grouped["stage"]], again=[known[stage][1] for stage in grouped["stage"]]
    ).sort_values("bytes", ascending=False, ignore_index=True)


def remove(store: Store, stages: Iterable[str]) -> tuple[int, int]:
    """Take all artefacts of some stages away.

    Each is removed under its lock, so one that is being made or read by another process is waited for. Whatever needs
    it later computes it again.

    Returns
    -------
    removed, bytes : int
    """
    chosen = set(stages)
    gone: list[Artefact] = [entry for entry in store.entries() if entry.stage in chosen]
    for entry in gone:
        store.remove(entry)
    return len(gone), sum(entry.nbytes for entry in gone)


def disk(store: Store) -> Disk:
    """Room on the disk that the cache is on."""
    usage = shutil.disk_usage(store.root)
    return Disk(usage.free, usage.total)
