"""The chart of the page of methods: one figure under every condition."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.analyses.method_comparison import Figure
from core.charts.bars import Bars
from core.charts.palette import CONTROL, FREE, POST, PRE, RULE
from core.stats.units import SHARE
from dashboard.charts.cache import made_once
from dashboard.charts.sizes import bars_height

KINDS = {"method": "intervention", "free": "free", "unmodified": "unmodified", "random": CONTROL}
"""What a condition is, by `core.analyses.method_comparison.Row.kind`."""
_COLOURS = dict(zip(KINDS.values(), (POST, FREE, PRE, RULE), strict=True))
_ROW_HEIGHT = 22  # pixels


@made_once
def bars(rows: pd.DataFrame, figure: Figure) -> Any:
    """Draw one figure, a bar a condition.

    Parameters
    ----------
    rows : DataFrame
        ``title, kind, value, low, high, n``, one row a condition, in the order to draw.
    """
    number = ".1%" if figure.unit is SHARE else ",.2f"
    chart = Bars(
        category="title",
        value="value",
        title=f"{figure.title} ({'higher' if figure.higher_is_better else 'lower'} is better)",
        group="kind",
        side_by_side=False,
        colours=_COLOURS,
        order=list(rows["title"]),
        format="%" if figure.unit is SHARE else ",.3~r",
        domain=(0.0, 1.0) if figure.unit is SHARE else None,
        label_limit=300,
        tooltip=[
            alt.Tooltip("title:N", title="condition"),
            alt.Tooltip("value:Q", title=figure.title, format=number),
            alt.Tooltip("low:Q", title="95% from", format=number),
            alt.Tooltip("high:Q", title="to", format=number),
            alt.Tooltip("n:Q"),
        ],
    )
    return chart.draw(rows).properties(height=bars_height(len(rows), _ROW_HEIGHT))
