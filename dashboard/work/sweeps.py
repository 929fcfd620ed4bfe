"""Cells of a grid as background work: one job a cell, which gives way to visitors who wait."""

from __future__ import annotations

from collections.abc import Sequence

from core import access
from core.experiment.settings import Experiment
from dashboard.work.job import Job
from dashboard.work.questions import Cell, TextCell
from dashboard.work.queue import Jobs

Kind = type[Cell] | type[TextCell]


def fill(jobs: Jobs, visitor: str, experiments: Sequence[Experiment], kind: Kind = Cell) -> None:
    """Ask for cells, in this order; those asked for already stay where they are. A read-only server computes none."""
    if access.reads_only():
        return
    for experiment in experiments:
        title = f"{experiment.experts:,} neurons at strength {experiment.strength:g} ({experiment.target})"
        jobs.submit(visitor, kind(experiment), background=True, title=title)


def stop(jobs: Jobs, experiments: Sequence[Experiment], kind: Kind = Cell, visitor: str | None = None) -> None:
    """Stop all cells that are not finished; those that are stay.

    Parameters
    ----------
    visitor : str, optional
        Withdraw this visitor alone: what somebody else asked for too goes on.
    """
    for experiment in experiments:
        if visitor is None:
            jobs.stop(kind(experiment))
        else:
            jobs.withdraw(visitor, kind(experiment))


def states(jobs: Jobs, experiments: Sequence[Experiment], kind: Kind = Cell) -> dict[Experiment, Job]:
    """The jobs of cells, where there are any."""
    jobs_by_experiment = {experiment: jobs.find(kind(experiment)) for experiment in experiments}
    return {experiment: job for experiment, job in jobs_by_experiment.items() if job is not None}
