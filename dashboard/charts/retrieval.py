"""Charts of the Retrieval page: bars with tests marked, and the matrix of change."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.bars import QUARTERS, SHARES_MARKED, Bars, interval_tooltips
from core.charts.matrices import CELL_HEIGHT, change_matrix
from core.spaces.retrieval import RANK_MEASURES
from core.stats.units import SHARE
from dashboard.charts.cache import made_once
from dashboard.charts.sizes import bars_height


@made_once
def bars(rows: pd.DataFrame, measure: str) -> Any:
    """Draw a measure by candidate language, before and after, with intervals and a mark where a change is significant.

    Parameters
    ----------
    rows : DataFrame
        ``name, space, value, low, high, n, mark``; one row a candidate and space. ``mark`` stands beside the bar after.
    measure : str
        A name in `core.spaces.retrieval.RANK_MEASURES`.
    """
    title, unit = RANK_MEASURES[measure].title, RANK_MEASURES[measure].unit
    number = unit.number_format
    chart = Bars(
        category="name",
        value="value",
        title=title,
        format="%" if unit is SHARE else ".2f",  # the ticks are quarters
        domain=SHARES_MARKED,
        ticks=QUARTERS,
        mark="mark",
        tooltip=[
            alt.Tooltip("name:N", title="language"),
            alt.Tooltip("space:N"),
            alt.Tooltip("value:Q", title=measure, format=number),
            *interval_tooltips(number),
            alt.Tooltip("n:Q", title="sentences"),
        ],
    )
    return chart.draw(rows).properties(height=bars_height(rows["name"].nunique()))


@made_once
def matrix(pairs: pd.DataFrame, order: list[str]) -> Any:
    """Draw the change of top-1 for every ordered pair of languages; parameters as `core.charts.matrices` says."""
    return change_matrix(pairs, order).properties(height=CELL_HEIGHT * len(order) + 120)
