"""How a question about one experiment is answered: a kind of `core.pipeline.backend.Question`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress


@dataclass(frozen=True)
class ExperimentQuestion:
    """Asks something of one experiment's stages.

    Attributes
    ----------
    asks : str
        What is asked, for a list of jobs: several may be of one experiment.
    """

    asks: ClassVar[str] = ""
    experiment: Experiment

    def question(self, run: Run) -> Any:
        """Read the answer from a run, and compute what is missing where the run may."""
        raise NotImplementedError

    def known(self, engine: Engine) -> Any | None:
        """The answer, if what is missing takes only a moment."""
        return engine.answer_known(self.experiment, self.question)

    def estimate(self, engine: Engine) -> float:
        """Seconds."""
        return sum(engine.estimate(self.experiment).values())

    def run(self, engine: Engine, progress: Progress) -> Any:
        """Compute what is missing, and read the answer."""
        answer = engine.answer(self.experiment, self.question, progress)
        progress.finish()
        return answer
