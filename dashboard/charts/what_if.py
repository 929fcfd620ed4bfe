"""Charts of the What-if page: a measure over the number of neurons and strength."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.palette import FREE, ON_DARK, ON_LIGHT, PRE, TEXT
from dashboard.charts.cache import made_once


@made_once
def surface(cells: pd.DataFrame, title: str, share: bool, chosen: tuple[int, float], k_counts: bool = True) -> Any:
    """Draw a heat map of k by strength; cells that are not computed are drawn empty, with their state.

    Parameters
    ----------
    cells : DataFrame
        ``k, strength, value, label, state``; value is missing where the cell is not computed.
    chosen : (k, strength)
        The cell that the controls name, outlined.
    k_counts : bool
        Whether k says anything; else there is one row, without a number.
    """
    x = alt.X("strength:O", title="strength", axis=alt.Axis(labelAngle=0))
    axis = alt.Axis(format=",", title="expert neurons (k)") if k_counts else None
    y = alt.Y("k:O", sort="descending", axis=axis)
    form = ".1%" if share else ".3f"
    tooltip = [
        *([alt.Tooltip("k:Q", format=",")] if k_counts else []),
        alt.Tooltip("strength:Q"),
        alt.Tooltip("value:Q", title=title, format=form),
        alt.Tooltip("state:N"),
    ]
    pick = alt.selection_point(name="cell", fields=["k", "strength"], on="click", empty=False)
    computed, missing = cells.dropna(subset=["value"]), cells[cells["value"].isna()]
    base = alt.Chart(computed).encode(x=x, y=y, tooltip=tooltip)
    legend = alt.Legend(format="%" if share else ".2f", title=None) if computed["value"].nunique() > 1 else None
    colour = alt.Color("value:Q", scale=alt.Scale(scheme="blues"), legend=legend)
    outline = pd.DataFrame({"k": [chosen[0]], "strength": [chosen[1]]})
    # Light numbers on dark cells and dark ones on light, wherever the middle lies.
    middle = float((computed["value"].min() + computed["value"].max()) / 2) if len(computed) else 0.0
    ink = alt.condition(alt.datum.value > middle, alt.value(ON_DARK), alt.value(ON_LIGHT))
    return alt.layer(
        alt.Chart(missing)
        .mark_rect(filled=False, stroke=PRE, strokeDash=[3, 3], opacity=0.7)
        .encode(x=x, y=y, tooltip=tooltip),
        alt.Chart(missing).mark_text(color=TEXT, fontSize=12).encode(x=x, y=y, text="label:N"),
        base.mark_rect(cornerRadius=3).encode(color=colour).add_params(pick),
        base.mark_text(fontSize=13, fontWeight="bold").encode(text="label:N", color=ink),
        alt.Chart(outline).mark_rect(filled=False, stroke=FREE, strokeWidth=2.5).encode(x=x, y=y),
    ).properties(height=52 * cells["k"].nunique() + 90)


@made_once
def lines(cells: pd.DataFrame, title: str, share: bool, k_counts: bool = True) -> Any:
    """Draw the measure against strength, one line a number of neurons: ``k, strength, value``.

    A line joins strengths that are next to each other in the grid and both measured: where a value is missing it has a
    gap. Where k says nothing (not ``k_counts``) it is not named.
    """
    return (
        alt.Chart(cells)
        .mark_line(point=alt.OverlayMarkDef(size=40), strokeWidth=2)
        .encode(
            x=alt.X(
                "strength:Q", title="strength", axis=alt.Axis(values=sorted(set(cells["strength"])), format=".3~g")
            ),
            y=alt.Y("value:Q", title=title, axis=alt.Axis(format="%" if share else ".2f"), scale=alt.Scale(zero=True)),
            color=alt.Color(
                "k:O",
                scale=alt.Scale(scheme="viridis"),
                legend=alt.Legend(title="expert neurons (k)", orient="top", format=",") if k_counts else None,
            ),
            tooltip=[
                *([alt.Tooltip("k:Q", format=",")] if k_counts else []),
                "strength:Q",
                alt.Tooltip("value:Q", title=title, format=".1%" if share else ".3f"),
            ],
        )
        .properties(height=280)
    )
