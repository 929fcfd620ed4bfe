"""Figures of retrieval between all languages, and of the random control."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.charts.bars import ROW_HEIGHT, Bars
from core.charts.matrices import change_matrix
from core.charts.palette import BEFORE_AFTER, FREE
from core.language.codes import english_name
from core.pipeline.before_after import SPACE_TITLES
from core.reproduction.charts.figure import Figure, names_of, panels
from core.reproduction.tables import Tables, at_plan_layer
from core.spaces.similarity import COMPARISONS

_CELL = 22  # pixels
_FREE_CAPTION = (
    "Mean top-1 with the target as the query, by how sentences are compared; best layer: by cosine, at the layer where "
    "the unmodified model is best, chosen on these same rows, which favours it. 95% bootstrap intervals over sentences."
)


def retrieval(tables: Tables) -> list[Figure]:
    """Draw bars and a matrix of change for each target, and what is free."""
    rows = at_plan_layer(tables["retrieval"])
    rows = rows[rows["control"] == "none"]
    figures = []
    for target, of_target in rows.groupby("target", sort=False):
        name = english_name(str(target))
        from_target = of_target[of_target["query"] == target]
        caption = f"Top-1, {name} as the query, by candidate language; Wilson 95% intervals, n = "
        figures.append(
            Figure(
                f"retrieval_{target}",
                top1_bars(from_target.assign(label=names_of(from_target["candidate"]))),
                f"{caption}{from_target['n'].iloc[0]:,}.",
            )
        )
        figures.append(
            Figure(f"change_{target}", _matrix(of_target), f"Change of top-1 for every ordered pair; target {name}.")
        )
    figures.append(Figure("free", _free(tables["gains"]), _FREE_CAPTION))
    return figures


def top1_bars(rows: pd.DataFrame) -> Any:
    """Draw top-1 before and after by label: ``label, space, top1, low, high``, spaces ``pre`` and ``post``."""
    rows = rows.assign(space=rows["space"].map(SPACE_TITLES))
    bars = Bars(category="label", value="top1", title="top-1")
    return bars.draw(rows).properties(width=520, height=ROW_HEIGHT * rows["label"].nunique() + 20)


def _matrix(rows: pd.DataFrame) -> Any:
    wide = rows.pivot_table(index=["query", "candidate"], columns="space", values="top1", sort=False).reset_index()
    pairs = wide.assign(
        query=names_of(wide["query"]), candidate=names_of(wide["candidate"]), change=wide["post"] - wide["pre"]
    )
    order = list(dict.fromkeys(pairs["query"]))
    side = _CELL * len(order) + 40
    return change_matrix(pairs, order).properties(width=side, height=side)


def _free(gains: pd.DataFrame) -> Any:
    rows = gains[(gains["view"] == "target as query") & (gains["control"] == "none")]
    last = rows["layer"].iloc[0]
    way = [
        COMPARISONS[metric].title if layer == last else "best layer"
        for metric, layer in zip(rows["metric"], rows["layer"], strict=True)
    ]
    rows = rows.assign(way=way, language=names_of(rows["target"]))
    both_spaces = pd.concat([_of_space(rows, side, name) for side, name in SPACE_TITLES.items()])
    order = [*(comparison.title for comparison in COMPARISONS.values()), "best layer"]
    bars = Bars(category="way", value="value", title="mean top-1", order=order, upright=True, label_angle=-30)
    return panels(bars.draw(both_spaces).properties(width=170, height=170), rows["language"])


def _of_space(gains: pd.DataFrame, side: str, name: str) -> pd.DataFrame:
    """Mean top-1 of one side (``pre`` or ``post``) with its interval, as rows of a space of this name."""
    return gains.assign(space=name, value=gains[side], low=gains[f"{side}_low"], high=gains[f"{side}_high"])


def control(tables: Tables) -> list[Figure]:
    """Draw experts beside random neurons."""
    gains = at_plan_layer(tables["gains"])
    gains = gains[gains["view"] == "target as query"]
    experts, random = (gains[gains["control"] == name] for name in ("none", "random"))
    rows = pd.concat(
        [_of_space(experts, "pre", "before"), _of_space(experts, "post", "after"), _of_space(random, "post", "random")]
    )
    rows = rows.assign(language=names_of(rows["target"]))
    bars = Bars(
        category="language",
        value="value",
        title="mean top-1",
        colours={**BEFORE_AFTER, "random": FREE},
        order=list(dict.fromkeys(rows["language"])),
        domain=None,
        upright=True,
    )
    chart = bars.draw(rows).properties(width=480, height=220)
    return [Figure("control", chart, "Experts and random neurons; target as the query. 95% bootstrap intervals.")]
