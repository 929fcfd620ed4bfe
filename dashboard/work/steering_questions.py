"""What the page of written text asks the queue for: does the model answer in the target language?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from core.analyses import steering
from core.analyses.steering import Answers, SteeringSettings
from core.experiment.settings import Experiment
from core.inference.writing import TOKEN_SECONDS
from core.pipeline.engine import Engine
from core.progress import Progress


@dataclass(frozen=True)
class SteeringQuestion:
    """Answers to prompts in several languages under every condition of `core.analyses.steering.conditions`."""

    experiment: Experiment
    methods: tuple[str, ...]
    asked: SteeringSettings

    def known_so_far(self, engine: Engine) -> list[Answers]:
        """The answers under the conditions that were asked for before."""
        found = []
        for condition in steering.conditions(self.experiment, self.methods):
            answers = engine.answer_known(
                condition.experiment, partial(steering.answers, condition=condition, asked=self.asked)
            )
            if answers is not None:
                found.append(answers)
        return found

    def known(self, engine: Engine) -> list[Answers] | None:
        """All answers, if all were given before."""
        found = self.known_so_far(engine)
        return found if len(found) == len(steering.conditions(self.experiment, self.methods)) else None

    def estimate(self, engine: Engine) -> float:
        """Seconds, experts included, of what is not written yet."""
        missing = len(steering.conditions(self.experiment, self.methods)) - len(self.known_so_far(engine))
        expected = engine.estimate(self.experiment)
        preparation = sum(expected[name] for name in ("load", "capture", "expertise", "learn"))
        return preparation + TOKEN_SECONDS * self.asked.tokens * len(self.asked.prompts) * missing

    def run(self, engine: Engine, progress: Progress) -> list[Answers]:
        """Have all of them written."""
        return steering.steer(
            lambda of, question: engine.answer(of, question, progress),
            self.experiment,
            (self.experiment.target,),
            self.methods,
            self.asked,
        )
