"""Maps of sentences: each sentence is a point, each language has a colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from core.charts.palette import FREE, INK, PRE, TEXT
from core.charts.scales import colour_scale

Window = tuple[list[float], list[float]]
"""The part of the plane that a map shows: x and y as ``[low, high]``."""

_STAR = "M0,-1L.22,-.31L.95,-.31L.36,.12L.59,.81L0,.38L-.59,.81L-.36,.12L-.95,-.31L-.22,-.31Z"
_CROSS = "M-1,-1L1,1M-1,1L1,-1"


def window_of(points: pd.DataFrame, margin: float = 0.04) -> Window:
    """The window that shows all points (``x, y``), with a margin as a share of its size."""
    sides = []
    for axis in ("x", "y"):
        low, high = float(points[axis].min()), float(points[axis].max())
        pad = margin * max(high - low, 1e-6)
        sides.append([low - pad, high + pad])
    return sides[0], sides[1]


def language_map(
    points: pd.DataFrame,
    colours: Mapping[str, str],
    window: Window,
    ghosts: pd.DataFrame | None = None,
    legend: bool = False,
    own: pd.DataFrame | None = None,
) -> Any:
    """Draw one space as a map of sentences.

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
    legend : bool
        Say below the map which colour is which language.
    own : DataFrame, optional
        ``x, y, text``: one further sentence, drawn as a star over the others.
    """
    x = alt.X("x:Q", scale=alt.Scale(domain=window[0], nice=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=window[1], nice=False), axis=None)
    colour = alt.Color("language:N", scale=colour_scale(colours), legend=None)
    if legend:
        names = dict(zip(points["language"], points["name"], strict=True))
        by_name = {names[code]: hue for code, hue in colours.items() if code in names}
        below = alt.Legend(title=None, orient="bottom", columns=4, symbolOpacity=1, symbolType="circle")
        colour = alt.Color("name:N", scale=colour_scale(by_name), legend=below)
    tooltip = [
        alt.Tooltip("name:N", title="language"),
        alt.Tooltip("text:N", title="sentence"),
        alt.Tooltip("english:N", title="in English"),
        alt.Tooltip("row:N", title="row"),
    ]
    opacity = alt.condition("datum.shown", alt.value(0.8), alt.value(0.05))
    layers: list[Any] = []
    if ghosts is not None:
        before = alt.Chart(ghosts[["x", "y"]]).mark_point(size=12, filled=True, opacity=0.25, color=PRE)
        layers.append(before.encode(x=x, y=y))
    shape = "circle" if ghosts is None else "cross"
    chart = alt.Chart(points).mark_point(size=24, filled=True, strokeWidth=0, shape=shape)
    layers.append(chart.encode(x=x, y=y, color=colour, opacity=opacity, tooltip=tooltip).interactive())
    if ghosts is None:
        label = alt.Chart(_names(points)).mark_text(fontSize=12, fontWeight="bold", dy=-9, color=TEXT)
        layers.append(label.encode(x=x, y=y, text="name:N"))
    if own is not None:
        star = alt.Chart(own).mark_point(shape=_STAR, size=320, filled=True, opacity=1, color=FREE, stroke=INK)
        layers.append(star.encode(x=x, y=y, tooltip=[alt.Tooltip("text:N", title="your sentence")]))
    return alt.layer(*layers).properties(height=400).configure_view(strokeOpacity=0.15, cornerRadius=6)


def joint_map(points: pd.DataFrame, colours: Mapping[str, str]) -> Any:
    """Draw both spaces on one map: dots before, crosses after.

    Parameters
    ----------
    points : DataFrame
        ``x, y, name, space``, one row a sentence and space (``before`` or ``after``).
    colours : mapping of name to colour
    """
    shapes = alt.Scale(domain=["before", "after"], range=["circle", _CROSS])
    # Below the map: beside it, the list is cut where it is longer than the map is tall.
    names = alt.Legend(title=None, orient="bottom", columns=3, symbolOpacity=1, symbolLimit=0)
    return (
        alt.Chart(points)
        .mark_point(size=9, opacity=0.55, strokeWidth=1)
        .encode(
            x=alt.X("x:Q", axis=None),
            y=alt.Y("y:Q", axis=None, scale=alt.Scale(zero=False)),
            color=alt.Color("name:N", scale=colour_scale(colours), legend=names),
            shape=alt.Shape("space:N", scale=shapes, legend=alt.Legend(title=None, orient="top", symbolOpacity=1)),
        )
    )


def _names(points: pd.DataFrame) -> pd.DataFrame:
    """Place the name of each highlighted language: above its points, apart from outliers."""
    grouped = points[points["shown"]].groupby(["language", "name"], as_index=False)
    placed: pd.DataFrame = grouped.agg(x=("x", "median"), y=("y", lambda values: float(values.quantile(0.95))))
    return placed
