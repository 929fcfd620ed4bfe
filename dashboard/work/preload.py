"""Loads the model before it is needed: a visitor who looks at a known result may ask for another at any moment."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import AskError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import STEPS
from core.progress import Progress
from dashboard.work.queue import Jobs

_LARGEST = 1_000_000_000  # parameters: what loads within seconds and leaves room beside it

_PATIENCE = 60.0  # seconds that it may take where the model is to be converted first


@dataclass(frozen=True)
class ModelLoadQuestion:
    """Asks for the model of an experiment to be in memory."""

    experiment: Experiment

    def known(self, engine: Engine) -> bool | None:
        """True if the model is in memory, else None."""
        return engine.models.is_loaded(plan(self.experiment).resolved) or None

    def estimate(self, engine: Engine) -> float:  # noqa: ARG002 - a question's estimate may depend on the engine
        """Seconds; a guess."""
        return 6.0

    def run(self, engine: Engine, progress: Progress) -> bool:
        """Load it."""
        progress.plan({STEPS["load"]: _PATIENCE})
        progress.stage(STEPS["load"])
        engine.models.get(plan(self.experiment).resolved)
        engine.models.warm_up()
        progress.finish()
        return True


def soon(jobs: Jobs, engine: Engine, experiment: Experiment) -> None:
    """Have the model loaded in the background, once its result is on the page."""
    result = jobs.peek(experiment)
    if engine.origin(result) is not None:  # from a pack: its model may not be on this machine
        return
    if result is None or result.plan.outline.n_parameters > _LARGEST or engine.models.is_loaded(result.plan.resolved):
        return
    question = ModelLoadQuestion(experiment)
    job = jobs.find(question)
    if job is None:  # a load that failed is not tried again; the next request for the model reports the error
        try:
            jobs.submit("", question, background=True, title="Loading the model")
        except AskError:
            return
