"""What a sweep will cost, before it runs: tokens, passes, bytes, and seconds by stage and by number of workers."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from core.sweep.schedule import Schedule
from core.sweep.tasks import KINDS, SPACE, Task

WRITING = 250e6
"""Bytes a second that a cache takes (204 to 289 MB/s were measured on a local disk)."""


@dataclass(frozen=True)
class Row:
    """What all tasks of one kind cost.

    Attributes
    ----------
    kind : str
        A name in `core.sweep.tasks.KINDS`, or ``writing``, which is part of all of them.
    tasks, sentences, nbytes : int
        Sentences are those that pass through the model.
    tokens, seconds : float
    """

    kind: str
    tasks: int
    sentences: int
    tokens: float
    nbytes: int
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a sweep will cost.

    Attributes
    ----------
    rows : tuple of Row
        By kind, and last the writing.
    workers : int
    seconds : float
        Wall time with so many workers.
    most_bytes, held_bytes : int
        On the disk at once, and after the sweep, beyond what the cache has now.
    """

    rows: tuple[Row, ...]
    workers: int
    seconds: float
    most_bytes: int
    held_bytes: int

    @property
    def bottleneck(self) -> str:
        """The kind that takes most of the time."""
        return max(self.rows, key=lambda row: row.seconds).kind


def forecast(tasks: Sequence[Task], workers: int = 1) -> Forecast:
    """Add up the tasks, and let so many workers do them."""
    rows = []
    for kind in KINDS:
        of_kind = [task for task in tasks if task.kind == kind]
        sums = (sum(getattr(task, name) for task in of_kind) for name in ("sentences", "tokens", "nbytes", "seconds"))
        rows.append(Row(kind, len(of_kind), *sums))
    written = sum(row.nbytes for row in rows)
    rows.append(Row("writing", 0, 0, 0.0, written, written / WRITING))
    most, held = _disk(tasks, workers)
    return Forecast(tuple(rows), workers, simulate(tasks, workers), most, held)


def simulate(tasks: Sequence[Task], workers: int) -> float:
    """Seconds until workers that follow the schedule have done all tasks, each as long as it is expected to take."""
    schedule = Schedule(tasks)
    idle: list[tuple[int, str | None]] = [(number, None) for number in range(workers)]
    busy: list[tuple[float, int, Task]] = []
    now = 0.0
    while not schedule.ended:
        still = []
        for number, model in idle:
            task = schedule.take(model)
            if task is None:
                still.append((number, model))
            else:
                heapq.heappush(busy, (now + task.seconds + task.nbytes / WRITING, number, task))
        now, number, task = heapq.heappop(busy)
        schedule.finish(task)
        idle = [*still, (number, task.experiment.model)]
    return now


def _disk(tasks: Sequence[Task], workers: int) -> tuple[int, int]:
    """Most bytes at once, and bytes after: embeddings pass where they are not kept."""
    kept = sum(task.kept for task in tasks)
    passing = [task for task in tasks if task.kind == SPACE]
    # Those before stay until the end; of those after, as many as there are workers, and one that is being measured.
    pre = sum(task.nbytes - task.kept for task in passing if not task.modified)
    post = sorted((task.nbytes - task.kept for task in passing if task.modified), reverse=True)
    return kept + pre + sum(post[: workers + 1]), kept
