"""Charts of the Layers page: measures by layer and the neurons between the layers, on one axis.

The plots of the three charts stand exactly below each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.charts.palette import BEFORE_AFTER, CATEGORIES, FREE, categories
from core.charts.scales import colour_scale
from dashboard.charts.cache import made_once

_LEFT = 52  # pixels left of every plot, whatever the numbers on its axis
_SET = CATEGORIES[5]  # the layer that is set; no grey, which is the space before
_HALF = 0.5  # of a layer, on either side of the first and the last


@made_once
def lines(
    rows: pd.DataFrame, chosen: int, best: int | None = None, *, title: str, share: bool, log: bool = False
) -> Any:
    """Draw a measure at every layer, before and after.

    Parameters
    ----------
    rows : DataFrame
        ``layer, space, value``.
    chosen : int
        The layer that the other pages show.
    best : int, optional
        The layer at which the unmodified model does best.
    share : bool
        The measure is a share, drawn from 0 to 1; else from 0, or on a logarithmic axis.
    """
    marked = [(chosen, f"layer {chosen}, as set{' and best before' if best == chosen else ''}", _SET)]
    if best is not None and best != chosen:  # of two lines in one place, one would be in the legend alone
        marked.append((best, f"layer {best}, best before", FREE))
    colours = {**BEFORE_AFTER, **{mark: colour for _, mark, colour in marked}}
    x = _axis(int(rows["layer"].max()))
    tooltip = ["layer:Q", "space:N", alt.Tooltip("value:Q", title=title, format=".1%" if share else ".3~g")]
    rules = pd.DataFrame([{"layer": layer, "mark": mark} for layer, mark, _ in marked])
    rule = alt.Chart(rules).mark_rule(strokeDash=[5, 4], strokeWidth=1.6)
    line = alt.Chart(rows).mark_line(point=alt.OverlayMarkDef(size=32), strokeWidth=2)
    return alt.layer(
        rule.encode(x=x, color=_colour("mark", colours)),
        line.encode(x=x, y=_values(title, share, log), color=_colour("space", colours), tooltip=tooltip),
    ).properties(height=300)


def _colour(field: str, colours: Mapping[str, str]) -> Any:
    legend = alt.Legend(title=None, orient="top", columns=2, symbolType="stroke", symbolStrokeWidth=3)
    return alt.Color(f"{field}:N", scale=colour_scale(colours), legend=legend)


def _values(title: str, share: bool, log: bool) -> Any:
    """The axis of a measure; its labels take the same room whatever they say."""
    scale = alt.Scale(type="log") if log else alt.Scale(domain=[0, 1]) if share else alt.Scale(domainMin=0)
    axis = alt.Axis(
        title=title,
        format="%" if share else "~g",
        tickCount=5,
        gridOpacity=0.4 if log else 1,
        minExtent=_LEFT,
        maxExtent=_LEFT,
    )
    return alt.Y("value:Q", scale=scale, axis=axis)


@made_once
def neurons(rows: pd.DataFrame, n_layers: int, sites: Sequence[str]) -> Any:
    """Draw how many neurons of each block are written to.

    A block is drawn between the layer that it reads and the layer that it computes.

    Parameters
    ----------
    rows : DataFrame
        ``block, site, experts, width, share``.
    n_layers : int
        Number of blocks; hidden states are counted from 0 to this.
    sites : sequence of str
        Names of all sites, in order: each has a colour.
    """
    placed = rows.assign(left=rows["block"] + 0.12, right=rows["block"] + 0.88, makes=rows["block"] + 1)
    # Stacked here, since Vega-Lite does not stack bars that have two ends on the other axis.
    placed["top"] = placed.groupby("block")["experts"].cumsum()
    placed["bottom"] = placed["top"] - placed["experts"]
    return (
        alt.Chart(placed[placed["experts"] > 0])
        .mark_bar()
        .encode(
            x=_axis(n_layers, "left"),
            x2="right:Q",
            y=alt.Y("bottom:Q", axis=alt.Axis(title="neurons", tickCount=4, minExtent=_LEFT, maxExtent=_LEFT)),
            y2="top:Q",
            color=alt.Color(
                "site:N",
                scale=colour_scale(categories(sites)),
                legend=alt.Legend(title=None, orient="top", columns=3),
            ),
            tooltip=[
                alt.Tooltip("block:Q", title="block"),
                alt.Tooltip("makes:Q", title="changes layers from"),
                alt.Tooltip("site:N", title="site"),
                alt.Tooltip("experts:Q", title="neurons", format=","),
                alt.Tooltip("width:Q", title="of", format=","),
                alt.Tooltip("share:Q", title="share", format=".1%"),
            ],
        )
        .properties(height=240)
    )


def _axis(n_layers: int, field: str = "layer") -> Any:
    """The x axis that all three charts share: every layer, with half a layer on either side."""
    step = 1 + n_layers // 20
    return alt.X(
        f"{field}:Q",
        scale=alt.Scale(domain=[-_HALF, n_layers + _HALF], nice=False),
        axis=alt.Axis(
            values=list(range(0, n_layers + 1, step)),
            format="d",
            title="layer (0: the embeddings)",
            grid=False,
            labelOverlap=True,
        ),
    )
