"""What a page may ask the queue for: an experiment's result, or any other question to the engine."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Protocol, runtime_checkable

from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Progress

Request = Hashable
"""An `Experiment`, or a frozen dataclass that is a `Question`."""


@runtime_checkable
class Question(Protocol):
    """A request other than an experiment's result; hashable, so that visitors with the same question share one job."""

    def known(self, engine: Engine) -> Any | None:
        """The answer if it can be had at once, else None; raises `core.errors.AskError` if there can be none."""
        ...

    def estimate(self, engine: Engine) -> float:
        """Seconds that `run` is expected to take now."""
        ...

    def run(self, engine: Engine, progress: Progress) -> Any:
        """Compute the answer; reports progress, and stops where the report raises `core.progress.Cancelled`."""
        ...


class Backend(Protocol):
    """What the queue runs on."""

    def known(self, request: Any) -> Any | None:
        """The answer if it can be had at once."""
        ...

    def holds(self, answer: Any) -> bool:
        """Whether an answer kept in memory is still the answer."""
        ...

    def estimate(self, request: Any) -> Mapping[str, float]:
        """Seconds by stage."""
        ...

    def run(self, request: Any, progress: Progress) -> Any:
        """Compute the answer."""
        ...


class Answers:
    """Answers requests with the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def known(self, request: Experiment | Question) -> Any | None:
        """The answer if it can be had at once."""
        return self.engine.known(request) if isinstance(request, Experiment) else request.known(self.engine)

    def holds(self, answer: Any) -> bool:
        """Whether an answer kept in memory is still the answer; answers other than results are looked up again."""
        return isinstance(answer, Result) and self.engine.holds(answer)

    def estimate(self, request: Experiment | Question) -> Mapping[str, float]:
        """Seconds by stage."""
        if isinstance(request, Experiment):
            return self.engine.estimate(request)
        return {"answer": request.estimate(self.engine)}

    def run(self, request: Experiment | Question, progress: Progress) -> Any:
        """Compute the answer."""
        return (
            self.engine.run(request, progress)
            if isinstance(request, Experiment)
            else request.run(self.engine, progress)
        )
