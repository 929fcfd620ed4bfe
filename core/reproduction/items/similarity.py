"""Item: which languages profit, by their similarity to the target."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.language import families, typology
from core.reproduction.charts import similarity as charts
from core.reproduction.item import Item
from core.reproduction.items.correlations import adjusted, correlation_row
from core.reproduction.items.retrieval import retrieval_tables
from core.reproduction.study import Study

_KEYS = ["model", "target", "k", "strength", "control", "metric", "layer", "candidate", "n"]


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    """``similarity``: gain by candidate, and how its language is related to the target's; and their correlations."""
    # Where retrieval failed, its tables are not there; asked again, it gives them or says why this item fails too.
    measured = study.tables if "retrieval" in study.tables else retrieval_tables(study, "none")
    gains = _related(_gains(measured["retrieval"], measured["tests"]))
    rows: list[dict[str, Any]] = []
    for (target, metric, layer), part in gains.groupby(["target", "metric", "layer"], sort=False):
        for x in ("similarity", "syntax"):
            defined = part.loc[part[x].notna()]
            for y in ("pre", "post", "gain"):
                way = {"target": target, "metric": metric, "layer": layer, "y": y, "x": x}
                rows.append(way | correlation_row(defined[x], defined[y], study.settings.seed))
    return {"similarity": gains, "similarity_correlations": adjusted(pd.DataFrame(rows))}


def _gains(retrieval: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Top-1 before and after and its gain, with the target as the query: one row a candidate and way of comparing."""
    rows, tested = (
        frame[(frame["query"] == frame["target"]) & (frame["control"] == "none")] for frame in (retrieval, tests)
    )
    wide = rows.pivot_table(index=_KEYS, columns="space", values="top1", sort=False).reset_index()
    wide = wide.merge(tested[[*_KEYS, "p"]], on=_KEYS).rename(columns={"p": "p_holm"})
    return wide.assign(gain=wide["post"] - wide["pre"])


def _related(gains: pd.DataFrame) -> pd.DataFrame:
    """Add how target and candidate are related: script, family, branch, their sum, and similarity of syntax."""
    pairs = list(zip(gains["target"], gains["candidate"], strict=True))
    relations = [families.relation(target, candidate) for target, candidate in pairs]
    return gains.assign(
        same_script=[relation.same_script for relation in relations],
        same_family=pd.array([relation.same_family for relation in relations], dtype="boolean"),
        same_branch=pd.array([relation.same_branch for relation in relations], dtype="boolean"),
        similarity=[relation.score for relation in relations],
        syntax=[typology.similarity(target, candidate) for target, candidate in pairs],
    )


# Read from the tables of retrieval.
SIMILARITY = Item("similarity", "Which languages profit", _tables, charts.similarity)
