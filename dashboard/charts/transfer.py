"""Charts of the Transfer page: accuracies by language, the matrix of training and tested languages, and who profits."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.bars import QUARTERS, SHARES_MARKED, Bars, interval_tooltips
from core.charts.matrices import CELL_HEIGHT, change_matrix
from core.charts.palette import BEFORE_AFTER, FREE, POST, RULE, TEXT
from dashboard.charts.cache import made_once
from dashboard.charts.sizes import bars_height

COLOURS = {**BEFORE_AFTER, "before, own means": FREE}


@made_once
def bars(rows: pd.DataFrame, majority: float) -> Any:
    """Draw the accuracy by language tested on, before, after and centred, and a line at the most frequent class.

    Parameters
    ----------
    rows : DataFrame
        ``name, space, accuracy, low, high, n, mark``; one row a language and space, a name of `COLOURS`.
    """
    chart = Bars(
        category="name",
        value="accuracy",
        title="accuracy",
        colours=COLOURS,
        domain=SHARES_MARKED,
        ticks=QUARTERS,
        mark="mark",
        tooltip=[
            alt.Tooltip("name:N", title="tested on"),
            alt.Tooltip("space:N"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            *interval_tooltips(".1%"),
            alt.Tooltip("n:Q", title="sentences"),
        ],
    )
    bound = alt.Chart(pd.DataFrame([{"bound": majority}])).mark_rule(strokeDash=[5, 4], strokeWidth=1.6, color=RULE)
    drawn = alt.layer(chart.draw(rows), bound.encode(x="bound:Q"))
    return drawn.properties(height=round(1.3 * bars_height(rows["name"].nunique())))


@made_once
def matrix(pairs: pd.DataFrame, order: list[str]) -> Any:
    """Draw the change of accuracy for every language trained on and tested on; see `core.charts.matrices`."""
    titles = ("tested on", "trained on")
    return change_matrix(pairs, order, titles).properties(height=CELL_HEIGHT * len(order) + 120)


@made_once
def profit(points: pd.DataFrame, likeness: str, title: str, gained: str) -> Any:
    """Draw the gain of each language by how it is like the one it starts from, each point with its name.

    Parameters
    ----------
    points : DataFrame
        ``name, gain, low, high, pre, post`` and a column named by ``likeness``.
    title, gained : str
        Of the axes.
    """
    across = alt.X(f"{likeness}:Q", title=title, scale=alt.Scale(zero=False, padding=24), axis=alt.Axis(tickCount=5))
    up = alt.Axis(format="+.0%", title=gained)
    low, high = min(0.0, float(points["low"].min())), max(0.0, float(points["high"].max()))
    scale = alt.Scale(domain=[low - 0.05 * (high - low), high + 0.05 * (high - low)])
    base = alt.Chart(points).encode(
        x=across,
        tooltip=[
            alt.Tooltip("name:N", title="language"),
            alt.Tooltip(f"{likeness}:Q", title=title, format=".2f"),
            alt.Tooltip("pre:Q", title="before", format=".1%"),
            alt.Tooltip("post:Q", title="after", format=".1%"),
            alt.Tooltip("gain:Q", format="+.1%"),
        ],
    )
    zero = alt.Chart(pd.DataFrame([{"gain": 0.0}])).mark_rule(color=RULE, strokeDash=[2, 3]).encode(y="gain:Q")
    return alt.layer(
        zero,
        base.mark_rule(color=RULE, opacity=0.6).encode(y=alt.Y("low:Q", axis=up, scale=scale), y2="high:Q"),
        base.mark_circle(size=70, color=POST, opacity=1).encode(y=alt.Y("gain:Q", axis=up, scale=scale)),
        base.mark_text(align="left", dx=8, dy=-6, fontSize=11, color=TEXT).encode(y="gain:Q", text="name:N"),
    ).properties(height=360)
