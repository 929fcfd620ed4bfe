"""Charts of the Experts page: where experts are, how they score, what languages share, how one neuron responds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.charts import matrices
from core.charts.palette import FREE, POST, PRE, RULE
from dashboard.charts.cache import made_once

_ROW = 26  # pixels


@made_once
def sites(rows: pd.DataFrame, by: str) -> Any:
    """Draw experts by block and site as a heat map.

    Parameters
    ----------
    rows : DataFrame
        ``block, site, experts, width, share``.
    by : {"experts", "share"}
        What the colour shows.
    """
    share = by == "share"
    n_blocks = int(rows["block"].max()) + 1
    ticks = list(range(0, n_blocks, 1 + n_blocks // 20))
    title = "share of the site" if share else "experts"
    return (
        alt.Chart(rows)
        .mark_rect(cornerRadius=2)
        .encode(
            x=alt.X("block:O", axis=alt.Axis(title="block", values=ticks, labelAngle=0, labelOverlap=True)),
            y=alt.Y(
                "site:N",
                sort=list(dict.fromkeys(rows["site"])),
                axis=alt.Axis(title=None, labelLimit=140, labelOverlap=False),
            ),
            color=alt.Color(
                f"{by}:Q",
                scale=matrices.COUNTS,
                legend=alt.Legend(title=title, orient="top", format="%" if share else "~s"),
            ),
            tooltip=[
                "block:O",
                "site:N",
                alt.Tooltip("experts:Q", format=",d"),
                alt.Tooltip("width:Q", title="of its neurons", format=",d"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(height=34 * rows["site"].nunique() + 160)
    )


@made_once
def scores(rows: pd.DataFrame, cut: float | None, title: str) -> Any:
    """Draw how many neurons score how much, the experts among them, and the lowest score of an expert if there is one.

    Parameters
    ----------
    rows : DataFrame
        ``low, high, neurons, experts``, one row a bin.
    """
    long = rows.melt(["low", "high"], ["neurons", "experts"], var_name="who", value_name="count")
    long["none"] = 0
    long["who"] = long["who"].map({"neurons": "all neurons", "experts": "experts"})
    ticks = [10**power for power in range(0, 8) if 10**power <= max(long["count"].max(), 1)]
    bars = (
        alt.Chart(long[long["count"] > 0])
        .mark_bar(binSpacing=0)
        .encode(
            x=alt.X("low:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=title, grid=False, tickCount=6)),
            x2="high:Q",
            # Logarithmic except near zero, so that a bar can start at zero.
            y=alt.Y(
                "none:Q",
                scale=alt.Scale(type="symlog", constant=1),
                axis=alt.Axis(title="neurons (log)", values=ticks, format=",d"),
            ),
            y2="count:Q",
            color=alt.Color(
                "who:N",
                scale=alt.Scale(domain=["all neurons", "experts"], range=[PRE, POST]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            order=alt.Order("who:O"),
            tooltip=[
                alt.Tooltip("who:N", title="counted"),
                alt.Tooltip("count:Q", title="neurons", format=",d"),
                alt.Tooltip("low:Q", title="score from", format=".3f"),
                alt.Tooltip("high:Q", title="to", format=".3f"),
            ],
        )
    )
    if cut is None:
        return bars.properties(height=300)
    lowest = alt.Chart(pd.DataFrame({"score": [cut]})).mark_rule(strokeDash=[5, 4], strokeWidth=1.6, color=FREE)
    return alt.layer(
        bars, lowest.encode(x="score:Q", tooltip=[alt.Tooltip("score:Q", title="lowest of an expert", format=".4f")])
    ).properties(height=300)


@made_once
def overlap_matrix(rows: pd.DataFrame, names: Sequence[str]) -> Any:
    """Draw which share of their best neurons two languages have in common; see `core.charts.matrices`."""
    return matrices.overlap_matrix(rows, names).properties(height=matrices.CELL_HEIGHT * len(names) + 170)


@made_once
def overlap_curve(rows: pd.DataFrame, k: int) -> Any:
    """Draw overlap against k: the mean over pairs with the least and the most, and what chance gives.

    Parameters
    ----------
    rows : DataFrame
        ``k, mean, low, high, chance``.
    """
    scale = alt.Scale(type="log", domain=[1, max(2, int(rows["k"].max()))], nice=False)
    x = alt.X("k:Q", scale=scale, axis=alt.Axis(title="k", format="~s", tickCount=5, grid=False))
    tooltip = [
        alt.Tooltip("k:Q", format=",d"),
        *(
            alt.Tooltip(f"{name}:Q", title=title, format=".2%")
            for name, title in (("mean", "mean"), ("low", "least"), ("high", "most"), ("chance", "by chance"))
        ),
    ]
    base = alt.Chart(rows)
    axis = alt.Axis(title="shared", format="%", tickCount=5)
    band = base.mark_area(opacity=0.2, color=POST).encode(
        x=x, y=alt.Y("low:Q", axis=axis, scale=alt.Scale(domain=[0, 1])), y2="high:Q", tooltip=tooltip
    )
    long = rows.melt("k", ["mean", "chance"], var_name="what", value_name="share")
    long["what"] = long["what"].map({"mean": "mean of all pairs", "chance": "by chance"})
    lines = (
        alt.Chart(long)
        .mark_line(strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("share:Q", axis=axis),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=["mean of all pairs", "by chance"], range=[POST, FREE]),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
    )
    rule = alt.Chart(pd.DataFrame({"k": [k]})).mark_rule(strokeDash=[5, 4], color=RULE).encode(x=x)
    return alt.layer(band, lines, rule).properties(height=360)


@made_once
def responses(rows: pd.DataFrame, names: Sequence[str], target: str, value: float) -> Any:
    """Draw one neuron's response to every probe sentence, by language, and the value that it is held at.

    Parameters
    ----------
    rows : DataFrame
        ``name, response, text``, one row a sentence.
    names : sequence of str
        Languages from top to bottom.
    target : str
        Name of the one whose expert it is.
    """
    y = alt.Y("name:N", sort=list(names), axis=alt.Axis(title=None, labelLimit=140, grid=True))
    x = alt.X("response:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title="response", tickCount=5, grid=False))
    colour = alt.condition(alt.datum.name == target, alt.value(POST), alt.value(PRE))
    sentences = (
        alt.Chart(rows)
        .mark_tick(thickness=1.4, size=16, opacity=0.45)
        .encode(
            x=x,
            y=y,
            color=colour,
            tooltip=[
                alt.Tooltip("name:N", title="language"),
                alt.Tooltip("response:Q", format=".4g"),
                alt.Tooltip("text:N", title="sentence"),
            ],
        )
    )
    middle = rows.groupby("name", as_index=False)["response"].median()
    median = alt.Chart(middle).mark_point(filled=True, size=60, opacity=1, stroke="white", strokeWidth=1)
    value_line = alt.Chart(pd.DataFrame({"response": [value]})).mark_rule(
        strokeDash=[5, 4], strokeWidth=1.6, color=FREE
    )
    return alt.layer(
        sentences,
        median.encode(
            x=x,
            y=y,
            color=colour,
            tooltip=[
                alt.Tooltip("name:N", title="language"),
                alt.Tooltip("response:Q", title="median", format=".4g"),
            ],
        ),
        value_line.encode(x=x, tooltip=[alt.Tooltip("response:Q", title="mean on the target", format=".4g")]),
    ).properties(height=_ROW * len(names) + 70)
