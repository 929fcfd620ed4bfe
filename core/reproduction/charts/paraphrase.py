"""The figure of paraphrase retrieval."""

from __future__ import annotations

from core.charts.bars import Bars
from core.charts.palette import FREE, POST
from core.reproduction.charts.figure import Figure, names_of, panels
from core.reproduction.tables import Tables, at_plan_layer

_NEURONS = {"none": "experts", "random": "random"}
_CAPTION = "Paraphrase retrieval by raw cosine before, after, and from before to after. Wilson intervals."


def paraphrase(tables: Tables) -> list[Figure]:
    """Draw bars by language."""
    rows = at_plan_layer(tables["paraphrase"])
    rows = rows.assign(language=names_of(rows["target"]), neurons=rows["control"].map(_NEURONS))
    bars = Bars(
        category="comparison",
        value="top1",
        title="top-1",
        group="neurons",
        colours={"experts": POST, "random": FREE},
        order=["pre", "post", "mixed"],
        upright=True,
    )
    chart = panels(bars.draw(rows).properties(width=170, height=170), rows["language"])
    return [Figure("paraphrase", chart, _CAPTION)]
