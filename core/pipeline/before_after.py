"""The measurements of an experiment's two spaces, side by side: the tables that every measure is read from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from core.experiment.plan import Plan
from core.spaces.pairs import COLUMNS
from core.spaces.similarity import Comparison
from core.stats.intervals import finite

SPACE_TITLES = {"pre": "before", "post": "after"}
"""What people call the space without the intervention and that with it."""


@dataclass(frozen=True)
class Change:
    """One measure in both spaces."""

    pre: float
    post: float

    @property
    def difference(self) -> float:
        """Post minus pre."""
        return self.post - self.pre

    def to_json(self) -> dict[str, float | None]:
        """As JSON values; None where it is not defined."""
        return {"pre": finite(self.pre), "post": finite(self.post)}


@dataclass(frozen=True)
class BeforeAfter:
    """The measurements of the space before the intervention and of the space after it.

    Attributes
    ----------
    pairs : DataFrame
        ``group, query, candidate, n, top1_pre, top1_post, centred_pre, centred_post, distance_pre, distance_post``, one
        row an ordered pair of languages, at the plan's layer; further columns as `core.spaces.pairs.COLUMNS` has them.
    medoid : DataFrame
        ``language, pre, post``: cosine distance of each language's mean embedding to the medoid of the space.
    layers : DataFrame
        ``layer, top1_pre, top1_post, centred_pre, centred_post, distance_pre, distance_post``, target as the query, one
        row a hidden state; without rows where the layers were not measured.
    """

    plan: Plan
    pairs: pd.DataFrame
    medoid: pd.DataFrame
    layers: pd.DataFrame

    @cached_property
    def from_target(self) -> pd.DataFrame:
        """The pairs in which the target is the query, by candidate."""
        return self.pairs[self.pairs["query"] == self.plan.target].reset_index(drop=True)

    @property
    def target_top1(self) -> Change:
        """Mean top-1 over candidates, target as the query."""
        return mean(self.from_target, "top1")

    @property
    def all_top1(self) -> Change:
        """Mean top-1 over all ordered pairs."""
        return mean(self.pairs, "top1")

    @property
    def centred(self) -> Change:
        """As `target_top1`, after subtracting each language's mean embedding: free, without any intervention."""
        return mean(self.from_target, "centred")

    @property
    def all_pairs_distance(self) -> Change:
        """Cosine distance between translations, over all pairs of languages."""
        return mean(self.pairs, "distance")

    @property
    def target_distance(self) -> Change:
        """The same over pairs that contain the target."""
        return mean(self.from_target, "distance")

    @property
    def best_layer(self) -> tuple[int, Change]:
        """The layer at which the unmodified model retrieves best, target as the query."""
        best = self.layers.iloc[int(self.layers["top1_pre"].to_numpy().argmax())]
        return int(best["layer"]), Change(float(best["top1_pre"]), float(best["top1_post"]))

    def to_medoid(self, of_target: bool) -> Change:
        """Distance to the medoid: the target's, or the mean over the other languages."""
        rows = self.medoid[(self.medoid["language"] == self.plan.target) == of_target]
        return Change(float(rows["pre"].mean()), float(rows["post"].mean()))


def mean(table: pd.DataFrame, column: str) -> Change:
    """Mean of a column that stands in both spaces, as ``column_pre`` and ``column_post``."""
    return Change(float(table[f"{column}_pre"].mean()), float(table[f"{column}_post"].mean()))


def side_by_side(pre: pd.DataFrame, post: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Put two spaces' tables side by side: every column but the keys twice, with ``_pre`` and ``_post``."""
    merged = pre.merge(post, on=keys, suffixes=("_pre", "_post"), validate="one_to_one")
    return merged.rename(columns=_titled)


def ways() -> dict[str, Comparison]:
    """The ways of comparing whose top-1 stands in the tables, by its column there without ``_pre`` and ``_post``."""
    return {_titled(column.name): column.by for column in COLUMNS.values() if column.by is not None}


def _titled(column: str) -> str:
    """What a column of `core.spaces.pairs.COLUMNS` is called in the tables of two spaces."""
    return column.replace("top1_centred", "centred")
