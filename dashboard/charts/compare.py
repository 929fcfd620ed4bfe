"""Two settings by candidate language."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.base import AROUND_BARS, INK
from dashboard.charts.cache import made_once
from dashboard.charts.theme import FREE, POST


@made_once
def bars(rows: pd.DataFrame) -> Any:
    """Top-1 after by candidate language, with intervals: ``name, setting, top1, low, high, n``; setting A or B."""
    order = alt.EncodingSortField("top1", op="max", order="descending")
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=140, ticks=False, domain=False))
    scale = alt.Scale(domain=[0, 1])
    tooltip = [
        alt.Tooltip("name:N", title="found in"),
        alt.Tooltip("setting:N"),
        alt.Tooltip("top1:Q", title="top-1", format=".1%"),
        alt.Tooltip("low:Q", title="95% from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("n:Q", title="sentences"),
    ]
    base = alt.Chart(rows).encode(y=y, yOffset=alt.YOffset("setting:N", sort=["A", "B"]), tooltip=tooltip)
    drawn = base.mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("top1:Q", scale=scale, axis=alt.Axis(format="%", title="found first (top-1), after", tickCount=5)),
        color=alt.Color(
            "setting:N",
            scale=alt.Scale(domain=["A", "B"], range=[POST, FREE]),
            legend=alt.Legend(title=None, orient="top"),
        ),
    )
    interval = base.encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    return alt.layer(
        drawn,
        interval.mark_rule(strokeWidth=3.5, color="white", opacity=0.85),
        interval.mark_rule(strokeWidth=1.4, color=INK),
    ).properties(height=26 * rows["name"].nunique() + AROUND_BARS)
