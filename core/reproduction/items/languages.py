"""Items 3 to 6 and the random control: how far languages are apart, the maps, retrieval between them, correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core import families
from core.engine import Run
from core.reproduction import spaces
from core.reproduction.correlations import pearson
from core.reproduction.session import Item, Session
from core.reproduction.timetable import Step
from core.results import merge_spaces
from core.significance import holm


def _measure(run: Run) -> None:
    spaces.retrieval_tables(run)
    spaces.distance_table(run)


def _space_steps(session: Session, item: str, control: str) -> list[Step]:
    steps = []
    for number, target in enumerate(session.targets):
        experiment = session.settings.experiment(target, control)
        first = ("embed_pre",) if number == 0 and control == "none" else ()
        seconds = session.expected(experiment, *first, "embed_post", "measure")
        steps.append(session.step(item, target, experiment, _measure, seconds))
    return steps


def _retrieval(session: Session, controls: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    rows, gains = [], []
    for control in controls:
        for target in session.targets:
            experiment = session.settings.experiment(target, control)
            found, gained = session.ask(experiment, spaces.retrieval_tables)
            rows.append(session.labelled(found, experiment))
            gains.append(session.labelled(gained, experiment))
    return {"retrieval": pd.concat(rows, ignore_index=True), "gains": pd.concat(gains, ignore_index=True)}


def _distances(session: Session, controls: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """One row a target, and one that is the mean over targets, with its standard error."""
    parts = []
    for control in controls:
        for target in session.targets:
            experiment = session.settings.experiment(target, control)
            parts.append(session.labelled(session.ask(experiment, spaces.distance_table), experiment))
    each = pd.concat(parts, ignore_index=True).assign(standard_error=np.nan)
    return {"distances": pd.concat([each, over_targets(each)], ignore_index=True)}


def over_targets(each: pd.DataFrame) -> pd.DataFrame:
    """Mean over targets and its standard error (sample deviation over the root of the number of targets; NaN of one).

    Parameters
    ----------
    each : DataFrame
        ``model, target, k, strength, control, space, distance, value, low, high, n``, one row a target; in the means
        ``n`` counts targets, not sentences.
    """
    keys = ["model", "k", "strength", "control", "space", "distance"]
    grouped = each.groupby(keys, sort=False)["value"]
    found = grouped.agg(value="mean", standard_error="sem", n="size").reset_index()
    return found.assign(target="mean", low=np.nan, high=np.nan)[[*each.columns]]


def _projection_steps(session: Session) -> list[Step]:
    points = 2 * sum(len(group) * len(group.languages) for group in session.plan.groups)
    seconds = 4.0 + 8.0 * min(points, 10_000) / 8_000
    return [
        session.step("projection", target, session.settings.experiment(target), _plane, seconds)
        for target in session.targets
    ]


def _plane(run: Run) -> pd.DataFrame:
    """The joint map: ``space, language, row, x, y``, one row a sentence and space."""
    _, intervention = run.spaces()
    run.progress.stage("drawing the map")
    planes = run.measures.projection(intervention)[0]
    languages = run.plan.groups[0].languages
    parts = []
    for space, plane in zip(("pre", "post"), planes, strict=True):
        n = plane.shape[1]
        parts.append(
            pd.DataFrame(
                {
                    "space": space,
                    "language": np.repeat(languages, n),
                    "row": np.tile(np.arange(n), len(languages)),
                    "x": plane[..., 0].ravel(),
                    "y": plane[..., 1].ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _projection(session: Session) -> dict[str, pd.DataFrame]:
    parts = []
    for target in session.targets:
        experiment = session.settings.experiment(target)
        parts.append(session.labelled(session.ask(experiment, _plane), experiment))
    return {"projection": pd.concat(parts, ignore_index=True)}


def _by_candidate(run: Run) -> pd.DataFrame:
    """``candidate, top1_pre, top1_post, distance_pre, distance_post``: the target as the query."""
    _, intervention = run.spaces()
    (pre, _), (post, _) = map(run.measures.layer_measures, (None, intervention))
    pairs = merge_spaces(pre, post, ["group", "query", "candidate", "n"])
    columns = ["candidate", "top1_pre", "top1_post", "distance_pre", "distance_post"]
    return pairs.loc[pairs["query"] == run.plan.target, columns].reset_index(drop=True)


def _correlations(session: Session) -> dict[str, pd.DataFrame]:
    """Accuracy against distance, and gain against change of distance, over candidate languages; and their points."""
    rows: list[dict[str, Any]] = []
    points = []
    for target in session.targets:
        experiment = session.settings.experiment(target)
        found = session.ask(experiment, _by_candidate)
        points.append(session.labelled(found, experiment))
        change = found["distance_post"] - found["distance_pre"], found["top1_post"] - found["top1_pre"]
        series = {
            ("accuracy", "distance", "pre"): (found["distance_pre"], found["top1_pre"]),
            ("accuracy", "distance", "post"): (found["distance_post"], found["top1_post"]),
            ("gain", "change of distance", "change"): change,
        }
        for (y, x, space), (across, up) in series.items():
            r = pearson(across.to_numpy(), up.to_numpy(), seed=session.settings.seed)
            row = {"y": y, "x": x, "space": space, "r": r.r, "low": r.low, "high": r.high, "p": r.p, "n": r.n}
            rows.append({**session.conditions(experiment), **row})
    frame = pd.DataFrame(rows)
    return {"correlations": adjusted(frame), "correlation_points": pd.concat(points, ignore_index=True)}


def adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``p_holm``, adjusted over the whole table, and whether it is below .05; not so where there is no p."""
    known = frame["p"].notna().to_numpy()
    p_holm = np.full(len(frame), np.nan)
    if known.any():
        p_holm[known] = holm(frame["p"].to_numpy(dtype=np.float64)[known])
    return frame.assign(p_holm=p_holm, significant=p_holm < 0.05)


