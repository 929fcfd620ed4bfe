"""What a process that computes says of its work, and how whoever asked understands it.

Messages are plain data (`core.serialisation`); `core.pipeline.worker.ReportedProgress` and
`core.pipeline.worker.outcome` make them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from core import serialisation
from core.errors import ComputeError, WorkFailed, refusal
from core.pipeline.backend import LocalBackend
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Cancelled, Progress

Message = dict[str, Any]

HANGS = 600.0
"""Seconds after which work elsewhere that neither says, reads nor writes anything is ended."""

MOVED = 1 << 20
"""Bytes that must have been read or written between two looks to count as a sign of life."""

_LONGEST = 200.0  # seconds that a stage without a report is believed to take
_GETTING_READY = 40.0  # seconds that a busy machine takes to import what computes


class MessageSink(Protocol):
    """Takes messages for whoever asked."""

    def say(self, **message: Any) -> None:
        """Say one."""
        ...


def apply_message(message: Message, progress: Progress) -> None:
    """Have a progress here do as the one there did."""
    if "plan" in message:
        progress.plan({str(name): float(seconds) for name, seconds in message["plan"].items()})
    elif "stage" in message:
        progress.stage(str(message["stage"][0]), float(message["stage"][1]))
    elif "advance" in message:
        progress.advance(float(message["advance"]))
    elif "partial" in message:
        progress.publish(serialisation.decode(message["partial"]))
    elif "finish" in message:
        progress.finish()


class Expectation:
    """How long work elsewhere may say nothing, by what it has said: loading a model, for one, reports nothing.

    Attributes
    ----------
    begun : bool
        Whether it has said anything; a process that has just been started takes seconds before it does.
    whole : float
        Seconds that all of it was expected to take; work that names no stages may say nothing for as long.
    """

    def __init__(self, begun: bool = False, whole: float = 0.0) -> None:
        self.begun, self.whole = begun, whole
        self._plan: dict[str, float] = {}
        self._stage = ""

    def note(self, message: Message) -> None:
        """Note what a message says of the stages."""
        self.begun = self.begun or "ready" not in message
        if "plan" in message:
            self._plan = {str(name): float(seconds) for name, seconds in message["plan"].items()}
        elif "stage" in message:
            self._stage = str(message["stage"][0])
        elif "advance" in message:
            self._plan.pop(self._stage, None)  # it reports, so it can be stopped at any moment

    @property
    def seconds(self) -> float:
        """Seconds that a stop has to wait for the present stage: getting ready or loading cannot be interrupted."""
        return _GETTING_READY if not self.begun else min(self._plan.get(self._stage, 0.0), _LONGEST)

    def hangs(self, silent: float, limit: float | None = None) -> bool:
        """Whether so many seconds without a sign of life are too many.

        More than `HANGS` unless a limit is given, and than thrice what the present stage was expected to take, or where
        there are no stages, the whole.
        """
        expected = self._plan.get(self._stage, 0.0) if self._plan or self._stage else self.whole
        return silent > max(HANGS if limit is None else limit, 3 * max(self.seconds, expected))


def note_state(message: Message, engine: Engine) -> None:
    """Have an engine here know what the one there says of its models, and of results that it found damaged."""
    if "state" in message:
        engine.models.take_over(message["state"])
        engine.store.damaged += [str(each) for each in message["damaged"]]


def answer_of(request: Any, message: Message, here: LocalBackend) -> Any:
    """Read the answer that an outcome tells of: from the message, or from the store that both share.

    Raises
    ------
    AskError
        Where there can be none.
    Cancelled
        Where the work was stopped.
    WorkFailed
        Where something unexpected happened there.
    """
    if "refused" in message:
        raise refusal(*message["refused"])
    if "cancelled" in message:
        raise Cancelled
    if "failed" in message:
        raise WorkFailed(str(message["failed"]))
    facts = message["done"]
    if "answer" in facts:
        with suppress(TypeError, ValueError, AttributeError, ImportError):  # else it is read as the others are
            return serialisation.decode(facts["answer"])
    answer = here.known(request)
    if answer is None:
        raise ComputeError(
            "compute this", "what was computed has gone from the cache before it could be read", "Try again."
        )
    if isinstance(answer, Result) and "seconds" in facts:
        seconds = {str(stage): float(value) for stage, value in facts["seconds"].items()}
        answer = replace(answer, seconds=seconds, computed=tuple(map(str, facts["computed"])))
    return answer
