"""Selections from the tables, which the figures, the verdicts and the comparison with the paper share."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

Tables = Mapping[str, pd.DataFrame]
"""The tables that the items made, by the name of their file."""


def at_plan_layer(frame: pd.DataFrame, metric: str = "cosine") -> pd.DataFrame:
    """Select one metric at the plan's layer, from a table whose first row is cosine there.

    See `core.reproduction.measures.ways`.
    """
    selected: pd.DataFrame = frame[(frame["metric"] == metric) & (frame["layer"] == frame["layer"].iloc[0])]
    return selected


def mean_distances(tables: Tables) -> pd.DataFrame:
    """Distances by cosine at the plan's layer, mean over targets, under the experts' intervention."""
    frame = at_plan_layer(tables["distances"])
    selected: pd.DataFrame = frame[(frame["target"] == "mean") & (frame["control"] == "none")]
    return selected


def gains_by_candidate(tables: Tables, control: str = "none") -> pd.Series:
    """Gain in top-1 of every target and candidate: cosine, the plan's layer, the target as the query."""
    frame = at_plan_layer(tables["retrieval"])
    rows = frame[(frame["control"] == control) & (frame["query"] == frame["target"])]
    wide = rows.pivot_table(index=["target", "candidate"], columns="space", values="top1", sort=False)
    gains: pd.Series = wide["post"] - wide["pre"]
    return gains


def top1_from_language(frame: pd.DataFrame) -> pd.Series[float]:
    """Top-1 by language and space, with the language as the query and English as candidates.

    By cosine at the plan's layer; ``frame`` is the table of a corpus of pairs with English.
    """
    frame = at_plan_layer(frame)
    top1: pd.Series = frame[frame["query"] == frame["target"]].set_index(["target", "space"])["top1"]
    return top1
