"""Cells of a grid as background work: one job, done a task at a time, which gives way to visitors who wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core import access
from core.analyses.grid import GridAnalysis
from core.errors import AskError
from core.experiment.settings import Experiment
from core.pipeline.backend import Backend
from core.pipeline.engine import Engine
from core.stats.units import counted
from core.sweep import graph
from core.sweep.on_backend import CellTasks
from dashboard.work.job import Job
from dashboard.work.questions import CellQuestion, TextCellQuestion
from dashboard.work.queue import Jobs

_KEEP = "embeddings"  # as a page that opens a cell leaves them

Kind = type[CellQuestion] | type[TextCellQuestion]


@dataclass(frozen=True)
class CellsRequest:
    """The request to measure cells: what they share is done once, in the order of the graph of a sweep's tasks.

    Attributes
    ----------
    cells : tuple of Experiment
    asked : GridAnalysis
        What is asked of each.
    """

    cells: tuple[Experiment, ...]
    asked: GridAnalysis

    @property
    def size(self) -> int:
        """How many cells it is."""
        return len(self.cells)

    def begin(self, backend: Backend) -> CellTasks:
        """Make its tasks, each of which is a request to the backend."""
        return CellTasks(backend, self.cells, self.asked, _KEEP)


@dataclass(frozen=True)
class CellStates:
    """How cells stand in the queue.

    Attributes
    ----------
    active, failed : list of Job
        That are to measure some of them; that have ended without having measured some of them.
    states : dict of Experiment to str
        ``waiting``, ``running`` or ``failed``; others are measured, or nobody asked for them.
    failures : dict of Experiment to AskError or str
        Why cells failed.
    """

    active: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    states: dict[Experiment, str] = field(default_factory=dict)
    failures: dict[Experiment, AskError | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """What missing cells cost."""

    made: graph.Graph
    load: float

    def seconds(self, cells: Sequence[Experiment]) -> float:
        """Seconds that some of the cells take together, with what they share."""
        tasks = self.made.needed(cells)
        return sum(task.seconds for task in tasks) + (self.load if any(task.tokens for task in tasks) else 0.0)


def fill(jobs: Jobs, visitor: str, experiments: Sequence[Experiment], kind: Kind = CellQuestion) -> None:
    """Ask for cells, in this order. A read-only server computes none.

    Raises
    ------
    BusyError
        As `Jobs.submit`.
    """
    if access.reads_only() or not experiments:
        return
    title = f"{counted(len(experiments), 'setting')} of What if ({experiments[0].target})"
    jobs.submit(visitor, CellsRequest(tuple(experiments), _asked(kind)), background=True, title=title)


def stop(jobs: Jobs, active: Sequence[Job], visitor: str | None = None) -> None:
    """Stop jobs of `fill`; the cells that are measured stay.

    Parameters
    ----------
    visitor : str, optional
        Withdraw this visitor alone: what somebody else asked for too goes on.
    """
    for job in active:
        if visitor is None:
            jobs.stop(job.request)
        else:
            jobs.withdraw(visitor, job.request)


def standing(jobs: Jobs, experiments: Sequence[Experiment], kind: Kind = CellQuestion) -> CellStates:
    """How cells stand in the queue, whoever asked for them."""
    wanted, found = set(experiments), CellStates()
    for job in jobs.all():  # those that have ended first: who asks anew waits anew
        if not isinstance(job.request, CellsRequest) or job.request.asked != _asked(kind):
            continue
        cells = [cell for cell in job.request.cells if cell in wanted]
        failures = _failures(job)
        if cells and job.active:
            found.active.append(job)
        elif not failures.keys().isdisjoint(wanted):
            found.failed.append(job)
        for cell in cells:
            found.states.pop(cell, None)
            found.failures.pop(cell, None)
            if cell in failures:
                found.states[cell], found.failures[cell] = "failed", failures[cell]
            elif job.active:
                found.states[cell] = "running" if cell == _at(job) else "waiting"
    return found


def cost(engine: Engine, experiments: Sequence[Experiment], kind: Kind = CellQuestion) -> Cost:
    """What missing cells cost, by the graph of their tasks; those that cannot be measured cost nothing."""
    made = graph.build(engine, experiments, _KEEP, _asked(kind))
    load = engine.estimate(next(iter(made.cells)))["load"] if made.cells else 0.0
    return Cost(made, load)


def _asked(kind: Kind) -> GridAnalysis:
    return GridAnalysis(text=kind is TextCellQuestion)


def _failures(job: Job) -> Mapping[Experiment, AskError | str]:
    """Why cells of a job failed; of one that could not go on, all that are not measured."""
    failures = job.parts.failures if isinstance(job.parts, CellTasks) else {}
    if job.state == "failed" and not failures and isinstance(job.request, CellsRequest):
        return dict.fromkeys(job.request.cells, job.error or "")
    return failures


def _at(job: Job) -> Experiment | None:
    """The cell that a job is at, or is the first to need what is being done."""
    task = job.parts.now if isinstance(job.parts, CellTasks) and job.state == "running" else None
    return task.experiment if task else None
