"""What an experiment found, with its conditions: as data for the dashboard, and as JSON for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.experiment.plan import Plan
from core.neurons.experts import Experts
from core.stats.intervals import finite

SCHEMA = 1


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
class Result:
    """An experiment's outcome.

    Attributes
    ----------
    pairs : DataFrame
        ``group, query, candidate, n, top1_pre, top1_post, centred_pre, centred_post, distance_pre, distance_post``.
    medoid : DataFrame
        ``language, pre, post``: cosine distance of each language's mean embedding to the medoid of the space.
    layers : DataFrame
        ``layer, top1_pre, top1_post, centred_pre, centred_post, distance_pre, distance_post``, target as the query.
    maps : tuple of (pre, post)
        One a group, each ndarray of float32, (n_languages, n_shown, 2).
    seconds : mapping
        Wall time of each stage in this run; near zero where the store had it.
    computed : tuple of str
        Stages that this run computed; the others came from the store.
    """

    plan: Plan
    experts: Experts
    pairs: pd.DataFrame
    medoid: pd.DataFrame
    layers: pd.DataFrame
    maps: tuple[tuple[np.ndarray, np.ndarray], ...]
    seconds: Mapping[str, float]
    computed: tuple[str, ...]
    notes: tuple[str, ...]

    @cached_property
    def from_target(self) -> pd.DataFrame:
        """The pairs in which the target is the query, by candidate."""
        return self.pairs[self.pairs["query"] == self.plan.target].reset_index(drop=True)

    @property
    def target_top1(self) -> Change:
        """Mean top-1 over candidates, target as the query."""
        return _mean(self.from_target, "top1")

    @property
    def all_top1(self) -> Change:
        """Mean top-1 over all ordered pairs."""
        return _mean(self.pairs, "top1")

    @property
    def centred(self) -> Change:
        """As `target_top1`, after subtracting each language's mean embedding: free, without any intervention."""
        return _mean(self.from_target, "centred")

    @property
    def all_pairs_distance(self) -> Change:
        """Cosine distance between translations, over all pairs of languages."""
        return _mean(self.pairs, "distance")

    @property
    def target_distance(self) -> Change:
        """The same over pairs that contain the target."""
        return _mean(self.from_target, "distance")

    @property
    def best_layer(self) -> tuple[int, Change]:
        """The layer at which the unmodified model retrieves best, target as the query."""
        best = self.layers.iloc[int(self.layers["top1_pre"].to_numpy().argmax())]
        return int(best["layer"]), Change(float(best["top1_pre"]), float(best["top1_post"]))

    def to_medoid(self, of_target: bool) -> Change:
        """Distance to the medoid: the target's, or the mean over the other languages."""
        rows = self.medoid[(self.medoid["language"] == self.plan.target) == of_target]
        return Change(float(rows["pre"].mean()), float(rows["post"].mean()))

    def to_json(self) -> dict[str, Any]:
        """The result as the command line writes it."""
        layer, at_best = self.best_layer
        return {
            "schema": SCHEMA,
            "experiment": self.plan.describe(),
            "experts": {
                "k": len(self.experts.neurons),
                "score": self.plan.experiment.score,
                "mean_score": float(self.experts.scores.mean()),
                "lowest_score": float(self.experts.scores.min()),
            },
            "retrieval": self._retrieval(),
            "summary": {"target_top1": self.target_top1.to_json(), "all_top1": self.all_top1.to_json()},
            "distance": {
                "all_pairs": self.all_pairs_distance.to_json(),
                "to_target": self.target_distance.to_json(),
                "to_medoid": {
                    "target": self.to_medoid(of_target=True).to_json(),
                    "others": self.to_medoid(of_target=False).to_json(),
                },
            },
            "baselines": {
                "centred": self.centred.to_json(),
                "best_layer": {"layer": layer, **at_best.to_json()},
            },
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "computed": list(self.computed),
            "notes": list(self.notes),
        }

    def _retrieval(self) -> list[dict[str, Any]]:
        columns = ["query", "candidate", "n", "top1_pre", "top1_post", "centred_pre", "centred_post"]
        columns += ["distance_pre", "distance_post"]
        return [
            {str(name): value if isinstance(value, str | int) else finite(value) for name, value in row.items()}
            for row in self.pairs[columns].to_dict("records")
        ]


def merge_spaces(pre: pd.DataFrame, post: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Put two spaces' measures side by side: every measure twice, with ``_pre`` and ``_post``."""
    merged = pre.merge(post, on=keys, suffixes=("_pre", "_post"), validate="one_to_one")
    return merged.rename(columns=lambda name: name.replace("top1_centred", "centred"))


def _mean(frame: pd.DataFrame, measure: str) -> Change:
    return Change(float(frame[f"{measure}_pre"].mean()), float(frame[f"{measure}_post"].mean()))
