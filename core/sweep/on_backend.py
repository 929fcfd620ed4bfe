"""Does the tasks of some cells over any backend, one at a time: whoever asks says when the next may begin."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from core.errors import AskError, ComputeError, in_one_line, is_fault
from core.experiment.settings import Experiment
from core.pipeline.backend import Backend
from core.progress import Cancelled, Progress, Snapshot
from core.sweep import local
from core.sweep.cells import ALL_MEASURES, CellAnalysis
from core.sweep.graph import Graph, build
from core.sweep.schedule import Schedule
from core.sweep.tally import Tally
from core.sweep.tasks import CELL, Task

_log = logging.getLogger(__name__)
_MOST_LOSSES = 2  # of the process that computes during one task, before the task has failed


class CellTasks:
    """The tasks of some cells, in the order of their schedule; what is known is not among them.

    Parameters
    ----------
    backend : Backend
        Does the tasks; answers are in its store.
    cells : sequence of Experiment
    asked : CellAnalysis
        What is asked of every cell.
    keep : str
        A name in `core.sweep.keep.KEEP`.

    Attributes
    ----------
    failures : mapping of Experiment to AskError or str
        Cells that failed or were refused, and why. It is replaced and never changed, so any thread may read it.
    shown : Snapshot
        How the whole went when it last reported.
    now : Task, optional
        What is being done, or was last.
    left : int
        Cells that are yet to be measured.
    """

    def __init__(
        self,
        backend: Backend,
        cells: Sequence[Experiment],
        asked: CellAnalysis = ALL_MEASURES,
        keep: str = "embeddings",
    ) -> None:
        self._backend, self._cells = backend, len(cells)
        made = build(backend.engine, cells, keep, asked)
        self._schedule = Schedule(made.tasks)
        self._tally = Tally(made, self._schedule)
        self._tally.rest()
        self._losses: Counter[str] = Counter()
        self._told_to_stop = False
        self.failures: Mapping[Experiment, AskError | str] = dict(made.refused)
        self.shown = self._tally.snapshot("")
        self.now: Task | None = None
        self.left = len(made.cells)

    @property
    def error(self) -> AskError | str | None:
        """Why cells failed, in one: how many, and the first reason. None where none has."""
        if not self.failures:
            return None
        these, why = f"{len(self.failures):,} of {self._cells:,} cells", next(iter(self.failures.values()))
        if isinstance(why, AskError):
            return ComputeError(f"measure {these}", f"{why.what}: {why.why}", f"{why.instead} The others are kept.")
        return f"{these} failed: {why}"

    def close(self) -> None:
        """Drop the tasks, so that nothing is left to do; what came of the cells stays."""
        self._schedule = Schedule(())
        self._tally = Tally(Graph((), {}, {}, {}), self._schedule)

    def next(self, report: Callable[[Snapshot], None] = lambda _: None) -> bool:
        """Do the next task that no other process is at; one that fails is noted, with what needs it.

        Where another process is at all that could begin, it waits for a moment.

        Parameters
        ----------
        report : callable
            Called with a `core.progress.Snapshot` of the whole; may raise `core.progress.Cancelled`.

        Returns
        -------
        bool
            Whether anything is left to do.

        Raises
        ------
        Cancelled
            Where the report raised it; the task waits again, and what it finished is kept.
        """

        def show(snapshot: Snapshot) -> None:
            self.shown = snapshot
            try:
                report(snapshot)
            except Cancelled:
                self._told_to_stop = True
                raise

        self._tally.report, self._told_to_stop = show, False
        self._tally.go_on()
        try:
            if not self._schedule.ended:
                self._next()
        finally:
            self._tally.rest()
        return not self._schedule.ended

    def _next(self) -> None:
        with ExitStack() as held:
            model = self.now.experiment.model if self.now else None
            task = local.take_free(self._backend.engine, self._schedule, model, held)
        # The lock is let go of: whatever does the task takes it, and that may be another process.
        if task is None:
            local.rest(self._tally)
        else:
            self._do(task)

    def _do(self, task: Task) -> None:
        self.now = task
        try:
            answer = self._backend.run(task, Progress(lambda snapshot: self._tally.progressed(task, snapshot)))
        except ComputeError as error:
            self._lost(task, error)
        except AskError as error:
            self._fail(task, error)
        except Cancelled:
            self._put_back(task)
            raise
        except BaseException as error:
            if not is_fault(error):
                raise
            _log.exception("a task failed")
            self._fail(task, in_one_line(error))
        else:
            self._schedule.finish(task)
            self.left -= task.kind == CELL
            self._tally.done(task, answer)

    def _lost(self, task: Task, error: ComputeError) -> None:
        """What computes was lost: maybe by this task, maybe by chance, maybe since it did not stop when it was told."""
        self._losses[task.key] += not self._told_to_stop
        if self._losses[task.key] == _MOST_LOSSES:
            self._fail(task, error)
            return
        self._put_back(task)
        if self._told_to_stop:
            raise Cancelled from error

    def _put_back(self, task: Task) -> None:
        self._schedule.put_back(task)
        self._tally.put_back(task)

    def _fail(self, task: Task, why: AskError | str) -> None:
        tasks = self._schedule.fail(task, str(why))
        cells = [each.experiment for each in tasks if each.kind == CELL]
        self.failures = {**self.failures, **dict.fromkeys(cells, why)}
        self.left -= len(cells)
        self._tally.failed(tasks, str(why))
