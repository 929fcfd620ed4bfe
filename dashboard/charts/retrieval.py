"""Bars with tests marked, and the matrix of change."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.base import AROUND_BARS, INK, SPACES
from dashboard.charts.cache import made_once

_LEAST_CELL = 28  # pixels
_TITLES = {"top-1": "found first (top-1)", "top-5": "found among the first five", "MRR": "mean reciprocal rank"}


@made_once
def bars(rows: pd.DataFrame, measure: str) -> Any:
    """A measure by candidate language, before and after, with intervals and a mark where the change is significant.

    Parameters
    ----------
    rows : DataFrame
        ``name, space, value, low, high, n, mark``; one row a candidate and space. ``mark`` stands beside the bar after.
    measure : {"top-1", "top-5", "MRR"}
    """
    order = alt.EncodingSortField("value", op="max", order="descending")
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=140, ticks=False, domain=False))
    scale, form = alt.Scale(domain=[0, 1.06]), ".3f" if measure == "MRR" else ".1%"
    tooltip = [
        alt.Tooltip("name:N", title="language"),
        alt.Tooltip("space:N"),
        alt.Tooltip("value:Q", title=measure, format=form),
        alt.Tooltip("low:Q", title="95% from", format=form),
        alt.Tooltip("high:Q", title="to", format=form),
        alt.Tooltip("n:Q", title="sentences"),
    ]
    base = alt.Chart(rows).encode(y=y, yOffset=alt.YOffset("space:N", sort=["before", "after"]), tooltip=tooltip)
    axis = alt.Axis(format=".1f" if measure == "MRR" else "%", title=_TITLES[measure], values=[0, 0.25, 0.5, 0.75, 1])
    drawn = base.mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("value:Q", scale=scale, axis=axis),
        color=alt.Color("space:N", scale=SPACES, legend=alt.Legend(title=None, orient="top")),
    )
    interval = base.encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    marks = base.mark_text(align="left", dx=5, fontSize=13, fontWeight="bold", color="#7d879a").encode(
        x=alt.X("high:Q", scale=scale), text="mark:N"
    )
    return alt.layer(
        drawn,
        interval.mark_rule(strokeWidth=3.5, color="white", opacity=0.85),
        interval.mark_rule(strokeWidth=1.4, color=INK),
        marks,
    ).properties(height=26 * rows["name"].nunique() + AROUND_BARS)


@made_once
def matrix(pairs: pd.DataFrame, order: list[str]) -> Any:
    """Change of top-1 for every ordered pair of languages.

    Parameters
    ----------
    pairs : DataFrame
        ``query, candidate, pre, post, change``; names of languages, shares from 0 to 1.
    order : list of str
        Of the languages, on both axes.
    """
    most = max(0.05, float(pairs["change"].abs().max()))
    colour = alt.Color(
        "change:Q",
        # Purple to green through white: told apart with every common colour-vision deficiency.
        scale=alt.Scale(scheme="purplegreen", domain=[-most, most], domainMid=0),
        legend=alt.Legend(format="+.0%", title="change"),
    )
    base = alt.Chart(pairs).encode(
        x=alt.X("candidate:N", sort=order, title="found in", axis=alt.Axis(labelAngle=-45, orient="top")),
        y=alt.Y("query:N", sort=order, title="query"),
        tooltip=[
            alt.Tooltip("query:N"),
            alt.Tooltip("candidate:N", title="found in"),
            alt.Tooltip("pre:Q", title="before", format=".1%"),
            alt.Tooltip("post:Q", title="after", format=".1%"),
            alt.Tooltip("change:Q", format="+.1%"),
        ],
    )
    # Numbers only where a cell has room for them: on a phone, colour and touch must do.
    numbers = base.transform_calculate(said="format(100 * datum.change, '+.0f')").mark_text(
        fontSize=alt.ExprRef(f"width / {len(order)} < {_LEAST_CELL} ? 0 : 11")
    )
    dark = alt.expr.abs(alt.datum.change) > 0.55 * most
    return alt.layer(
        base.mark_rect(cornerRadius=2).encode(color=colour),
        numbers.encode(text="said:N", color=alt.condition(dark, alt.value("white"), alt.value("#212529"))),
    ).properties(height=26 * len(order) + 120)
