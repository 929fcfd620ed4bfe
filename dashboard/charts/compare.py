"""Charts of the Compare page: two settings by candidate language."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.bars import Bars, interval_tooltips
from core.charts.palette import FREE, POST
from dashboard.charts.cache import made_once
from dashboard.charts.sizes import bars_height

_SETTINGS = {"A": POST, "B": FREE}


@made_once
def bars(rows: pd.DataFrame) -> Any:
    """Draw top-1 after by candidate language, with intervals.

    Parameters
    ----------
    rows : DataFrame
        ``name, setting, top1, low, high, n``; one row a candidate and setting (``A`` or ``B``).
    """
    chart = Bars(
        category="name",
        value="top1",
        title="found first (top-1), after",
        group="setting",
        colours=_SETTINGS,
        tooltip=[
            alt.Tooltip("name:N", title="found in"),
            alt.Tooltip("setting:N"),
            alt.Tooltip("top1:Q", title="top-1", format=".1%"),
            *interval_tooltips(".1%"),
            alt.Tooltip("n:Q", title="sentences"),
        ],
    )
    return chart.draw(rows).properties(height=bars_height(rows["name"].nunique()))
