"""Runs experiments: makes the plan, loads the model if it is needed, runs the stages and builds the result.

One engine serves a whole process. It keeps the last model in memory; all forward passes on it are serialised by the
model's own lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from core.errors import AskError, ComputeError, ModelError
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
Ask = Callable[[Experiment, Callable[[Run], Any]], Any]
"""Answers a question about an experiment, as `Engine.answer` does: what an analysis of several experiments is given."""

_MOST_LOSSES = 2  # of the processes that hold a model together, before the work is given up


class ImportedAnswers(Protocol):
    """Answers that other machines computed; see `core.packs.pack_folder.PackFolder`."""

    def find(self, experiment: Experiment, question: Callable[..., Any], bound: Plan | None = None) -> Any | None:
        """The answer to a question about an experiment, if there is one; only of the same model and sentences.

        Without the plan that the experiment has here, of those of the same name.
        """
        ...

    def origin(self, answer: object) -> object | None:
        """Where an answer was computed, in words as text; None if it is none of these."""
        ...


class Engine:
    """Runs experiments over one store.

    Parameters
    ----------
    elsewhere : ImportedAnswers, optional
        Asked for what is known where the store does not have it; what is computed here never comes from there.
    ranks : int
        Processes of this machine over which a model is spread, each with a GPU of its own on ``cuda``. The numbers are
        those of one process but for rounding, and are kept under the same digests.
    """

    def __init__(self, store: Store, elsewhere: ImportedAnswers | None = None, ranks: int = 1) -> None:
        self.store, self.models, self.elsewhere = store, ModelHost(store, ranks), elsewhere

    def plan(self, experiment: Experiment) -> Plan:
        """Bind an experiment to its model and sentences, as `core.experiment.plan.plan` does.

        Raises
        ------
        AskError
            As there; where only the result is known, from elsewhere, it says so.
        """
        try:
            return plan(experiment)
        except AskError as error:
            if self.answer_elsewhere(experiment, Run.result) is not None:
                instead = "Stay with the pages that need no pass of the model"
            elif self.answer_elsewhere(experiment, Run.summary) is not None:
                instead = "Open Results or What if, which show its measures"
            else:
                raise
            raise ModelError(
                "more of this setting than its pack holds",
                f"that needs the model and its sentences on this machine ({error.what}: {error.why})",
                f"{instead}, or: {error.instead}",
            ) from error

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
        bound = self.plan(experiment)
        return self._retried(lambda: question(Run(bound, self.models, progress or Progress())))

    def answer_known(self, experiment: Experiment, question: Callable[[Run], T]) -> T | None:
        """Answer a question if everything it needs is stored, so that nothing must be computed; else None.

        What this machine computed goes before what is known from elsewhere.

        Raises
        ------
        AskError
            If there can be no answer here, and none is known from elsewhere.
        """
        bound: Plan | None = None
        try:
            bound = self.plan(experiment)
            return question(Run(bound, self.models, Progress(), only_cached=True))
        except (NotCached, DamagedArtefact):
            answer = self.answer_elsewhere(experiment, question, bound)
            # What is asked about a result that was computed here is not mixed with another machine's.
            return None if answer is None or self._is_own(experiment) else answer
        except AskError:  # the model is not on this machine, above all
            answer = self.answer_elsewhere(experiment, question, bound)
            if answer is None:
                raise
            return answer

    def _is_own(self, experiment: Experiment) -> bool:
        """Whether the result of an experiment was computed here."""
        try:
            Run(self.plan(experiment), self.models, Progress(), only_cached=True).result()
        except (NotCached, DamagedArtefact):
            return False
        return True

    def answer_elsewhere(
        self, experiment: Experiment, question: Callable[[Run], T], bound: Plan | None = None
    ) -> T | None:
        """Answer a question from what other machines computed; None if they did not.

        Parameters
        ----------
        bound : Plan, optional
            The experiment's plan on this machine, if it has one here: then only of the same model and sentences.
        """
        return None if self.elsewhere is None else self.elsewhere.find(experiment, question, bound)

    def origin(self, answer: object) -> object | None:
        """Where an answer was computed, if not here: its text says so in words."""
        return None if self.elsewhere is None else self.elsewhere.origin(answer)

    def holds(self, result: Result) -> bool:
        """Whether a result's model and sentences are still what they were when it was computed here."""
        return self.origin(result) is None and plan(result.plan.experiment) == result.plan

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
        return Run(self.plan(experiment), self.models, Progress()).expected()

    def _retried(self, work: Callable[[], T]) -> T:
        """Do the work again if an artefact vanished, or was damaged and so removed, between two stages.

        Also where one of the processes died that hold a model together: they are started anew.
        """
        tries = 2
        losses = 0
        while True:
            damaged_before = set(self.store.damaged)
            try:
                return work()
            except (NotCached, DamagedArtefact):
                # A try that removed newly found damage made progress, so it does not count as a failed try.
                tries -= set(self.store.damaged) <= damaged_before
                if tries < 0:
                    raise
            except ComputeError:
                losses += 1
                if self.models.ranks == 1 or losses > _MOST_LOSSES:
                    raise
