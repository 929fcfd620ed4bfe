"""Which language a text is in."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts.once import made_once
from dashboard.look import POST, PRE


@made_once
def language_bars(rows: pd.DataFrame) -> Any:
    """Mean probability of some languages; the target's bar stands out.

    Parameters
    ----------
    rows : DataFrame
        ``name, probability, role`` (``target`` or ``other``), one row a language, likeliest first.
    """
    return (
        alt.Chart(rows)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            y=alt.Y(
                "name:N",
                sort=rows["name"].tolist(),
                title=None,
                axis=alt.Axis(ticks=False, domain=False, labelLimit=120),
            ),
            x=alt.X(
                "probability:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", title="probability of the language", tickCount=5),
            ),
            color=alt.Color(
                "role:N", scale=alt.Scale(domain=["target", "other"], range=[POST, PRE]), legend=None, title=None
            ),
            tooltip=[
                alt.Tooltip("name:N", title="language"),
                alt.Tooltip("probability:Q", title="mean probability", format=".1%"),
            ],
        )
        .properties(height=26 * len(rows) + 60)
    )
