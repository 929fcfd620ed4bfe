"""The command ``sweep``: many settings at once, as a table."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import options, output
from core.cli.command import Command
from core.errors import AskError, SettingError
from core.experiment.file import read_experiment
from core.experiment.kinds import split_names
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
from core.stats.units import counted
from core.sweep.keep import KEEP

_SWEPT = ("model", "target", "targets", "method", "experts", "strength")  # what the sweep's own options say


def _add_options(parser: argparse.ArgumentParser) -> None:
    swept = parser.add_argument_group("what is swept: every combination")
    swept.add_argument("--models", type=split_names, metavar="MODEL,...", help="default: embedded")
    swept.add_argument("--targets", type=split_names, metavar="LANG,...|all", dest="of", help="default: ja")
    swept.add_argument("--experts", type=options.numbers(int), metavar="K,...", dest="counts", help="default: 2000")
    swept.add_argument("--strengths", type=options.numbers(float), metavar="S,...", help="default: 1")
    swept.add_argument("--methods", metavar="NAME,...|all", help="default: set-mean")
    how = parser.add_argument_group("how")
    how.add_argument("--out", metavar="DIR", type=Path, required=True, help="where cells.parquet is written; needed")
    how.add_argument("--dry-run", action="store_true", help="say what it will cost, and compute nothing")
    how.add_argument(
        "--keep",
        choices=tuple(KEEP),
        default=(usual := next(iter(KEEP))),
        help=f"of a cell: {'; '.join(f'{name}: {about}' for name, about in KEEP.items())} (default: {usual})",
    )
    options.add_engine(
        how,
        "what computes: this process, a Ray cluster (that of RAY_ADDRESS, else one on this machine), the one at "
        "an address, or auto: a cluster where RAY_ADDRESS names one, else this process (default: local)",
    )
    how.add_argument("--workers", metavar="N", type=int, help="of a cluster (default: as many as it has room for)")
    options.add_gpus_per_model(how)
    how.add_argument(
        "--shard", metavar="I/N", help="this machine's part, where N machines share --cache and no engine does"
    )
    parser.add_argument(
        "--experiment", metavar="FILE", type=Path, help="take all other settings from a JSON file; options win"
    )
    rest = parser.add_argument_group("settings of all cells")
    for setting in SETTINGS.values():
        if setting.name not in _SWEPT:
            options.add_setting(rest, setting)
    options.add_cache(rest)


def asked(arguments: argparse.Namespace) -> Any:
    """The sweep that the options ask for.

    Raises
    ------
    SettingError
    """
    from core.sweep.settings import Sweep

    given = {name: value for name, value in vars(arguments).items() if name in SETTINGS}
    base = replace(read_experiment(arguments.experiment) if arguments.experiment else Experiment(), **given)
    methods: tuple[str, ...] = (base.method,)
    if arguments.methods is not None:
        methods = options.chosen(arguments.methods, METHODS, "methods")
    return Sweep(
        base=base,
        models=(base.model,) if arguments.models is None else arguments.models,
        targets=(base.target,) if arguments.of is None else arguments.of,
        methods=methods,
        experts=(base.experts,) if arguments.counts is None else arguments.counts,
        strengths=(base.strength,) if arguments.strengths is None else arguments.strengths,
        keep=arguments.keep,
    )


def _run(arguments: argparse.Namespace) -> None:
    from contextlib import ExitStack

    from core.cluster.connection import chosen, connected
    from core.cluster.device import on_workers
    from core.models import hub
    from core.pipeline.engine import Engine
    from core.progress import FROM_MANY, Terminal
    from core.store.opening import open_store
    from core.sweep import graph, local, run, settings
    from core.sweep.forecast import forecast

    part = settings.parse_shard(arguments.shard) if arguments.shard else None
    requested, address = asked(arguments), chosen(arguments.engine)
    _check_workers(arguments, address)
    ranks = options.ranks(arguments, requested.base.device) if address is None else max(1, arguments.gpus_per_model)
    engine = Engine(open_store(arguments.cache), ranks=ranks)
    if not arguments.dry_run:
        output.check_folder(arguments.out, "the table of a sweep")
    with ExitStack() as held:
        held.enter_context(hub.holding())
        runner: run.Runner = local.run
        where, places = "this process", None
        if address is not None:
            cluster = held.enter_context(connected(address))
            places, where = cluster.places(arguments.gpus_per_model, arguments.workers), cluster.about()
            requested = replace(requested, base=on_workers(requested.base, arguments.gpus_per_model))
        commits = _commits(requested)
        cells = requested.cells() if part is None else settings.shard(requested.cells(), *part)
        made = graph.build(engine, cells, requested.keep)
        if places is None:
            _check_models(engine, made.tasks)
        cost = forecast(made.tasks, 1 if places is None else len(places))
        spread = ranks > 1 and requested.base.device != "sharded"
        spreads = [f"  each model is spread over {ranks} processes"] if spread else []
        output.say("\n".join([forecast_lines(made, cost, requested.keep), *commits, *spreads]))
        if arguments.dry_run:
            return
        check_room(cost, arguments.cache)
        if places is not None and made.tasks:
            from core.sweep import on_cluster

            runner = held.enter_context(on_cluster.workers(cluster, engine.store.root, places))
        outcome = run.sweep(
            engine,
            cells,
            requested.keep,
            arguments.out / run.table_name(part),
            title=title(requested, len(cells)),
            runner=runner,
            where=where,
            report=Terminal(0.0 if places is None else FROM_MANY),
            graph=made,
            seconds=cost.seconds,
        )
    output.say(f"{counted(outcome.measured, 'cell')} {'is' if outcome.measured == 1 else 'are'} in {outcome.table}")
    run.check(outcome)


def _check_workers(arguments: argparse.Namespace, address: str | None) -> None:
    """Refuse workers without a cluster, and numbers that are none."""
    if arguments.workers and address is None:
        raise SettingError(
            f"--workers {arguments.workers} with --engine {arguments.engine}",
            "this process is the only worker",
            "Add --engine ray, or leave it out.",
        )
    for option, value, least in (
        ("--gpus-per-model", arguments.gpus_per_model, 0),
        ("--workers", arguments.workers, 1),
    ):
        if value is not None and value < least:
            raise SettingError(f"{option} {value}", "it is no number of anything", f"Give {least} or more.")


def _check_models(engine: Any, tasks: Any) -> None:
    """Refuse models that cannot be spread over the processes that are asked for."""
    for experiment in {task.experiment.model: task.experiment for task in tasks}.values():
        engine.models.check(engine.plan(experiment).resolved)


def _commits(requested: Any) -> list[str]:
    """The commits at which models of the hub are swept that were not asked for by one, a line each."""
    from core.models import hub
    from core.models.resolve import resolve

    lines = []
    for model in requested.models:
        with suppress(AskError):  # its cells say why
            revision = resolve(replace(requested.base, model=model).model_spec).revision
            if hub.is_commit(revision) and revision != requested.base.revision:
                lines.append(f"  {model} at commit {revision}, whatever is pushed there meanwhile")
    return lines


def title(requested: Any, cells: int) -> str:
    """What is swept, in a line."""
    counts = ("models", "targets", "methods", "experts", "strengths")
    parts = [f"{len(values)} {name}" for name in counts if len(values := getattr(requested, name)) > 1]
    what = f"{', '.join(parts)}, " if parts else ""
    return f"A sweep of {counted(cells, 'cell')}: {what}{', '.join(requested.models)} on {requested.base.corpus}"


def forecast_lines(made: Any, found: Any, keep: str) -> str:
    """What a sweep will cost, as text: its graph, and the forecast of that."""
    from core.progress import duration
    from core.sweep.tasks import KINDS

    n_cells = len(made.cells) + len(made.known) + len(made.refused)
    counts = f"{len(made.known):,} known, {len(made.cells):,} to measure, {len(made.refused):,} impossible"
    lines = [
        f"{counted(n_cells, 'cell')}: {counts}",
        *(f"  impossible: {cell.target}, {cell.model}: {why}" for cell, why in list(made.refused.items())[:10]),
    ]
    if not made.tasks:
        return "\n".join(lines)
    lines.append(f"  {'stage':<18} {'tasks':>7} {'sentences':>11} {'tokens':>13} {'GB written':>11}  expected")
    for row in found.rows:
        name = KINDS[row.kind].title if row.kind in KINDS else "writing, of these"
        numbers = f"{row.tasks:>7,} {row.sentences:>11,} {row.tokens:>13,.0f} {row.nbytes / 1e9:>11.2f}"
        lines.append(f"  {name:<18} {numbers}  {duration(row.seconds)}")
    of = counted(found.workers, "worker")
    slowest = next(row for row in found.rows if row.kind == found.bottleneck)
    named = KINDS[slowest.kind].title if slowest.kind in KINDS else "writing to the disk"
    lines += [
        f"  about {duration(found.seconds)} with {of}; the bottleneck is {named}",
        f"  disk: at most {found.most_bytes / 1e9:.2f} GB more while it runs, {found.held_bytes / 1e9:.2f} GB after "
        f"(--keep {keep})",
    ]
    return "\n".join(lines)


def check_room(found: Any, cache: Path) -> None:
    """Refuse a sweep that does not fit on the disk of the cache, before it begins.

    Raises
    ------
    SettingError
    """
    import shutil

    most, free = found.most_bytes, shutil.disk_usage(cache).free
    if most > free:
        raise SettingError(
            f"a sweep that takes up to {most / 1e9:.1f} GB in {cache}",
            f"{free / 1e9:.1f} GB are free there",
            "Use --keep measures, fewer cells at once, or another --cache.",
        )


COMMAND = Command(
    "sweep",
    "measure many settings at once, into a table",
    "Measures every combination of models, targets, methods, numbers of experts and strengths, and writes one row a "
    "cell, measure and space into DIR/cells.parquet. What several cells need is computed once; what is known is not "
    "computed again; a cell that fails is reported, and the rest goes on. The same command goes on where it was "
    "stopped.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core sweep --targets ja,es --experts 500,2000 --strengths 0.5,1 --out sweep --dry-run",
        "python -m core sweep --targets all --methods set-mean,linear-act --strengths 0.5,1 --out sweep",
        "python -m core sweep --targets all --experts 500,2000 --cache /mnt/shared/cache --shard 2/8 --out sweep",
    ),
)
