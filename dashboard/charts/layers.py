"""Charts of the Layers page: measures by layer and the neurons between the layers, on one axis.

The plots of the three charts stand exactly below each other.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    marks = {**BEFORE_AFTER, f"layer {chosen}, as set": _SET}
    rules = [{"layer": chosen, "mark": f"layer {chosen}, as set"}]
    if best is not None:
        marks[f"layer {best}, best before"] = FREE
        rules.append({"layer": best, "mark": f"layer {best}, best before"})
    colour = colour_scale(marks)
    legend = alt.Legend(title=None, orient="top", columns=2, symbolType="stroke", symbolStrokeWidth=3)
    x = _axis(int(rows["layer"].max()))
    form = ".1%" if share else ".3~g"
    scale = alt.Scale(type="log") if log else alt.Scale(domain=[0, 1]) if share else alt.Scale(domainMin=0)
    axis = alt.Axis(
        title=title,
        format="%" if share else "~g",
        tickCount=5,
        gridOpacity=0.4 if log else 1,
        minExtent=_LEFT,
        maxExtent=_LEFT,
    )
    line = (
        alt.Chart(rows)
        .mark_line(point=alt.OverlayMarkDef(size=32), strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("value:Q", scale=scale, axis=axis),
            color=alt.Color("space:N", scale=colour, legend=legend),
            tooltip=["layer:Q", "space:N", alt.Tooltip("value:Q", title=title, format=form)],
        )
    )
    rule = (
        alt.Chart(pd.DataFrame(rules))
        .mark_rule(strokeDash=[5, 4], strokeWidth=1.6)
        .encode(x=x, color=alt.Color("mark:N", scale=colour, legend=legend))
    )
    return alt.layer(rule, line).properties(height=300)


@made_once
def neurons(rows: pd.DataFrame, n_layers: int, sites: Sequence[str]) -> Any:
    """Draw how many neurons of each block are written to.

    A block stands between the layer that it reads and the one that it makes.

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
    """The same axis for all three: every layer, with half a layer on either side."""
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
