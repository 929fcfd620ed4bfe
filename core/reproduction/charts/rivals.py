"""Figures of what is free: the intervention among its rivals, a figure a target."""

from __future__ import annotations

import pandas as pd

from core.charts.bars import Bars
from core.charts.palette import BEFORE, INTERVENTION, NEEDS_LANGUAGE, NEEDS_NOTHING, RIVALS, TRANSLATED
from core.reproduction.charts.figure import Figure, names_of
from core.reproduction.tables import Tables

_CORPORA = {"tatoeba": "Tatoeba", "bucc": "BUCC"}
_KINDS = {kind: RIVALS[kind] for kind in (INTERVENTION, BEFORE, NEEDS_NOTHING, NEEDS_LANGUAGE, TRANSLATED)}


def rivals(tables: Tables) -> list[Figure]:
    """Draw top-1 of the intervention and of every rival of the unmodified model at its best layer, by target.

    First on the multi-parallel corpus, then on each corpus of pairs with English.
    """
    figures = []
    for (corpus, target), part in tables["rivals"].groupby(["corpus", "target"], sort=False):
        drawn = _drawn(part)
        chart = Bars(
            category="label",
            value="top1_target",
            title="top-1 from the target",
            group="kind",
            side_by_side=False,
            colours=_KINDS,
            label_limit=290,
        ).draw(drawn.rename(columns={"top1_target_low": "low", "top1_target_high": "high"}))
        name, n = names_of(pd.Series([target])).iloc[0], int(part["n"].iloc[0])
        own = corpus == "multi-parallel"
        where = "" if own else f" with English, {_CORPORA.get(str(corpus), corpus)}"
        caption = (
            f"{name}{where}: the intervention, and what is free, fitted on probe rows of the unmodified model, each at "
            f"the layer where it does best on probe rows. n = {n:,} sentences; lines are 95% bootstrap intervals."
        )
        file = f"rivals_{target}" if own else f"rivals_{corpus}_{target}"
        figures.append(Figure(file, chart.properties(width=420, height=24 * len(drawn) + 20), caption))
    return figures


def _drawn(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of one target that are drawn, each with its ``label`` and ``kind``."""
    raw, pre = part["name"] == "raw", part["space"] == "pre"
    at_layer = part["layer"] == _plan_layer(part)
    intervention, before = raw & ~pre & at_layer, raw & pre & at_layer
    kind = pd.Series(NEEDS_LANGUAGE, part.index)
    kind[part["applied"] == "nothing"] = NEEDS_NOTHING
    kind[part["supervised"]] = TRANSLATED
    kind[before], kind[intervention] = BEFORE, INTERVENTION
    label = part["title"].where(~raw, "Another layer, as it is") + ", layer " + part["layer"].astype(str)
    label[before], label[intervention] = "Before", "The intervention"
    kept = intervention | before | (pre & part["chosen"])
    drawn: pd.DataFrame = part.assign(kind=kind, label=label)[kept]
    return drawn


def _plan_layer(part: pd.DataFrame) -> int:
    """The layer of the intervention, which alone has no difference from itself."""
    return int(part.loc[part["difference"].isna(), "layer"].iloc[0])
