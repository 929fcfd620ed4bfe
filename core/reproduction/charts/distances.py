"""The figure of distances."""

from __future__ import annotations

from core.charts.bars import Bars
from core.pipeline.before_after import SPACE_TITLES
from core.reproduction.charts.figure import Figure
from core.reproduction.tables import Tables, mean_distances

_CAPTION = "Cosine distances, mean over targets; lines are one standard error over targets."


def distances(tables: Tables) -> list[Figure]:
    """Draw distances, mean over targets."""
    mean = mean_distances(tables)
    rows = mean.assign(
        space=mean["space"].map(SPACE_TITLES),
        low=mean["value"] - mean["standard_error"],
        high=mean["value"] + mean["standard_error"],
    )
    bars = Bars(
        category="distance",
        value="value",
        title="cosine distance",
        order=list(dict.fromkeys(rows["distance"])),
        format="~g",
        domain=None,
        upright=True,
        label_angle=-20,
    )
    return [Figure("distances", bars.draw(rows).properties(width=420, height=220), _CAPTION)]
