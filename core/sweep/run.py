"""A sweep from its settings to its table."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import AskError, ComputeError
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress, Snapshot
from core.store.files import digest
from core.store.stage import NotCached
from core.sweep import cells, local, status
from core.sweep.graph import Graph, build
from core.sweep.local import Listener
from core.sweep.schedule import Schedule
from core.sweep.stop import Stop
from core.sweep.tally import NotedTally

log = logging.getLogger(__name__)

TABLE = "cells.parquet"
_WRITTEN_EVERY = 30.0  # seconds between two writings of the table while cells come in
_WRITING_SHARE = 20.0  # times as long as the last writing took: it takes a twentieth of the time at most
_SHOWN = 5  # reasons in a message

Runner = Callable[[Engine, Schedule, Listener], None]
"""Does the tasks of a schedule: `core.sweep.local.run`, or a cluster's."""


@dataclass(frozen=True)
class Outcome:
    """What came of a sweep.

    Attributes
    ----------
    table : Path
    measured, failed : int
        Cells.
    failures : mapping of Experiment to str
    """

    table: Path
    measured: int
    failures: dict[Experiment, str]


def table_name(shard: tuple[int, int] | None = None) -> str:
    """The name of the table: of one machine's part, its number too.

    >>> table_name(), table_name((2, 8))
    ('cells.parquet', 'cells-2-of-8.parquet')
    """
    return TABLE if shard is None else f"cells-{shard[0]}-of-{shard[1]}.parquet"


def sweep(
    engine: Engine,
    settings: Sequence[Experiment],
    keep: str,
    table: Path,
    *,
    title: str = "",
    runner: Runner = local.run,
    where: str = "this process",
    report: Callable[[Snapshot], None] = lambda _: None,
    graph: Graph | None = None,
    seconds: float | None = None,
) -> Outcome:
    """Measure all cells and write their table; what the store has is not computed again.

    The table is written every half minute (more seldom where that takes seconds), at the end, and also where the sweep
    is stopped: by ``report``, by Ctrl-C, or by whoever sees in the cache that it runs (`core.sweep.status.stop`). A
    table there of more cells than are known now becomes ``cells.earlier.parquet``. Cells that fail are listed in
    ``failed.json`` beside it.

    Parameters
    ----------
    settings : sequence of Experiment
    keep : str
        A name in `core.sweep.keep.KEEP`.
    table : Path
        Its folder must exist.
    title, where : str
        What it is and what computes, for the page of jobs.
    runner : callable
        Does the tasks.
    report : callable
        Called with a `core.progress.Snapshot` of the whole; may raise `core.progress.Cancelled`.
    graph : Graph, optional
        The tasks, where they are made already.
    seconds : float, optional
        That it is expected to take; as long as all tasks one after the other unless given.

    Returns
    -------
    Outcome
        With the cells that failed and why; the others are measured.

    Raises
    ------
    Cancelled
        Where ``report`` raised it, or the sweep was told to stop.
    """
    graph = build(engine, settings, keep) if graph is None else graph
    schedule = Schedule(graph.tasks)
    root, run = engine.store.root, secrets.token_hex(8)
    stop = Stop(status.stop_file(root, run))

    def told(snapshot: Snapshot) -> None:
        stop.check()
        report(snapshot)

    alone = sum(task.seconds for task in graph.tasks)
    tally = NotedTally(
        graph,
        schedule,
        told,
        pace=1.0 if seconds is None or not alone else seconds / alone,
        root=root,
        name=digest({"cells": [cell.to_dict() for cell in settings]})[:16],
        title=title,
        folder=str(table.parent.absolute()),
        engine=where,
        run=run,
    )
    _set_aside(table, len(tally.measured))
    writer = _TableWriter(table, settings, tally)
    tally.on_cell = writer.write_if_due
    state = status.STOPPED
    try:
        with stop.watched():
            runner(engine, schedule, tally)
            if keep != "embeddings":
                _drop_passing(engine, settings, graph, keep, stop)
        state = status.DONE
    finally:
        writer.write()
        cells.write_failed(failed_beside(table), tally.failures)
        tally.end(state)
    return Outcome(table, len(tally.measured), tally.failures)


class _TableWriter:
    """Writes the table of the cells that are measured so far, in the order of their settings."""

    def __init__(self, table: Path, settings: Sequence[Experiment], tally: NotedTally) -> None:
        self._table, self._settings, self._measured = table, settings, tally.measured
        self._written, self._took = time.monotonic(), 0.0  # when, and how many seconds the last time

    def write(self) -> None:
        """Write it now."""
        begun = time.monotonic()
        cells.write(self._table, [(cell, self._measured[cell]) for cell in self._settings if cell in self._measured])
        self._written = time.monotonic()
        self._took = self._written - begun

    def write_if_due(self) -> None:
        """Write it unless it was written lately: a large table takes seconds."""
        if time.monotonic() - self._written > max(_WRITTEN_EVERY, _WRITING_SHARE * self._took):
            self.write()


def failed_beside(table: Path) -> Path:
    """The list of cells that failed, beside a table.

    >>> failed_beside(Path("cells-2-of-8.parquet")).name
    'failed-2-of-8.json'
    """
    return table.with_name(f"failed{table.stem.removeprefix('cells')}.json")


def _set_aside(table: Path, known: int) -> None:
    """Keep the table of an earlier sweep that has more than this one begins with: other settings, or another cache."""
    earlier = table.with_suffix(f".earlier{table.suffix}")
    if (before := cells.count(table)) > known and before >= cells.count(earlier):
        table.replace(earlier)
        log.warning("%s has %d cells, of which %d are known here: it is kept as %s", table, before, known, earlier.name)


def _drop_passing(engine: Engine, settings: Sequence[Experiment], graph: Graph, keep: str, stop: Stop) -> None:
    """Drop the spaces that were embedded for the sweep: every cell has its measures now.

    A cell drops its own space once it is measured; one that was known may have been cut off before that.
    """
    seen = set()
    for experiment in settings:
        stop.check()
        with suppress(AskError, NotCached):
            run = Run(engine.plan(experiment), engine.models, Progress(), only_cached=True)
            key = digest({"space": run.stages.space_spec(None)})
            if key not in seen:
                seen.add(key)
                run.stages.drop_passing(None, keep_layer=keep == "layer")
            if experiment in graph.known and experiment.strength:
                run.stages.drop_passing(run.intervention(), keep_layer=keep == "layer")


def check(outcome: Outcome) -> None:
    """Raise `ComputeError` if cells failed: all others are in the table."""
    if not outcome.failures:
        return
    by_reason: dict[str, list[Experiment]] = {}
    for cell, why in outcome.failures.items():
        by_reason.setdefault(why, []).append(cell)
    reasons = [f"{_named(of)}: {why}" for why, of in by_reason.items()]
    more = f"; and {len(reasons) - _SHOWN:,} more reasons" if len(reasons) > _SHOWN else ""
    raise ComputeError(
        f"measure {len(outcome.failures):,} of {len(outcome.failures) + outcome.measured:,} cells",
        "; ".join(reasons[:_SHOWN]) + more,
        f"The others are in {outcome.table}, and all that failed in {failed_beside(outcome.table).name} beside it. Put "
        "right what is named and give the same command again: it computes what is missing.",
    )


def _named(of: Sequence[Experiment]) -> str:
    """Cells in words: the first, and how many more."""
    try:
        first = in_words(of[0])
    except (AskError, LookupError):  # of a setting that there is not
        first = f"{of[0].target} ({of[0].model})"
    return first if len(of) == 1 else f"{first}, and {len(of) - 1:,} more"
