"""Figures of the experts."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.matrices import overlap_matrix
from core.charts.palette import categories
from core.charts.scales import colour_scale
from core.reproduction.charts.figure import Figure, names_of, panels
from core.reproduction.tables import Tables


def experts(tables: Tables) -> list[Figure]:
    """Draw where the experts are, and what two languages' experts share."""
    rows = tables["experts"].assign(language=lambda frame: names_of(frame["target"]))
    figures = [
        Figure(
            "experts_layers",
            _by_layer(rows),
            "Where the experts are: the share of each site's neurons that are among them.",
        )
    ]
    shared = rows[(rows["measure"] == "shared") & (rows["other"] != rows["target"])]
    if len(shared):
        figures.append(Figure("experts_overlap", _overlap(shared), "Neurons that two languages' experts share."))
    return figures


def _by_layer(rows: pd.DataFrame) -> Any:
    sites = rows[rows["measure"] == "experts at site"].assign(share=lambda frame: frame["value"] / frame["n"])
    lines = (
        alt.Chart(sites)
        .mark_line(point=True)
        .encode(
            x=alt.X("layer:Q", title="block", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("share:Q", title="share of the site's neurons", axis=alt.Axis(format="%")),
            color=alt.Color(
                "site:N",
                scale=colour_scale(categories(sorted(set(sites["site"])))),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
    )
    return panels(lines.properties(width=210, height=150), rows["language"])


def _overlap(shared: pd.DataFrame) -> Any:
    pairs = pd.DataFrame(
        {
            "one": names_of(shared["other"]),
            "other": shared["language"],
            "neurons": shared["value"],
            "share": shared["value"] / shared["k"],
        }
    )
    names = list(dict.fromkeys(pairs["other"]))
    return overlap_matrix(pairs, names).properties(width=64 * len(names), height=48 * len(names))
