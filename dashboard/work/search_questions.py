"""What the page of what-if asks the queue for beside its cells: a search for the best setting."""

from __future__ import annotations

from dataclasses import dataclass

from core.analyses import search
from core.analyses.search import Choices, Found, Limits
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.progress import Progress


@dataclass(frozen=True)
class SearchQuestion:
    """The best setting within a budget of minutes; kept, so that the next visitor need not wait for it."""

    experiment: Experiment
    choices: Choices
    limits: Limits

    def known(self, engine: Engine) -> Found | None:
        """What the same search found before."""
        return search.kept(engine.store, self.experiment, self.choices, self.limits)

    def estimate(self, engine: Engine) -> float:
        """Seconds: the budget, and the last measure on the evaluation rows."""
        return 60 * self.limits.minutes + sum(engine.estimate(self.experiment).values())

    def run(self, engine: Engine, progress: Progress) -> Found:
        """Search, and keep what is found."""
        found = search.search(
            lambda of, question: engine.answer(of, question, progress), self.experiment, self.choices, self.limits
        )
        search.keep(engine.store, self.experiment, self.choices, self.limits, found)
        return found
