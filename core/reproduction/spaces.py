"""Everything that is measured of one target's two spaces, as rows of the reproduction's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core import retrieval
from core.engine import Run
from core.interventions import Intervention
from core.ranking import csls, ranks
from core.retrieval import normalise, wilson
from core.store import Payload

VERSION = 1
METRICS = ("cosine", "centred", "csls")


def hits(space: np.ndarray, metric: str) -> np.ndarray:
    """Whether each sentence retrieves its translation, for every ordered pair of languages.

    Parameters
    ----------
    space : ndarray of float32, (n_languages, n_sentences, hidden)
    metric : {"cosine", "centred", "csls"}

    Returns
    -------
    ndarray of bool, (n_languages, n_languages, n_sentences)
        Query, candidate, sentence; the diagonal stands as true.
    """
    if metric == "cosine":
        return retrieval.correct(space)
    if metric == "centred":
        return retrieval.correct(retrieval.centre(space))
    if metric != "csls":
        raise ValueError(f"metric {metric!r}: one of {METRICS}")
    n, unit = len(space), normalise(space)
    found = np.ones((n, n, space.shape[1]), dtype=bool)
    for one in range(n):
        for other in range(one):
            adjusted = csls(unit[one] @ unit[other].T)
            found[one, other], found[other, one] = ranks(adjusted) == 1, ranks(adjusted.T) == 1
    return found


def retrieval_rows(run: Run, space: str, intervention: Intervention | None) -> pd.DataFrame:
    """All ordered pairs of one space: ``space, metric, layer, query, candidate, n, top1, low, high``.

    By every metric at the plan's layer, and by cosine at the layer at which the unmodified model retrieves best.
    Intervals are Wilson's, 95 %.
    """
    plan, best = run.plan, best_layer(run)
    spec = {
        "version": VERSION,
        "space": run.stages.space_spec(intervention),
        "layers": [plan.layer, best],
    }

    def compute() -> Payload:
        parts = []
        for number, group in enumerate(plan.groups):
            at = run.stages.embeddings(number, intervention, plan.layer)
            parts += [_pairs(hits(at, metric), group.languages, metric, plan.layer) for metric in METRICS]
            if best != plan.layer:
                there = run.stages.embeddings(number, intervention, best)
                parts.append(_pairs(hits(there, "cosine"), group.languages, "cosine", best))
        return Payload(tables={"rows": pd.concat(parts, ignore_index=True)})

    rows = run.stages.get("reproduced-retrieval", spec, compute, lambda artefact: artefact.table("rows"), derived=True)
    return rows.assign(space=space)


def best_layer(run: Run) -> int:
    """The layer at which the unmodified model retrieves best, with the target as the query."""
    profile = run.measures.profile(None)
    return int(profile["layer"].iloc[int(profile["top1"].to_numpy().argmax())])


def _pairs(found: np.ndarray, languages: tuple[str, ...], metric: str, layer: int) -> pd.DataFrame:
    n = found.shape[2]
    rows: list[Mapping[str, Any]] = [
        {"metric": metric, "layer": layer, "query": query, "candidate": candidate, "n": n, "top1": found[q, c].mean()}
        for q, query in enumerate(languages)
        for c, candidate in enumerate(languages)
        if q != c
    ]
    frame = pd.DataFrame(rows)
    low, high = wilson(frame["top1"].to_numpy(), frame["n"].to_numpy())
    return frame.assign(low=low, high=high)
