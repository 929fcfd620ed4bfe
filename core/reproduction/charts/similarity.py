"""Figures of which languages profit, by their similarity to the target."""

from __future__ import annotations

import altair as alt

from core.charts.palette import RULE
from core.reproduction.charts.figure import Figure, language_scale, names_of
from core.reproduction.tables import Tables, at_plan_layer

_SYNTAX_CAPTION = "Gain by similarity of the candidate's syntax to the target's (URIEL, through lang2vec)."


def similarity(tables: Tables) -> list[Figure]:
    """Draw the gain by the similarity of candidate and target."""
    rows = at_plan_layer(tables["similarity"])
    rows = rows[rows["similarity"].notna()].assign(language=lambda frame: names_of(frame["target"]))
    if rows.empty:
        return []
    colour = alt.Color("language:N", title="target", scale=language_scale(rows["target"]))
    base = alt.Chart(rows).encode(
        x=alt.X("similarity:O", title="similarity to the target: script, family, branch", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("gain:Q", title="gain in top-1", axis=alt.Axis(format="+.0%")),
    )
    dots = base.mark_circle(size=42, opacity=0.7).encode(xOffset=alt.XOffset("language:N"), color=colour)
    mean = base.mark_tick(color=RULE, thickness=2, size=60).encode(y="mean(gain):Q")
    chart = (dots + mean).properties(width=440, height=240)
    figures = [Figure("similarity", chart, "Gain by similarity of the candidate to the target; bars are means.")]
    if "syntax" in rows and rows["syntax"].notna().any():
        across = alt.X("syntax:Q", title="cosine similarity of syntactic features", scale=alt.Scale(zero=False))
        syntax = base.mark_circle(size=42, opacity=0.7).encode(x=across, color=colour)
        figures.append(Figure("similarity_syntax", syntax.properties(width=440, height=240), _SYNTAX_CAPTION))
    return figures
