"""One request being computed, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from core.errors import AskError
from core.pipeline.backend import Backend, Request
from core.progress import Progress, Snapshot

_AWAY_AFTER = 15.0  # seconds since the last call of `Jobs.touch`; a page that waits calls it every second

TURN = 5.0
"""Seconds that a job runs at least before it is paused for a shorter one."""


def key_of(request: Request) -> str:
    """Text that tells a request from all others, for the keys of what a page draws about it.

    Questions of different kinds about one setting have the same hash: a dataclass hashes its fields, not its class.
    """
    return f"{type(request).__name__}-{hash(request):x}"


class Parts(Protocol):
    """Work that is done part by part; any thread may read the attributes.

    Attributes
    ----------
    shown : Snapshot
        How the whole goes.
    left : int
        How many requests it still stands for.
    error : AskError or str, optional
        Why some of it failed, in one.
    """

    @property
    def shown(self) -> Snapshot: ...  # noqa: D102
    @property
    def left(self) -> int: ...  # noqa: D102
    @property
    def error(self) -> AskError | str | None: ...  # noqa: D102

    def next(self, report: Callable[[Snapshot], None]) -> bool:
        """Do the next part; returns whether any is left. The report may raise `core.progress.Cancelled`."""
        ...

    def close(self) -> None:
        """Let go of what only further parts need."""
        ...


@runtime_checkable
class PartwiseRequest(Protocol):
    """A request that is done part by part, in the background; between two parts others have their turn.

    Attributes
    ----------
    size : int
        How many requests it stands for.
    """

    @property
    def size(self) -> int: ...  # noqa: D102

    def begin(self, backend: Backend) -> Parts:
        """Make its parts; the work itself is done by the backend."""
        ...


@dataclass(eq=False)
class Job:
    """One request being computed.

    Attributes
    ----------
    request : Request
        What is asked: an experiment, or another question.
    state : str
        ``waiting``, ``running``, ``done``, ``failed`` or ``stopped``.
    progress : Progress, optional
        Once it runs; of a paused job, as it was.
    seen : dict of str to float
        When each visitor that wants it last looked.
    error : AskError or str, optional
        Why it failed: a refusal, or something unexpected in one line.
    for_all : bool
        Whether it was told to stop although somebody waits for it.
    stage : str
        What it was doing when it last reported.
    background : bool
        Gives way to whatever else is waiting, and is not withdrawn by its visitor's next request.
    title : str
        What it is, for a list of jobs.
    seconds : float
        What is left of it, estimated when it was asked for, and again when it is paused.
    tag : float
        Decides its place among those that wait (see `dashboard.work.order`).
    turn, turn_began : float
        Seconds that it runs at least before it is paused for a shorter one, and when it was last begun.
    interrupted : bool
        Whether it was told to stop or to pause since it was last begun.
    losses : int
        How often what computed it was lost, other than by not stopping in time.
    asked : int
        How many requests it stood for when it was asked for.
    parts : Parts, optional
        Of a request that is done in parts, once it has begun.
    """

    request: Request
    state: str = "waiting"
    progress: Progress | None = None
    error: AskError | str | None = None
    seen: dict[str, float] = field(default_factory=dict)
    stop: bool = False
    for_all: bool = False
    stage: str = ""
    background: bool = False
    title: str = ""
    seconds: float = 0.0
    tag: float = 0.0
    turn: float = TURN
    turn_began: float = 0.0
    interrupted: bool = False
    losses: int = 0
    asked: int = 1
    parts: Parts | None = None

    @property
    def size(self) -> int:
        """How many requests it counts for where their number is limited."""
        return self.asked if self.parts is None else max(self.parts.left, 1)

    @property
    def snapshot(self) -> Snapshot:
        """Where the work stands at this moment."""
        if self.parts is not None:
            return self.parts.shown
        return self.progress.snapshot() if self.progress else Snapshot("waiting", 0.0, 0.0, 0.0)

    @property
    def active(self) -> bool:
        """Whether it is yet to finish."""
        return self.state in ("waiting", "running")

    @property
    def paused(self) -> bool:
        """Whether it waits though it has begun; what it finished is kept."""
        return self.state == "waiting" and self.progress is not None

    @property
    def watched(self) -> bool:
        """Whether somebody who wants it has looked at it lately."""
        now = time.monotonic()
        return any(now - moment <= _AWAY_AFTER for moment in self.seen.values())

    def yields(self) -> bool:
        """Whether it gives way: background work, or one that nobody has looked at for a while."""
        return self.background or not self.watched


@dataclass(frozen=True)
class Health:
    """How the worker does.

    Attributes
    ----------
    alive : bool
        Whether it takes jobs; where it does not, the next request starts another.
    ended, failed : int
        Jobs since the process started, and how many of these failed.
    restarts : int
        How often another worker had to be started.
    """

    alive: bool
    ended: int
    failed: int
    restarts: int
