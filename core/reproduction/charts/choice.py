"""Figures of the choice of k."""

from __future__ import annotations

import math

import altair as alt
import pandas as pd

from core.reproduction.charts.figure import Figure, language_scale, names_of
from core.reproduction.tables import Tables

_MEASURES = (
    ("probability", "probability of the target language", alt.Scale(domain=[0, 1])),
    ("perplexity", "perplexity", alt.Scale(type="log")),
)


def choice_of_k(tables: Tables) -> list[Figure]:
    """Draw text and perplexity against the number of experts."""
    table = tables["choice_of_k"].assign(language=lambda frame: names_of(frame["target"]))
    figures = []
    for measure, title, scale in _MEASURES:
        finite = table[["value", "low", "high"]].map(math.isfinite).all(axis=1)
        rows = table[(table["measure"] == measure) & finite]
        if len(rows):
            figures.append(_figure(rows, f"choice_of_k_{measure}", title, scale))
    return figures


def _figure(rows: pd.DataFrame, name: str, title: str, scale: alt.Scale) -> Figure:
    base = alt.Chart(rows).encode(
        x=alt.X("k:O", title="experts (0: unmodified)", axis=alt.Axis(labelAngle=0, format=",")),
        color=alt.Color("language:N", title=None, scale=language_scale(rows["target"])),
    )
    lines = base.mark_line(point=True).encode(y=alt.Y("value:Q", title=title, scale=scale))
    intervals = base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q")
    fewest, most = int(rows["n"].min()), int(rows["n"].max())
    n = f"{most}" if fewest == most else f"{fewest} to {most}"
    caption = f"{title.capitalize()} against the number of experts; n = {n} texts, 95% bootstrap intervals."
    return Figure(name, (lines + intervals).properties(width=480, height=240), caption)
