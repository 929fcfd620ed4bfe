"""Charts of the Explore page: bars by candidate language and lines by layer."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.bars import Bars, interval_tooltips
from core.charts.palette import BEFORE_AFTER, RULE
from core.charts.scales import colour_scale
from dashboard.charts.cache import made_once
from dashboard.charts.sizes import bars_height


@made_once
def retrieval_bars(rows: pd.DataFrame) -> Any:
    """Draw top-1 by candidate language, before and after, with 95% intervals and the free baseline as a tick.

    Parameters
    ----------
    rows : DataFrame
        ``candidate, name, space, top1, low, high, n, centred_pre``; one row a candidate and space.
    """
    tooltip = [
        alt.Tooltip("name:N", title="found in"),
        alt.Tooltip("space:N", title="space"),
        alt.Tooltip("top1:Q", title="top-1", format=".1%"),
        *interval_tooltips(".1%"),
        alt.Tooltip("centred_pre:Q", title="before, mean-centred", format=".1%"),
        alt.Tooltip("n:Q", title="sentences"),
    ]
    bars = Bars(
        category="name", value="top1", title="translation found first (top-1)", free="centred_pre", tooltip=tooltip
    )
    return bars.draw(rows).properties(height=bars_height(rows["candidate"].nunique()))


@made_once
def chosen_bars(rows: pd.DataFrame, target: str) -> Any:
    """Draw top-1 of chosen sentences into the target, by their language, before and after, with 95% intervals.

    Parameters
    ----------
    rows : DataFrame
        ``name, space, top1, low, high, n``; one row a language and space.
    target : str
        Name of the target language.
    """
    tooltip = [
        alt.Tooltip("name:N", title="sentences in"),
        alt.Tooltip("space:N", title="space"),
        alt.Tooltip("top1:Q", title="top-1", format=".1%"),
        *interval_tooltips(".1%"),
        alt.Tooltip("n:Q", title="chosen sentences"),
    ]
    bars = Bars(category="name", value="top1", title=f"translation in {target} found first (top-1)", tooltip=tooltip)
    return bars.draw(rows).properties(height=bars_height(rows["name"].nunique()))


@made_once
def layer_lines(rows: pd.DataFrame, chosen: int) -> Any:
    """Draw top-1 with the target as the query, at every layer, before and after.

    Parameters
    ----------
    rows : DataFrame
        ``layer, space, top1``.
    chosen : int
        The layer that the page shows.
    """
    lines = (
        alt.Chart(rows)
        .mark_line(point=alt.OverlayMarkDef(size=28), strokeWidth=2)
        .encode(
            x=alt.X("layer:Q", axis=alt.Axis(tickMinStep=1, title="layer (0: embeddings)", grid=False)),
            y=alt.Y("top1:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title="top-1", tickCount=5)),
            color=alt.Color("space:N", scale=colour_scale(BEFORE_AFTER), legend=alt.Legend(title=None, orient="top")),
            tooltip=["layer:Q", "space:N", alt.Tooltip("top1:Q", format=".1%", title="top-1")],
        )
    )
    rule = alt.Chart(pd.DataFrame({"layer": [chosen]})).mark_rule(strokeDash=[4, 4], color=RULE).encode(x="layer:Q")
    return alt.layer(rule, lines).properties(height=300)
