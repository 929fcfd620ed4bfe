"""The work of the command ``reproduce``: one item after the other; the report is written again after each."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import output
from core.cluster.connection import connected
from core.cluster.device import on_workers
from core.errors import AskError, SettingError
from core.experiment.plan import Plan
from core.models import hub
from core.pipeline.engine import Engine
from core.progress import FROM_MANY, Terminal, duration
from core.reproduction.items import ITEMS
from core.reproduction.kept import kept
from core.reproduction.reader import summary
from core.reproduction.report import Report
from core.reproduction.settings import Settings, bound
from core.reproduction.steps import Step, StepRunner
from core.reproduction.study import Study
from core.store.opening import open_store
from core.sweep import graph
from core.sweep import run as sweep
from core.sweep.forecast import forecast
from core.sweep.on_cluster import workers

_NOT_ASKED = "Not asked for (--items)."


def reproduce(
    requested: Settings,
    folder: Path,
    cache: Path,
    address: str | None = None,
    *,
    gpus: int = 0,
    keep: Sequence[str] = (),
    items: Sequence[str] = (),
) -> None:
    """Run a reproduction and write its report into a folder; see `Report` for what is written when.

    Parameters
    ----------
    address : str, optional
        Of a cluster that first does what the items have in common, as `core.cluster.connection.chosen` gives it.
    gpus : int
        Of each of the cluster's workers, over which it spreads a model; 0 for the processor.
    keep : sequence of str
        Items that the folder holds and that are not measured again; see `core.reproduction.kept.kept`.
    items : sequence of str
        Items that are measured; all unless given.

    Raises
    ------
    AskError
        If it is impossible, or the folder cannot be written to or holds the report of another reproduction.
    """
    try:
        with hub.holding():
            _reproduce(requested, folder, cache, address, gpus, keep, items)
    except OSError as error:  # a full disk, above all: every file is written whole or not at all
        raise SettingError(
            f"go on with the report in {folder}",
            str(error),
            "Make room on the disk, or put right what it names; the same command then goes on where it was.",
        ) from error


def _reproduce(
    requested: Settings,
    folder: Path,
    cache: Path,
    address: str | None,
    gpus: int,
    keep: Sequence[str],
    items: Sequence[str],
) -> None:
    _check_items(items)
    if address is not None:
        requested = on_workers(requested, gpus)
    settings, plan = bound(requested)
    _check_folder(folder, settings, plan)
    found = kept(folder, keep, settings, items)
    study = Study(Engine(open_store(cache)), settings, plan)
    if address is not None:
        _on_cluster(study, address, gpus, folder)
    report = Report(folder, study)
    runner = _step_runner(study, report, found, items)
    if found:
        report.keep(found)
    for item in ITEMS:
        if item.name in found or item.name in report.left_out:
            continue
        try:
            for step in [step for step in runner.steps if step.item == item.name]:
                runner.run(step)
                report.spent(runner)
            runner.timed(f"{item.name}: tables and figures", partial(report.add, item))
        except AskError as error:  # the others can still be measured
            print(f"{item.name}: {error}", file=sys.stderr)
            report.fail(item, str(error))
    report.finish()
    print(_summary(report, runner))


def _on_cluster(study: Study, address: str, gpus: int, folder: Path) -> None:
    """Have a cluster do the tasks of all targets, with the experts and with random neurons; the steps find it done."""
    cells = study.experiments("none", "random")
    made = graph.build(study.engine, cells, "embeddings")
    if not made.tasks:
        return
    with ExitStack() as held:
        cluster = held.enter_context(connected(address))
        places = cluster.places(gpus)
        runner = held.enter_context(workers(cluster, study.engine.store.root, places))
        table, title = folder / sweep.TABLE, "What a reproduction's items have in common"
        where, report = cluster.about(), Terminal(FROM_MANY)
        outcome = sweep.sweep(
            study.engine,
            cells,
            "embeddings",
            table,
            title=title,
            runner=runner,
            where=where,
            report=report,
            graph=made,
            seconds=forecast(made.tasks, len(places)).seconds,
        )
    for cell, why in outcome.failures.items():  # the step that needs it tries again, and says what it is
        print(f"{cell.target}: {why}", file=sys.stderr)


def _step_runner(study: Study, report: Report, without: Collection[str], items: Collection[str]) -> StepRunner:
    steps: list[Step] = []
    for item in ITEMS:
        if item.name in without:
            continue
        if why := _NOT_ASKED if items and item.name not in items else item.why_not(study):
            report.leave_out(item, why)
        else:
            steps += item.steps(study)
    runner = StepRunner(steps, report.earlier("seconds_by_step"), report.earlier("seconds_by_stage"))
    if runner.seconds_left() >= 1:
        print(f"{len(steps)} steps, about {duration(runner.seconds_left())}", file=sys.stderr)
    return runner


def _check_items(items: Sequence[str]) -> None:
    """Refuse what is no item, before any work."""
    known = [item.name for item in ITEMS]
    if unknown := [name for name in items if name not in known]:
        raise SettingError(
            f"measure {', '.join(unknown)}", f"the items of a report are {', '.join(known)}", "Name some of these."
        )


def _summary(report: Report, runner: StepRunner) -> str:
    lines = ["", *report.in_words(), "", "time, earlier runs included"]
    by_item: dict[str, float] = {}
    for name, seconds in runner.by_step.items():
        item = name.partition(":")[0]
        by_item[item] = by_item.get(item, 0.0) + seconds
    lines += [f"  {item:<16} {duration(seconds)}" for item, seconds in by_item.items()]
    lines.append(f"  {'in all':<16} {duration(sum(by_item.values()))}")
    lines += ["of it"] + [
        f"  {duration(seconds):>12}  {stage}"
        for stage, seconds in sorted(runner.by_stage.items(), key=lambda pair: -pair[1])
        if seconds >= 0.5
    ]
    return "\n".join([*lines, "", f"report: {report.folder / 'report.html'}"])


def _check_folder(folder: Path, settings: Settings, plan: Plan) -> None:
    """Refuse a folder that cannot be written to, or that holds the report of another reproduction."""
    output.check_folder(folder, "a report")
    if not (folder / "report.json").exists():
        return
    earlier: dict[str, Any] = summary(folder)["settings"]
    wanted = Report.comparable(settings, plan)
    differing = [name for name, value in wanted.items() if earlier.get(name) != value]
    if differing:
        raise SettingError(
            f"write a report into {folder}",
            "it holds one with another "
            + ", ".join(
                f"{name.replace('_', ' ')} ({earlier.get(name)}, now {wanted[name]})" for name in differing[:3]
            ),
            "Name another folder, or take that report away.",
        )
