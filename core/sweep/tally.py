"""Counts what is done of some cells: for whoever watches, for the file of a sweep's status, and for the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.experiment.settings import Experiment
from core.progress import Snapshot
from core.sweep import status
from core.sweep.graph import Graph
from core.sweep.schedule import Schedule
from core.sweep.status import Status
from core.sweep.tasks import CELL, KINDS, Task

_EVERY = 1.0  # seconds between two writings of the status


@dataclass
class Tally:
    """Listens to the tasks of some cells.

    Attributes
    ----------
    report : callable
        Called with a `core.progress.Snapshot` of the whole; may raise `core.progress.Cancelled`.
    measured : dict of Experiment to object
        The answers of the cells that are measured, those that were known before among them.
    failures : dict of Experiment to str
        The cells that failed or were refused, and why.
    on_cell : callable
        Called after every cell.
    pace : float
        Seconds that an expected second takes, until it has shown: many workers take less.
    """

    graph: Graph
    schedule: Schedule
    report: Callable[[Snapshot], None] = lambda _: None
    on_cell: Callable[[], None] = lambda: None
    measured: dict[Experiment, Any] = field(default_factory=dict)
    failures: dict[Experiment, str] = field(default_factory=dict)
    pace: float = 1.0
    _began: float | None = field(default_factory=time.monotonic)  # None while it rests
    _worked: float = 0.0  # seconds before that
    _fractions: dict[str, float] = field(default_factory=dict)  # of tasks that run
    _spent: float = 0.0  # expected seconds of the tasks that ended
    _shown: float = 0.0

    def __post_init__(self) -> None:
        self.measured.update(self.graph.known)
        self.failures.update({experiment: str(error) for experiment, error in self.graph.refused.items()})
        self._all = sum(task.seconds for task in self.graph.tasks)

    @property
    def cells(self) -> int:
        """All cells that were asked for."""
        return len(self.graph.known) + len(self.graph.cells) + len(self.graph.refused)

    def progressed(self, task: Task | None, snapshot: Snapshot) -> None:
        """A task reports; None while nothing can begin."""
        if task is not None:
            self._fractions[task.key] = snapshot.fraction
        self._say(snapshot.stage if task is None else _now(task, snapshot.stage))

    def done(self, task: Task, answer: Any) -> None:
        """A task is done."""
        self._close(task)
        if task.kind == CELL:
            self.measured[task.experiment] = answer
            self.on_cell()
        self._say(_now(task))

    def failed(self, tasks: list[Task], why: str) -> None:
        """A task failed, and with it those that need it."""
        for task in tasks:
            self._close(task)
            if task.kind == CELL:
                self.failures[task.experiment] = why
        self._say(_now(tasks[0]))

    def put_back(self, task: Task) -> None:
        """A task was stopped, and waits again."""
        self._fractions.pop(task.key, None)

    def rest(self) -> None:
        """Let the clock stand while nothing is done, until `go_on`."""
        self._worked, self._began = self._elapsed(), None

    def go_on(self) -> None:
        """Let the clock go."""
        self._worked, self._began = self._elapsed(), time.monotonic()

    def snapshot(self, now: str) -> Snapshot:
        """Where the work stands; the time left is what is left to do, at the pace so far."""
        running = [self.schedule.tasks[key].seconds * part for key, part in self._fractions.items()]
        spent, elapsed = self._spent + sum(running), self._elapsed()
        self._shown = max(self._shown, spent / self._all if self._all else 1.0)
        pace = elapsed / spent if spent > 0.02 * self._all else self.pace
        counted = f"{len(self.measured):,} of {self.cells:,} cells"
        failed = f", {len(self.failures):,} failed" if self.failures else ""
        return Snapshot(
            f"{counted}{failed}{f'; {now}' if now else ''}", self._shown, elapsed, max(self._all - spent, 0.0) * pace
        )

    def _elapsed(self) -> float:
        return self._worked + (0.0 if self._began is None else time.monotonic() - self._began)

    def _close(self, task: Task) -> None:
        self._fractions.pop(task.key, None)
        self._spent += task.seconds

    def _say(self, now: str) -> None:
        snapshot = self.snapshot(now)
        self._note(now, snapshot)
        self.report(snapshot)

    def _note(self, now: str, snapshot: Snapshot) -> None:
        """Write down where the work stands, where that is to be found elsewhere."""


@dataclass(kw_only=True)
class NotedTally(Tally):
    """Writes into a cache how a sweep goes: see `core.sweep.status`."""

    root: Path
    name: str
    title: str
    folder: str
    engine: str
    run: str
    _noted: float = 0.0

    def end(self, state: str) -> None:
        """Note how the sweep ended."""
        status.write(self.root, self.name, self._status("", self.snapshot(""), state))

    def _note(self, now: str, snapshot: Snapshot) -> None:
        if time.monotonic() - self._noted > _EVERY:
            self._noted = time.monotonic()
            status.write(self.root, self.name, self._status(now, snapshot))

    def _status(self, now: str, snapshot: Snapshot, state: str = status.RUNNING) -> Status:
        return Status(
            self.title,
            self.folder,
            self.engine,
            self.cells,
            len(self.measured),
            len(self.failures),
            snapshot.fraction,
            snapshot.remaining if state == status.RUNNING else 0.0,
            now,
            state,
            run=self.run,
            elapsed=time.monotonic() - self.graph.begun,
        )


def _now(task: Task, stage: str = "") -> str:
    """What is being done, in a few words."""
    experiment = task.experiment
    of = task.language or ("the unmodified model" if task.kind != CELL and not task.modified else experiment.target)
    return f"{stage or KINDS[task.kind].title} ({of})"
