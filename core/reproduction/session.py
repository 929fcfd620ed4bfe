"""What the items of a reproduction share: the engine, the settings, and the tables made so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
Tables = dict[str, pd.DataFrame]


@dataclass
class Session:
    """One reproduction.

    Attributes
    ----------
    settings : Settings
        With every default decided (`core.reproduction.settings.bound`).
    plan : Plan
        That of the first target.
    tables : dict of str to DataFrame
        By the name of their file, what the items before have made.
    """

    engine: Engine
    settings: Settings
    plan: Plan
    tables: Tables = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """Whose experts are found."""
        return self.settings.targets or ()

    def ask(self, experiment: Experiment, question: Callable[[Run], T]) -> T:
        """Answer from what the steps have computed."""
        return self.engine.answer(experiment, question)

    def step(
        self, item: str, title: str, experiment: Experiment, question: Callable[[Run], object], seconds: float
    ) -> Step:
        """A step that answers a question about an experiment, so that the store has what it needs."""
        return Step(item, title, lambda progress: self.engine.answer(experiment, question, progress), seconds)

    def expected(self, experiment: Experiment, *stages: str) -> float:
        """Seconds that some stages of an experiment are expected to take now."""
        guess = self.engine.estimate(experiment)
        return sum(guess[stage] for stage in stages)

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


@dataclass(frozen=True)
class Item:
    """One item of the report.

    Attributes
    ----------
    steps : callable
        What has to be computed, in order; each is kept in the store when it is done.
    tables : callable
        From what is stored, the tables by the name of their file.
    why_not : callable
        Why it is left out under these settings; empty where it is not.
    """

    name: str
    title: str
    steps: Callable[[Session], Sequence[Step]]
    tables: Callable[[Session], Mapping[str, pd.DataFrame]]
    why_not: Callable[[Session], str] = lambda _: ""