def _similarity(session: Session) -> dict[str, pd.DataFrame]:
    """Gain by candidate with how its language is related to the target's; and correlations of the two."""
    rows = session.tables["retrieval"]
    rows = rows[(rows["query"] == rows["target"]) & (rows["control"] == "none")]
    keys = ["model", "target", "k", "strength", "control", "metric", "layer", "candidate", "n"]
    wide = rows.pivot_table(index=keys, columns="space", values="top1", sort=False).reset_index()
    post = rows[rows["space"] == "post"][[*keys, "p"]]
    wide = wide.merge(post, on=keys).rename(columns={"p": "p_holm"})
    related = [families.relation(a, b) for a, b in zip(wide["target"], wide["candidate"], strict=True)]
    wide = wide.assign(
        gain=wide["post"] - wide["pre"],
        same_script=[r.same_script for r in related],
        same_family=pd.array([r.same_family for r in related], dtype="boolean"),
        same_branch=pd.array([r.same_branch for r in related], dtype="boolean"),
        similarity=[r.score for r in related],
    )
    found: list[dict[str, Any]] = []
    for (target, metric, layer), part in wide.groupby(["target", "metric", "layer"], sort=False):
        known = part["similarity"].notna()
        x = part.loc[known, "similarity"].to_numpy(dtype=np.float64)
        for name in ("pre", "post", "gain"):
            r = pearson(x, part.loc[known, name].to_numpy(), seed=session.settings.seed)
            row = {"target": target, "metric": metric, "layer": layer, "y": name, "x": "similarity"}
            found.append({**row, "r": r.r, "low": r.low, "high": r.high, "p": r.p, "n": r.n})
    return {"similarity": wide, "similarity_correlations": adjusted(pd.DataFrame(found))}


RETRIEVAL = Item(
    "retrieval",
    "Retrieval",
    lambda session: _space_steps(session, "retrieval", "none"),
    lambda session: _retrieval(session, ("none",)),
)
DISTANCES = Item("distances", "Distances", lambda _: [], lambda session: _distances(session, ("none",)))
PROJECTION = Item("projection", "Maps", _projection_steps, _projection)
CORRELATIONS = Item("correlations", "Correlations", lambda _: [], _correlations)
SIMILARITY = Item("similarity", "Which languages profit", lambda _: [], _similarity)
CONTROL = Item(
    "control",
    "Random neurons",
    lambda session: _space_steps(session, "control", "random"),
    lambda session: _retrieval(session, ("none", "random")) | _distances(session, ("none", "random")),
)
