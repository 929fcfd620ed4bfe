"""What accuracy and gain go along with: distance, and how alike the languages are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.language import families, typology
from core.pipeline.run import Run
from core.reproduction import measures
from core.reproduction.session import Item, Session
from core.spaces import distances
from core.spaces.similarity import COMPARISONS
from core.stats.correlation import pearson
from core.stats.significance import holm


def _by_candidate(run: Run) -> pd.DataFrame:
    """The target as the query, a row a way of comparing and candidate.

    ``metric, layer, candidate, top1_pre, top1_post, distance_pre, distance_post``; the distance is the cosine distance
    of the same vectors, for CSLS of the raw ones.
    """
    _, intervention = run.spaces()
    languages = run.plan.groups[0].languages
    target = languages.index(run.plan.target)
    others = [number for number in range(len(languages)) if number != target]
    parts = []
    for metric, layer in measures.ways(run):
        found: dict[str, Any] = {"metric": metric, "layer": layer, "candidate": [languages[o] for o in others]}
        for name, which in (("pre", None), ("post", intervention)):
            space = COMPARISONS[metric].transformed(run.stages.embeddings(0, which, layer))
            found[f"top1_{name}"] = measures.hits_of(run, which, (metric, layer))[target][others].mean(axis=1)
            found[f"distance_{name}"] = distances.pair_distances(space)[target][others]
        parts.append(pd.DataFrame(found))
    return pd.concat(parts, ignore_index=True)


def _correlations(session: Session) -> dict[str, pd.DataFrame]:
    """Accuracy against distance, and gain against change of distance, over candidate languages; and their points."""
    rows: list[dict[str, Any]] = []
    points = []
    for target in session.targets:
        experiment = session.settings.experiment(target)
        found = session.ask(experiment, _by_candidate)
        points.append(session.labelled(found, experiment))
        for (metric, layer), part in found.groupby(["metric", "layer"], sort=False):
            shared = {**session.conditions(experiment), "metric": metric, "layer": layer}
            rows += [shared | row for row in _correlated(part, session.settings.seed)]
    frame = pd.DataFrame(rows)
    return {"correlations": adjusted(frame), "correlation_points": pd.concat(points, ignore_index=True)}


def _correlated(points: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """The three correlations of one target and way."""
    change = points["distance_post"] - points["distance_pre"], points["top1_post"] - points["top1_pre"]
    series = {
        ("accuracy", "distance", "pre"): (points["distance_pre"], points["top1_pre"]),
        ("accuracy", "distance", "post"): (points["distance_post"], points["top1_post"]),
        ("gain", "change of distance", "change"): change,
    }
    rows = []
    for (y, x, space), (across, up) in series.items():
        r = pearson(across.to_numpy(), up.to_numpy(), seed=seed)
        rows.append({"y": y, "x": x, "space": space, "r": r.value, "low": r.low, "high": r.high, "p": r.p, "n": r.n})
    return rows


def adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``p_holm``, adjusted over each metric by itself, and whether it is below .05; not so where there is no p.

    Cosine at the plan's layer and at the best one are adjusted together.
    """
    p_holm = np.full(len(frame), np.nan)
    for metric in frame["metric"].unique():
        known = (frame["p"].notna() & (frame["metric"] == metric)).to_numpy()
        if known.any():
            p_holm[known] = holm(frame["p"].to_numpy(dtype=np.float64)[known])
    return frame.assign(p_holm=p_holm, significant=p_holm < 0.05)


def _similarity(session: Session) -> dict[str, pd.DataFrame]:
    """Gain by candidate with how its language is related to the target's; and correlations of the two."""
    rows, tests = (
        frame[(frame["query"] == frame["target"]) & (frame["control"] == "none")]
        for frame in (session.tables["retrieval"], session.tables["tests"])
    )
    keys = ["model", "target", "k", "strength", "control", "metric", "layer", "candidate", "n"]
    wide = rows.pivot_table(index=keys, columns="space", values="top1", sort=False).reset_index()
    wide = wide.merge(tests[[*keys, "p"]], on=keys).rename(columns={"p": "p_holm"})
    related = [families.relation(a, b) for a, b in zip(wide["target"], wide["candidate"], strict=True)]
    wide = wide.assign(
        gain=wide["post"] - wide["pre"],
        same_script=[r.same_script for r in related],
        same_family=pd.array([r.same_family for r in related], dtype="boolean"),
        same_branch=pd.array([r.same_branch for r in related], dtype="boolean"),
        similarity=[r.score for r in related],
        syntax=[typology.similarity(a, b) for a, b in zip(wide["target"], wide["candidate"], strict=True)],
    )
    found: list[dict[str, Any]] = []
    for (target, metric, layer), part in wide.groupby(["target", "metric", "layer"], sort=False):
        for x in ("similarity", "syntax"):
            known = part.loc[part[x].notna()]
            across = known[x].to_numpy(dtype=np.float64)
            for name in ("pre", "post", "gain"):
                r = pearson(across, known[name].to_numpy(), seed=session.settings.seed)
                row = {"target": target, "metric": metric, "layer": layer, "y": name, "x": x}
                found.append({**row, "r": r.value, "low": r.low, "high": r.high, "p": r.p, "n": r.n})
    return {"similarity": wide, "similarity_correlations": adjusted(pd.DataFrame(found))}


CORRELATIONS = Item("correlations", "Correlations", lambda _: [], _correlations)


SIMILARITY = Item("similarity", "Which languages profit", lambda _: [], _similarity)
