"""Charts of the page Is it real?: the intervention among its rivals, and what the spaces became."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.bars import QUARTERS, ROW_HEIGHT, SHARES_MARKED, Bars, interval_tooltips
from core.charts.palette import CATEGORIES, FREE, POST, PRE, RIVALS, RULE
from core.charts.scales import colour_scale
from core.stats.units import SHARE, Unit
from dashboard.charts.cache import made_once

BEST = "best free"
SPACES = {"before": PRE, "after": POST, "random": RULE, BEST: FREE}
"""The spaces of the small multiples, each with its colour."""

_PANEL, _SPACE = 84, 20  # pixels: of a small multiple without its bars, of a bar


@made_once
def rivals(rows: pd.DataFrame) -> Any:
    """Draw top-1 of every space, best first, with intervals and a mark where it differs from the intervention.

    Parameters
    ----------
    rows : DataFrame
        ``name, kind, value, low, high, n, mark, needs, difference, p``; one row a space.
    """
    present = {kind: colour for kind, colour in RIVALS.items() if kind in set(rows["kind"])}
    share = SHARE.number_format
    chart = Bars(
        category="name",
        value="value",
        title="found first (top-1)",
        group="kind",
        side_by_side=False,
        colours=present,
        domain=SHARES_MARKED,
        ticks=QUARTERS,
        mark="mark",
        label_limit=290,
        tooltip=[
            alt.Tooltip("name:N", title="space"),
            alt.Tooltip("kind:N"),
            alt.Tooltip("needs:N"),
            alt.Tooltip("value:Q", title="top-1", format=share),
            *interval_tooltips(share),
            alt.Tooltip("difference:Q", title="minus the intervention", format="+.1%"),
            alt.Tooltip("p:Q", title="p (Wilcoxon, Holm)", format=".2g"),
            alt.Tooltip("n:Q", title="sentences"),
        ],
    )
    return chart.draw(rows).properties(height=ROW_HEIGHT * len(rows) + 60)


@made_once
def panel(rows: pd.DataFrame, title: str, unit: Unit) -> Any:
    """Draw one measure of the four spaces, with intervals; a tick where it has a value by chance.

    Parameters
    ----------
    rows : DataFrame
        ``space, value, low, high, permuted, n``.
    """
    present = {space: colour for space, colour in SPACES.items() if space in set(rows["space"])}
    names = alt.Axis(ticks=False, domain=False, labelOverlap=False)
    place = alt.Y("space:N", sort=list(present), title=None, axis=names)
    tooltip = [
        alt.Tooltip("space:N"),
        *(alt.Tooltip(f"{name}:Q", format=unit.number_format) for name in ("value", "low", "high", "permuted")),
        alt.Tooltip("n:Q", title="sentences"),
    ]
    base = alt.Chart(rows).encode(y=place, tooltip=tooltip)
    axis = alt.Axis(title=None, format=unit.number_format if unit is not SHARE else "%", tickCount=3)
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("value:Q", axis=axis), color=alt.Color("space:N", scale=colour_scale(present), legend=None)
    )
    ends = base.mark_rule(strokeWidth=1.6, color=RULE).encode(x="low:Q", x2="high:Q")
    layers = [bars, ends]
    if rows["permuted"].notna().any():
        layers.append(base.mark_tick(thickness=2, size=16, color=CATEGORIES[1]).encode(x="permuted:Q"))
    height = _PANEL + _SPACE * len(present)
    return alt.layer(*layers).properties(height=height, title=alt.Title(title, anchor="start", fontSize=13))
