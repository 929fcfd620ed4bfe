"""The state of one reproduction: its settings, its engine and the tables made so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pandas as pd

from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.reproduction.settings import Settings
from core.reproduction.steps import Step

T = TypeVar("T")

_CHARACTERS = 3.5  # of a token, about


@dataclass
class Study:
    """One reproduction.

    Attributes
    ----------
    settings : Settings
        With every default decided (`core.reproduction.settings.bound`).
    plan : Plan
        That of the first target.
    tables : dict of str to DataFrame
        What the items have made so far, by the name of their file.
    """

    engine: Engine
    settings: Settings
    plan: Plan
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """Languages whose experts are found."""
        return self.settings.targets or ()

    def experiments(self, *controls: str) -> list[Experiment]:
        """The experiment of every target under each control, on the multi-parallel corpus."""
        return [self.settings.experiment(target, control) for control in controls for target in self.targets]

    def answer(self, experiment: Experiment, question: Callable[[Run], T]) -> T:
        """Answer a question about an experiment from what the steps have computed."""
        return self.engine.answer(experiment, question)

    def table(self, experiments: Iterable[Experiment], question: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
        """Answer a question about each experiment by a table, and join the tables, each with its conditions."""
        parts = [self.labelled(self.answer(experiment, question), experiment) for experiment in experiments]
        return pd.concat(parts, ignore_index=True)

    def step(
        self, item: str, title: str, experiment: Experiment, question: Callable[[Run], object], seconds: float
    ) -> Step:
        """Make a step that answers a question about an experiment, so that the store has the answer later."""
        return Step(item, title, lambda progress: self.engine.answer(experiment, question, progress), seconds)

    def expected(self, experiment: Experiment, *stages: str) -> float:
        """Seconds that some stages of an experiment are expected to take now."""
        estimate = self.engine.estimate(experiment)
        return sum(estimate[stage] for stage in stages)

    def seconds_of_a_pass(self, texts: Iterable[str]) -> float:
        """Seconds that one pass over texts is expected to take."""
        tokens = sum(len(text) for text in texts) / _CHARACTERS
        return tokens / self.engine.models.pace(self.plan.resolved, self.plan.outline.n_parameters)

    def conditions(self, experiment: Experiment) -> dict[str, Any]:
        """The columns that every measurement carries."""
        return {
            "model": self.settings.model_name,
            "target": experiment.target,
            "k": experiment.experts,
            "strength": experiment.strength,
            "control": experiment.control,
        }

    def labelled(self, frame: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
        """A table with the conditions as its first columns."""
        conditions = self.conditions(experiment)
        return frame.assign(**conditions)[[*conditions, *(name for name in frame if name not in conditions)]]
