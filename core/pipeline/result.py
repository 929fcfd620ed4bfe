"""What an experiment found, with its conditions: as data for the dashboard, and as JSON for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import notebook_html
from core.language.codes import describe
from core.neurons.experts import Experts
from core.pipeline import measure_table
from core.pipeline.before_after import BeforeAfter
from core.pipeline.measure_table import MEASURES
from core.stats.intervals import finite, wilson
from core.stats.units import counted

SCHEMA = 1


@dataclass(frozen=True)
class Result(BeforeAfter):
    """An experiment's outcome: what was measured of both spaces, the experts and the map.

    Attributes
    ----------
    maps : tuple of (pre, post)
        One a group, each ndarray of float32, (n_languages, n_rows, 2); empty where only the figures are asked for.
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

    def __repr__(self) -> str:
        return "\n".join([self._conditions, f"  {self._retrieved}", f"  {self._free}"])

    def _repr_html_(self) -> str:
        target = describe(self.plan.target).english
        rows = [
            (measure.titled(target, self), *map(measure.unit.text, (change.pre, change.post)))
            for measure, change in ((measure, measure.read(self)) for measure in MEASURES.values())
        ]
        return notebook_html.table(
            self._conditions, ("measure", "before", "after"), rows, (self._retrieved, self._free, *self.notes)
        )

    @property
    def _conditions(self) -> str:
        """The conditions of the experiment, in one line."""
        experiment, plan = self.plan.experiment, self.plan
        return (
            f"{describe(plan.target).english}: {plan.neurons_in_words(len(self.experts.neurons))}, {experiment.method} "
            f"at strength {experiment.strength:g}, {experiment.model} on {experiment.corpus}, "
            f"layer {plan.layer} of {plan.outline.n_layers}"
        )

    @property
    def _retrieved(self) -> str:
        """Top-1 before and after, each with the 95% interval of a share of as many sentences.

        A sentence's mean over candidate languages varies no more than one that is found or not, so the interval of the
        mean is no wider than Wilson's.
        """
        n = int(self.from_target["n"].min())
        change = self.target_top1
        low, high = wilson(np.array([change.pre, change.post]), n)
        pre, post = (
            f"{value:.1%} [{100 * a:.1f}, {100 * b:.1f}]"
            for value, a, b in zip((change.pre, change.post), low, high, strict=True)
        )
        sets = counted(len(self.from_target), "candidate set")
        return f"top-1 from the target {pre} -> {post}, mean over {sets}, n = {n:,}"

    @property
    def _free(self) -> str:
        """The retrieval that needs no intervention, in one line."""
        values = (measure.free_value(self) for measure in MEASURES.values() if measure.free)
        return f"free, without intervention: {', '.join(f'{value:.1%} by {how}' for how, value in values)}"

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
