"""The maps, the bars and the lines of the first page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.base import AROUND_BARS, INK, RULE, SPACES, colour_scale
from dashboard.charts.cache import made_once
from dashboard.charts.theme import FREE, PRE


def plane(points: pd.DataFrame, margin: float = 0.04) -> tuple[list[float], list[float]]:
    """The window that shows all points of both spaces: x and y as ``[low, high]``."""
    window = []
    for axis in ("x", "y"):
        low, high = float(points[axis].min()), float(points[axis].max())
        pad = margin * max(high - low, 1e-6)
        window.append([low - pad, high + pad])
    return window[0], window[1]


def language_map(
    points: pd.DataFrame,
    colours: Mapping[str, str],
    window: tuple[list[float], list[float]],
    ghosts: pd.DataFrame | None = None,
) -> Any:
    """One space as a map of sentences.

    Parameters
    ----------
    points : DataFrame
        ``x, y, language, name, text, english, row, shown`` (``shown``: whether it stands out).
    colours : mapping of code to colour
    window : x and y domain
        The same for both spaces, so that a place means the same in both.
    ghosts : DataFrame, optional
        The points of the space before, to show faintly where they came from; then the points are drawn as crosses,
        as in the paper, else as dots with each language's name above them.
    """
    x = alt.X("x:Q", scale=alt.Scale(domain=window[0], nice=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=window[1], nice=False), axis=None)
    colour = alt.Color("language:N", scale=colour_scale(colours), legend=None)
    tooltip = [
        alt.Tooltip("name:N", title="language"),
        alt.Tooltip("text:N", title="sentence"),
        alt.Tooltip("english:N", title="in English"),
        alt.Tooltip("row:N", title="row"),
    ]
    opacity = alt.condition("datum.shown", alt.value(0.8), alt.value(0.05))
    layers: list[alt.Chart] = []
    if ghosts is not None:
        before = alt.Chart(ghosts[["x", "y"]]).mark_point(size=12, filled=True, opacity=0.25, color=PRE)
        layers.append(before.encode(x=x, y=y))
    shape = "circle" if ghosts is None else "cross"
    chart = alt.Chart(points).mark_point(size=24, filled=True, strokeWidth=0, shape=shape)
    layers.append(chart.encode(x=x, y=y, color=colour, opacity=opacity, tooltip=tooltip).interactive())
    if ghosts is None:
        names = (
            points[points["shown"]].groupby(["language", "name"], as_index=False).agg(x=("x", "median"), y=("y", _top))
        )
        label = alt.Chart(names).mark_text(fontSize=12, fontWeight="bold", dy=-9)
        layers.append(label.encode(x=x, y=y, text="name:N", color=colour))
    return alt.layer(*layers).properties(height=400).configure_view(strokeOpacity=0.15, cornerRadius=6)


def _top(values: pd.Series) -> float:
    """Where a group of points ends, but for stragglers."""
    return float(values.quantile(0.95))


@made_once
def retrieval_bars(rows: pd.DataFrame) -> Any:
    """Top-1 by candidate language, before and after, with 95 % intervals and the free baseline as a tick.

    Parameters
    ----------
    rows : DataFrame
        ``candidate, name, space, top1, low, high, n, centred_pre``; one row a candidate and space.
    """
    order = alt.EncodingSortField("top1", op="max", order="descending")
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=140, ticks=False, domain=False))
    scale = alt.Scale(domain=[0, 1])
    offset = alt.YOffset("space:N", sort=["before", "after"])
    tooltip = [
        alt.Tooltip("name:N", title="found in"),
        alt.Tooltip("space:N", title="space"),
        alt.Tooltip("top1:Q", title="top-1", format=".1%"),
        alt.Tooltip("low:Q", title="95% from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("centred_pre:Q", title="mean-centred, no intervention", format=".1%"),
        alt.Tooltip("n:Q", title="sentences"),
    ]
    base = alt.Chart(rows).encode(y=y, tooltip=tooltip)
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("top1:Q", scale=scale, axis=alt.Axis(format="%", title="translation found first (top-1)", tickCount=5)),
        yOffset=offset,
        color=alt.Color("space:N", scale=SPACES, legend=alt.Legend(title=None, orient="top")),
    )
    interval = base.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", yOffset=offset)
    # Dark on white, so that it is seen over a bar and beside it, on either background.
    spread = (
        interval.mark_rule(strokeWidth=3.5, color="white", opacity=0.85),
        interval.mark_rule(strokeWidth=1.4, color=INK),
    )
    free = (
        alt.Chart(rows[rows["space"] == "after"])
        .mark_tick(thickness=2.5, color=FREE, size=14)
        .encode(y=y, x=alt.X("centred_pre:Q", scale=scale), tooltip=tooltip)
    )
    return alt.layer(bars, *spread, free).properties(height=26 * rows["candidate"].nunique() + AROUND_BARS)


@made_once
def layer_lines(rows: pd.DataFrame, chosen: int) -> Any:
    """Top-1 with the target as the query, at every layer, before and after.

    Parameters
    ----------
    rows : DataFrame
        ``layer, space, top1``.
    chosen : int
        The layer that the page shows.
    """
    lines = (
        alt.Chart(rows)
        .mark_line(point=alt.OverlayMarkDef(size=28), strokeWidth=2)
        .encode(
            x=alt.X("layer:Q", axis=alt.Axis(tickMinStep=1, title="layer (0: embeddings)", grid=False)),
            y=alt.Y("top1:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title="top-1", tickCount=5)),
            color=alt.Color("space:N", scale=SPACES, legend=alt.Legend(title=None, orient="top")),
            tooltip=["layer:Q", "space:N", alt.Tooltip("top1:Q", format=".1%", title="top-1")],
        )
    )
    rule = alt.Chart(pd.DataFrame({"layer": [chosen]})).mark_rule(strokeDash=[4, 4], color=RULE).encode(x="layer:Q")
    return alt.layer(rule, lines).properties(height=300)
