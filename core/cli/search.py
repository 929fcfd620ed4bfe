"""The command ``search``: the best setting within a budget of minutes."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import options, output
from core.cli.command import Command
from core.experiment.kinds import split_names
from core.experiment.names import GROUPS
from core.experiment.title import of_number
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES
from core.stats.units import counted


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, GROUPS)
    group = parser.add_argument_group("search")
    group.add_argument("--minutes", type=float, metavar="X", required=True, help="of the search; needed")
    group.add_argument("--methods", metavar="NAME,...", help="to choose among, or all (default: that of --method)")
    group.add_argument("--scores", metavar="NAME,...", help="to choose among, or all (default: that of --score)")
    group.add_argument("--counts", type=options.numbers(int), metavar="K,...", help="of experts (default: 200 to 4000)")
    group.add_argument("--strengths", type=options.numbers(float), metavar="S,...", help="default: 0.25,0.5,0.75,1")
    group.add_argument(
        "--blocks",
        type=split_names,
        metavar="A-B,...",
        help="ranges of blocks, or all (default: that of --expert-layers)",
    )
    group.add_argument("--maximise", choices=("target", "all"), default="target", help="top-1 (default: target)")
    group.add_argument(
        "--most-perplexity", type=float, metavar="X", help="of the target's sentences, × the unmodified model's"
    )
    group.add_argument("--json", metavar="FILE", type=Path, help="write all that was tried to FILE, or to -")


def _run(arguments: argparse.Namespace) -> None:
    from core.analyses import search
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    output.check_files(arguments.json)
    experiment = options.experiment(arguments)
    usual = search.Choices.around(experiment, vars(arguments))
    blocks = tuple(None if name == "all" else name for name in arguments.blocks or ())
    choices = search.Choices(
        methods=options.chosen(arguments.methods or experiment.method, METHODS, "methods"),
        scores=options.chosen(arguments.scores or experiment.score, SCORES, "scores"),
        experts=arguments.counts or usual.experts,
        strengths=arguments.strengths or usual.strengths,
        expert_layers=blocks or usual.expert_layers,
    )
    limits = search.Limits(arguments.minutes, arguments.maximise, arguments.most_perplexity)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        found = search.search(lambda of, question: engine.answer(of, question, progress), experiment, choices, limits)
    progress.finish()
    if arguments.json:
        document = {"experiment": experiment.to_dict(), **search.to_json(found)}
        output.write_json(arguments.json, document)
    output.say(summary(found, limits), arguments.json)


def summary(found: Any, limits: Any) -> str:
    """What was tried, and the best setting on rows that the search has not seen."""
    from core.analyses.search import SCOPES, kept_to

    n_settings, n_rounds = len({one.experiment for one in found.tried}), len({one.round for one in found.tried})
    lines = [
        "",
        f"tried {n_settings:,} of {counted(found.offered, 'setting')} in {counted(n_rounds, 'round')}",
    ]
    for one in sorted(found.tried, key=lambda one: (-one.round, -one.top1.value)):
        beside = "" if one.fits else f"  perplexity x {one.perplexity:.2f}: beyond the limit"
        lines.append(
            f"  round {one.round + 1}, {one.rows:>4} rows: {_top1(one.top1)}  {_named(one.experiment)}{beside}"
        )
    lines += [f"  impossible: {_named(experiment)}: {why}" for experiment, why in found.refused]
    if found.best is None or found.before is None or found.after is None:
        return "\n".join([*lines, "", "No setting keeps to the limit." if found.tried else "None of them is possible."])
    lines += ["", f"best: {_named(found.best)}"]
    scope = SCOPES[limits.scope]
    lines.append(
        f"top-1 {scope}, on {found.after.n:,} evaluation rows that the search has not seen: "
        f"{_top1(found.before)} -> {_top1(found.after)}"
    )
    if found.perplexity is not None:
        lines.append(kept_to(limits, found.perplexity))
    return "\n".join(lines)


def _named(experiment: Any) -> str:
    where = f", blocks {experiment.expert_layers}" if experiment.expert_layers else ""
    return f"{experiment.method}, {experiment.score}, {of_number(experiment)}{where}"


def _top1(top1: Any) -> str:
    return f"{top1.value:.3f} ({top1.low:.3f} to {top1.high:.3f})"


COMMAND = Command(
    "search",
    "find the best setting within some minutes",
    "Tries settings by successive halving: half of the probe rows find the neurons, the other half judge, more of them "
    "in each round, in which the better third goes on. Says all that was tried, and measures the best setting on the "
    "evaluation rows, which the search has not seen.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core search --target ja --minutes 10",
        "python -m core search --target ja --minutes 30 --methods all --blocks all,0-8,9-17 --most-perplexity 1.5",
    ),
)
