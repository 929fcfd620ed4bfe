"""What the report's charts have in common: colours, names, bars before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from core.language.codes import describe

Tables = Mapping[str, pd.DataFrame]
PRE, POST, FREE, GREY, INK = "#98a2b3", "#4c6ef5", "#f08c00", "#c3c8d1", "#343a40"
PALETTE = (
    "#4477aa", "#ee6677", "#228833", "#e0a800", "#66ccee", "#aa3377", "#ee7733", "#009988",
    "#8866dd", "#99aa22", "#cc6699", "#7a8794", "#b15928", "#33bbaa", "#dd4444", "#5566ee",
    "#77bb55", "#c58cff", "#b0893b", "#3f9fd6", "#e58fb1", "#6b6fa8",
)  # fmt: skip
SPACES = alt.Scale(domain=["before", "after"], range=[PRE, POST])
WORDS = {"pre": "before", "post": "after"}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        Of its files.
    chart : object
        An Altair chart.
    caption : str
        What it shows.
    bitmap : bool
        Whether the report holds it as PNG: a map of thousands of points.
    """

    name: str
    chart: Any
    caption: str
    bitmap: bool = False


def named(codes: pd.Series) -> pd.Series:
    """English names of languages."""
    return codes.map({code: describe(code).english for code in codes.unique()})


def space_bars(frame: pd.DataFrame, title: str, form: str = "%") -> Any:
    """Bars before and after by label: a frame with ``label, space, top1, low, high``."""
    frame = frame.assign(space=frame["space"].map(WORDS))
    base = alt.Chart(frame).encode(
        y=alt.Y("label:N", title=None, sort=alt.EncodingSortField("top1", op="max", order="descending")),
        yOffset=alt.YOffset("space:N", sort=["before", "after"]),
    )
    bars = base.mark_bar().encode(
        x=alt.X("top1:Q", title=title, axis=alt.Axis(format=form), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("space:N", title=None, scale=SPACES),
    )
    lines = base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q")
    return (bars + lines).properties(width=520, height=26 * frame["label"].nunique() + 20)
