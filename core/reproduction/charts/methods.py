"""The figure of other methods and scores."""

from __future__ import annotations

from core.charts.bars import Bars
from core.reproduction.charts.figure import Figure, names_of
from core.reproduction.tables import Tables

_NEURONS = {"none": "", "random": ", random neurons", "unmodified": ""}


def methods(tables: Tables) -> list[Figure]:
    """Draw bars by method and score."""
    rows = tables["methods"]
    label = rows["method"] + ", " + rows["score"] + rows["control"].map(_NEURONS)
    rows = rows.assign(label=label.where(rows["control"] != "unmodified", "unmodified"))
    bars = Bars(category="label", value="top1", title="mean top-1", group=None, free="centred", label_limit=260)
    chart = bars.draw(rows).properties(width=460, height=24 * len(rows) + 20)
    name, n = names_of(rows["target"]).iloc[0], int(rows["n"].iloc[0])
    caption = (
        f"Methods and scores on one target, {name}, n = {n:,} sentences. Bars: raw cosine with 95% bootstrap "
        "intervals; orange: mean-centred."
    )
    return [Figure("methods", chart, caption)]
