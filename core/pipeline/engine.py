"""Runs experiments: makes the plan, loads the model if it is needed, runs the stages and builds the result.

One engine serves a whole process. It keeps the last model in memory; all forward passes on it are serialised by the
model's own lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from core.experiment.plan import Plan, plan
from core.experiment.settings import Experiment
from core.neurons.experts import Experts
from core.pipeline.model_host import ModelHost
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.progress import Progress
from core.store.files import DamagedArtefact
from core.store.stage import NotCached
from core.store.store import Store

T = TypeVar("T")


class Engine:
    """Runs experiments over one store."""

    def __init__(self, store: Store) -> None:
        self.store, self.models = store, ModelHost(store)

    def known(self, experiment: Experiment) -> Result | None:
        """Return the result if it is stored, so that nothing must be computed; else None."""
        return self.answer_known(experiment, Run.result)

    def answer(self, experiment: Experiment, question: Callable[[Run], T], progress: Progress | None = None) -> T:
        """Answer a question about an experiment from its stages, computing what is missing.

        Parameters
        ----------
        question : callable
            Reads what it needs from a `Run`; asked again where an artefact turned out to be damaged.

        Raises
        ------
        AskError, Cancelled
        """
        bound = plan(experiment)
        return self._retried(lambda: question(Run(bound, self.models, progress or Progress())))

    def answer_known(self, experiment: Experiment, question: Callable[[Run], T]) -> T | None:
        """Answer a question if everything it needs is stored, so that nothing must be computed; else None."""
        try:
            return question(Run(plan(experiment), self.models, Progress(), only_cached=True))
        except (NotCached, DamagedArtefact):
            return None

    def holds(self, result: Result) -> bool:
        """Whether a result's model and sentences are still what they were when it was computed."""
        return plan(result.plan.experiment) == result.plan

    def experts(self, experiment: Experiment, progress: Progress | None = None) -> tuple[Plan, Experts]:
        """Find the experts alone, best first."""
        return self.answer(experiment, lambda run: (run.plan, run.experts()), progress)

    def run(self, experiment: Experiment, progress: Progress | None = None) -> Result:
        """Run an experiment; whatever the store has is not computed again.

        Raises
        ------
        AskError
            If it cannot be; everything that is known beforehand is refused before any work.
        Cancelled
            If the progress report raised it; finished languages are kept.
        """
        return self.answer(experiment, Run.result, progress)

    def estimate(self, experiment: Experiment) -> dict[str, float]:
        """Seconds that each stage is expected to take now, by stage; 0 where the store has it."""
        return Run(plan(experiment), self.models, Progress()).expected()

    def _retried(self, work: Callable[[], T]) -> T:
        """Do the work again if an artefact vanished, or was damaged and so removed, between two stages."""
        tries = 2
        while True:
            damaged_before = set(self.store.damaged)
            try:
                return work()
            except (NotCached, DamagedArtefact):
                # A try that removed newly found damage made progress, so it does not count as a failed try.
                tries -= set(self.store.damaged) <= damaged_before
                if tries < 0:
                    raise
