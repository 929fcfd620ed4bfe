"""Which number of experts a report's choice of k prefers for text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.reproduction.reader import ReportContent
from core.stats.intervals import Interval

ITEM = "choice_of_k"
# What a reproduction leaves as it is, of all that decides which neurons are held and at what.
_AS_IS = (
    *("targets", "neurons", "score", "select", "expert_layers", "expert_sites", "min_score", "experts_from"),
    *("method", "tokens", "pooling", "control", "chat_template", "prompt"),
)


@dataclass(frozen=True)
class TextChoice:
    """What a report says of text in one target language against the number of experts held.

    Attributes
    ----------
    probability, perplexity : dict of int to Interval
        By number of experts, 0 for the unmodified model: of the target language in texts written from nothing, and of
        sentences in it.
    conditions : mapping
        The report's settings.
    """

    probability: dict[int, Interval]
    perplexity: dict[int, Interval]
    conditions: Mapping[str, Any]

    @property
    def best(self) -> int:
        """The number with the highest probability of the target language."""
        return max((k for k in self.probability if k), key=lambda k: self.probability[k].value)

    @property
    def preferred(self) -> int:
        """The least number whose 95% interval reaches into the best one's: fewer neurons disturb the text less.

        Where any number does more than the unmodified model, one that does.
        """
        enough = self.probability[self.best].low
        among = self._rising or [k for k in self.probability if k]
        return min(k for k in among if self.probability[k].high >= enough)

    @property
    def rises(self) -> bool:
        """Whether some number writes more in the target language than the unmodified model, beyond chance."""
        return bool(self._rising)

    @property
    def _rising(self) -> list[int]:
        """The numbers whose interval lies above the unmodified model's."""
        least = self.probability[0].high if 0 in self.probability else -math.inf
        return [k for k in self.probability if k and self.probability[k].low > least]


def is_measured(experiment: Experiment) -> bool:
    """Whether a reproduction measures the choice of k for such a setting, whatever its model, target and sentences."""
    usual = Experiment()
    return experiment.strength == usual.strength and all(
        getattr(experiment, name) == getattr(usual, name) for name in _AS_IS
    )


def read(report: ReportContent, bound: Plan) -> TextChoice | None:
    """What a report says of text for a setting, whatever its number of experts; None if it is of another.

    The report's sentences may be others, which its conditions say: experts found on another corpus are much the same.

    Parameters
    ----------
    report : ReportContent
        With the table of `ITEM`, if it is measured.
    """
    table, settings = report.tables.get(ITEM), report.content["settings"]
    if table is None or not is_measured(bound.experiment) or settings.get("model_digest") != bound.resolved.digest:
        return None
    if settings.get("adapter") or bound.experiment.adapter:  # a report has its name alone
        return None
    try:
        rows = table[table["target"] == bound.target]
        by_measure = {measure: _by_k(part) for measure, part in rows.groupby("measure")}
    except (LookupError, TypeError, ValueError):  # a file that somebody wrote by hand
        return None
    probability = {k: found for k, found in by_measure.get("probability", {}).items() if math.isfinite(found.low)}
    return TextChoice(probability, by_measure.get("perplexity", {}), settings) if any(probability) else None


def _by_k(rows: pd.DataFrame) -> dict[int, Interval]:
    figures = rows[["k", "value", "low", "high", "n"]].to_numpy(dtype=np.float64).tolist()
    return {int(k): Interval(value, low, high, int(n)) for k, value, low, high, n in figures if math.isfinite(value)}
