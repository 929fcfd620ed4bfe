"""Item: correlations over candidate languages of accuracy with distance, and of gain with the change of distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.pipeline.run import Run
from core.reproduction import measures
from core.reproduction.charts import correlations as charts
from core.reproduction.item import Item
from core.reproduction.study import Study
from core.spaces import distances
from core.spaces.similarity import COMPARISONS
from core.stats.correlation import pearson
from core.stats.significance import LEVEL, holm


def by_candidate(run: Run) -> pd.DataFrame:
    """Accuracy and distance with the target as the query, in both spaces.

    Returns
    -------
    DataFrame
        ``metric, layer, candidate, top1_pre, top1_post, distance_pre, distance_post``, a row a way of comparing and
        candidate; the distance is the cosine distance of the same vectors, for CSLS of the raw ones.
    """
    _, intervention = run.spaces()
    languages = run.plan.groups[0].languages
    target = languages.index(run.plan.target)
    candidates = [number for number in range(len(languages)) if number != target]
    parts = []
    for metric, layer in measures.ways(run):
        columns: dict[str, Any] = {
            "metric": metric,
            "layer": layer,
            "candidate": [languages[candidate] for candidate in candidates],
        }
        for name, changed_by in (("pre", None), ("post", intervention)):
            space = COMPARISONS[metric].transformed(run.stages.embeddings(0, changed_by, layer))
            columns[f"top1_{name}"] = measures.hits_of(run, changed_by, (metric, layer))[target][candidates].mean(
                axis=1
            )
            columns[f"distance_{name}"] = distances.pair_distances(space)[target][candidates]
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def correlation_row(across: pd.Series, up: pd.Series, seed: int) -> dict[str, Any]:
    """Pearson's correlation of two columns as a row: ``r, low, high, p, n``."""
    r = pearson(across.to_numpy(dtype=np.float64), up.to_numpy(), seed=seed)
    return {"r": r.value, "low": r.low, "high": r.high, "p": r.p, "n": r.n}


def adjusted(rows: pd.DataFrame) -> pd.DataFrame:
    """Add ``p_holm``, adjusted within each metric, and whether it is below .05 (False where there is no p).

    Cosine at the plan's layer and at the best one are adjusted together.
    """
    p_holm = np.full(len(rows), np.nan)
    for metric in rows["metric"].unique():
        tested = (rows["p"].notna() & (rows["metric"] == metric)).to_numpy()
        if tested.any():
            p_holm[tested] = holm(rows["p"].to_numpy(dtype=np.float64)[tested])
    return rows.assign(p_holm=p_holm, significant=p_holm < LEVEL)


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    """``correlations``, and in ``correlation_points`` what they are computed from."""
    points = study.table(study.experiments("none"), by_candidate)
    rows: list[dict[str, Any]] = []
    for experiment in study.experiments("none"):
        of_target = points[points["target"] == experiment.target]
        for (metric, layer), part in of_target.groupby(["metric", "layer"], sort=False):
            way = {**study.conditions(experiment), "metric": metric, "layer": layer}
            rows += [way | row for row in _correlations(part, study.settings.seed)]
    return {"correlations": adjusted(pd.DataFrame(rows)), "correlation_points": points}


def _correlations(points: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """The three correlations of one target and way of comparing."""
    change = points["distance_post"] - points["distance_pre"], points["top1_post"] - points["top1_pre"]
    columns = {
        ("accuracy", "distance", "pre"): (points["distance_pre"], points["top1_pre"]),
        ("accuracy", "distance", "post"): (points["distance_post"], points["top1_post"]),
        ("gain", "change of distance", "change"): change,
    }
    return [
        {"y": y, "x": x, "space": space, **correlation_row(across, up, seed)}
        for (y, x, space), (across, up) in columns.items()
    ]


# The steps of retrieval measure all that is needed here.
CORRELATIONS = Item("correlations", "Correlations", _tables, charts.correlations)
