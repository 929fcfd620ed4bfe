"""What an experiment found, with its conditions: as data for the dashboard, and as JSON for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.neurons.experts import Experts
from core.pipeline import measure_table
from core.pipeline.before_after import BeforeAfter
from core.stats.intervals import finite

SCHEMA = 1


@dataclass(frozen=True)
class Result(BeforeAfter):
    """An experiment's outcome: what was measured of both spaces, the experts and the map.

    Attributes
    ----------
    maps : tuple of (pre, post)
        One a group, each ndarray of float32, (n_languages, n_shown, 2).
    seconds : mapping
        Wall time of each stage in this run; near zero where the store had it.
    computed : tuple of str
        Stages that this run computed; the others came from the store.
    """

    experts: Experts
    maps: tuple[tuple[np.ndarray, np.ndarray], ...]
    seconds: Mapping[str, float]
    computed: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The result as the command line writes it."""
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
            **measure_table.to_json(self),
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "computed": list(self.computed),
            "notes": list(self.notes),
        }

    def _retrieval(self) -> list[dict[str, Any]]:
        """Every pair of languages with all that was measured of it."""
        return [
            {str(name): value if isinstance(value, str | int) else finite(value) for name, value in row.items()}
            for row in self.pairs.drop(columns="group").to_dict("records")
        ]
