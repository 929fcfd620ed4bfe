"""The command ``methods``: every intervention under the same conditions."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import options, output
from core.cli.command import Command
from core.experiment.kinds import split_names
from core.experiment.names import GROUPS
from core.neurons.methods import METHODS

_WIDTH = 20


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, GROUPS)
    group = parser.add_argument_group("comparison")
    group.add_argument("--methods", metavar="NAME,...", default="all", help="default: all")
    group.add_argument(
        "--prompt-languages", type=split_names, metavar="LANG,...", help="of the prompts (default: all eight)"
    )
    group.add_argument("--n-prompts", type=int, metavar="N", default=2, help="in each language (default: 2)")
    group.add_argument("--json", metavar="FILE", type=Path, help="write every figure to FILE, or to -")
    group.add_argument("--csv", metavar="FILE", type=Path, help="write the table to FILE, or to -")


def _run(arguments: argparse.Namespace) -> None:
    from core.analyses import method_comparison
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    output.check_files(arguments.json, arguments.csv)
    experiment = options.experiment(arguments)
    methods = options.chosen(arguments.methods, METHODS, "methods")
    asked = method_comparison.writing(experiment, arguments.prompt_languages, arguments.n_prompts)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        rows = method_comparison.compare(
            lambda of, question: engine.answer(of, question, progress), experiment, methods, asked
        )
    progress.finish()
    if arguments.csv:
        output.write(arguments.csv, method_comparison.table(rows).to_csv(index=False))
    if arguments.json:
        document = {"experiment": experiment.to_dict(), "methods": method_comparison.to_json(rows)}
        output.write_json(arguments.json, document)
    output.say(summary(rows), arguments.json, arguments.csv)


def summary(rows: Sequence[Any]) -> str:
    """A line a condition, best mean rank first among the methods."""
    from core.analyses.method_comparison import FIGURES, table

    frame = table(rows)
    order = {"unmodified": 0, "free": 1, "method": 2, "random": 3}
    frame = frame.sort_values("mean_rank", kind="stable").sort_values("kind", key=lambda k: k.map(order), kind="stable")
    lines = ["", f"{'':<42}" + "".join(f"{figure.title:>{_WIDTH + 5}}" for figure in FIGURES.values()) + f"{'rank':>7}"]
    for row in frame.to_dict("records"):
        cells = "".join(f"{_cell(row, name):>{_WIDTH + 5}}" for name in FIGURES)
        rank = "" if math.isnan(row["mean_rank"]) else f"{row['mean_rank']:.1f}"
        lines.append(f"{row['title'][:41]:<42}{cells}{rank:>7}")
    better = ", ".join(figure.title for figure in FIGURES.values() if not figure.higher_is_better)
    lines += ["", f"95% intervals; lower is better for {better}; rank: the mean over all figures but the time"]
    return "\n".join(lines)


def _cell(row: dict[Any, Any], name: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if math.isnan(value):
        return "-"
    if value >= 1000:
        return f"{value:.2g} ({low:.1g}-{high:.1g})"
    # answers that have no line of five words are not counted: few may be left
    n = f", n={row['lines_n']}" if name == "lines" else ""
    return f"{value:.3f}" + ("" if math.isnan(low) else f" ({low:.2f}-{high:.2f})") + n


COMMAND = Command(
    "methods",
    "compare every intervention under the same conditions",
    "Measures every intervention on the same experts, sentences and prompts: how often translations are found (top-1, "
    "MEXA), how well a linear probe still tells the language, a classifier's accuracy on languages it was not trained "
    "on (where the corpus has labels), how many lines of the model's answers are in the target language, how much "
    "worse it predicts the target's sentences, and what a pass costs. Beside them: the unmodified model, the free maps "
    "that need as little, and random neurons.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core methods --target ja --experts 2000 --json methods.json",
        "python -m core methods --target ja --methods set-mean,recover --languages en,de,ja --csv methods.csv",
    ),
)
