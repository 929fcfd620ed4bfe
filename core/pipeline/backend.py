"""Where answers are computed: one protocol, for this process, a child process, or a cluster.

A request is an experiment, or any other question to the engine. Notebooks and the command line ask the engine itself;
the dashboard's queue asks a backend.
"""

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
    """Computes answers, one at a time; reads those that are known from the store, at any time and in any thread.

    Attributes
    ----------
    engine : Engine
        Reads what is known, in this process and over the store that the answers go to.
    """

    engine: Engine

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
        """Compute the answer.

        Raises
        ------
        AskError
            Where there can be none.
        Cancelled
            Where a report of the progress raised it; what was finished is kept.
        """
        ...

    def about(self) -> str:
        """Where it computes, in words."""
        ...

    def close(self) -> None:
        """Let go of what it holds, processes above all."""
        ...


class LocalBackend:
    """Computes with the engine, in the process and the thread that ask."""

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

    def about(self) -> str:
        """Where it computes, in words."""
        return "Computes in the server's own process."

    def close(self) -> None:
        """Nothing is held."""


class RemoteBackend:
    """Reads what is known in this process, whatever computes: what backends that compute elsewhere have in common."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self._here = engine, LocalBackend(engine)

    def known(self, request: Any) -> Any | None:
        """The answer if it can be had at once."""
        return self._here.known(request)

    def holds(self, answer: Any) -> bool:
        """Whether an answer kept in memory is still the answer."""
        return self._here.holds(answer)

    def estimate(self, request: Any) -> Mapping[str, float]:
        """Seconds by stage."""
        return self._here.estimate(request)
