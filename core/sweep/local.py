"""Does the tasks of a sweep in this process, one after the other; what another process is doing comes later."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import Any, Protocol

from core.errors import AskError, in_one_line, is_fault
from core.pipeline.engine import Engine
from core.progress import Cancelled, Progress, Snapshot
from core.sweep.schedule import Schedule
from core.sweep.tasks import Task

_AGAIN = 0.2  # seconds between two looks at whether another process has finished

NOTHING_FREE = Snapshot("waiting for another process", 0.0, 0.0, 0.0)


class Listener(Protocol):
    """Is told how the tasks go; may raise `core.progress.Cancelled`, which stops the sweep."""

    def progressed(self, task: Task | None, snapshot: Snapshot) -> None:
        """A task reports; None while nothing can begin."""
        ...

    def done(self, task: Task, answer: Any) -> None:
        """A task is done."""
        ...

    def failed(self, tasks: list[Task], why: str) -> None:
        """A task failed, and with it those that need it."""
        ...


def run(engine: Engine, schedule: Schedule, listener: Listener) -> None:
    """Do all tasks; a failed one is reported, and the rest goes on.

    A task that another process holds the lock of is put off while there is other work: nobody waits at a lock.

    Raises
    ------
    Cancelled
        Where the listener raised it.
    """
    model: str | None = None
    while not schedule.ended:
        with ExitStack() as held:
            task = take_free(engine, schedule, model, held)
            if task is None:
                rest(listener)
                continue
            model = task.experiment.model
            _do(engine, schedule, task, listener)


def rest(listener: Listener) -> None:
    """Wait a moment where all that is left is what others are at."""
    listener.progressed(None, NOTHING_FREE)
    time.sleep(_AGAIN)


def take_free(
    engine: Engine, schedule: Schedule, model: str | None, held: ExitStack, without: Collection[str] = ()
) -> Task | None:
    """Take the next task that nobody else is at; its lock is held until ``held`` ends.

    Parameters
    ----------
    without : collection of str
        Keys of tasks that are not to be taken.
    """
    others = set(without)
    while (task := schedule.take(model, others)) is not None:
        try:
            lock = task.lock(engine)
            free = lock is None or held.enter_context(engine.store.lock(*lock, wait=False))
        except AskError:  # it is said when the task is done
            free = True
        if free:
            return task
        others.add(task.key)
        schedule.put_back(task)
    return None


def _do(engine: Engine, schedule: Schedule, task: Task, listener: Listener) -> None:
    report: Callable[[Snapshot], None] = lambda snapshot: listener.progressed(task, snapshot)  # noqa: E731
    try:
        answer = task.run(engine, Progress(report))
    except AskError as error:
        listener.failed(schedule.fail(task, str(error)), str(error))
    except Cancelled:
        raise
    except BaseException as error:
        if not is_fault(error):
            raise
        listener.failed(schedule.fail(task, in_one_line(error)), in_one_line(error))
    else:
        schedule.finish(task)
        listener.done(task, answer)
