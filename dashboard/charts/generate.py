"""Which language a text is in."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.base import AROUND_BARS, SPACES
from dashboard.charts.cache import made_once


@made_once
def language_bars(rows: pd.DataFrame) -> Any:
    """Mean probability of each language of the texts, without and with the intervention.

    Parameters
    ----------
    rows : DataFrame
        ``name, space, probability, n``, one row a language and space (``before`` or ``after``), in the order to draw.
    """
    order = list(dict.fromkeys(rows["name"]))
    return (
        alt.Chart(rows)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=140)),
            yOffset=alt.YOffset("space:N", sort=["before", "after"]),
            x=alt.X(
                "probability:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", title="probability of the language", tickCount=5),
            ),
            color=alt.Color("space:N", scale=SPACES, legend=alt.Legend(title=None, orient="top")),
            tooltip=[
                alt.Tooltip("name:N", title="language"),
                alt.Tooltip("space:N"),
                alt.Tooltip("probability:Q", title="mean probability", format=".1%"),
                alt.Tooltip("n:Q", title="texts"),
            ],
        )
        .properties(height=22 * len(order) + AROUND_BARS)
    )
