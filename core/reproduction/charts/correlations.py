"""The figure of the correlations of accuracy with distance, and of gain with the change of distance."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd

from core.charts.palette import FAINT, colours
from core.charts.scales import colour_scale
from core.reproduction.charts.figure import Figure, names_of
from core.reproduction.tables import Tables, at_plan_layer

# What is correlated (columns y and space of the table), its columns across and up, and their titles.
_PANELS = (
    ("accuracy", "pre", "distance_pre", "top1_pre", "distance, before", "top-1, before"),
    ("accuracy", "post", "distance_post", "top1_post", "distance, after", "top-1, after"),
    ("gain", "change", "change_of_distance", "gain", "change of distance", "gain"),
)


def correlations(tables: Tables) -> list[Figure]:
    """Draw three scatter plots."""
    points, tested = at_plan_layer(tables["correlation_points"]), at_plan_layer(tables["correlations"])
    points = points.assign(
        gain=points["top1_post"] - points["top1_pre"],
        change_of_distance=points["distance_post"] - points["distance_pre"],
    )
    charts = []
    for y, space, across, up, across_title, up_title in _PANELS:
        r = tested[(tested["y"] == y) & (tested["space"] == space)][["target", "r", "significant"]]
        charts.append(_scatter(points.merge(r, on="target"), across, up, across_title, up_title))
    chart = alt.hconcat(*charts).resolve_scale(color="independent")
    return [Figure("correlations", chart, "Over candidate languages, by target. Grey: not significant (Holm, .05).")]


def _scatter(points: pd.DataFrame, across: str, up: str, across_title: str, up_title: str) -> Any:
    """Points and a fitted line for each target, grey where the correlation is not significant."""
    label = [
        f"{name}, r = {r:.2f}" if math.isfinite(r) else f"{name}, no r"
        for name, r in zip(names_of(points["target"]), points["r"], strict=True)
    ]
    points = points.assign(label=label)
    targets = points.drop_duplicates("label")
    by_language = colours(list(targets["target"]))
    by_label = {
        row["label"]: by_language[row["target"]] if row["significant"] else FAINT for row in targets.to_dict("records")
    }
    base = alt.Chart(points).encode(
        x=alt.X(f"{across}:Q", title=across_title, scale=alt.Scale(zero=False)),
        y=alt.Y(f"{up}:Q", title=up_title, scale=alt.Scale(zero=False, domain=_span(points[up]))),
        color=alt.Color(
            "label:N", title=None, scale=colour_scale(by_label), legend=alt.Legend(orient="bottom", columns=1)
        ),
    )
    line = base.transform_regression(across, up, groupby=["label"]).mark_line(strokeWidth=1.5, clip=True)
    return (base.mark_circle(size=36, opacity=0.8) + line).properties(width=220, height=230)


def _span(values: pd.Series) -> list[float]:
    """The values' range with a small margin, so that a fitted line cannot widen the axis to impossible values."""
    low, high = float(values.min()), float(values.max())
    room = 0.05 * max(high - low, 0.1)
    return [low - room, high + room]
