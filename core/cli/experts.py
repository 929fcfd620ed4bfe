"""The command ``experts``: the ranked neurons as a table."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from core.cli import options, output
from core.cli.command import Command
from core.errors import SettingError
from core.language.codes import label
from core.neurons.scores import SCORES
from core.store import disk


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, ("model", "sentences", "experts", "other"))
    parser.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="CSV or Parquet file to write; -: standard output, CSV"
    )


def _run(arguments: argparse.Namespace) -> None:
    from core.neurons.experts import expert_table
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    output.check_file(arguments.out)
    _check_kind(arguments.out)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        bound, experts = engine.experts(options.experiment(arguments), progress)
    frame = expert_table(experts, bound.outline.neurons, bound.resolved.digest)
    if arguments.out.suffix.lower() == ".parquet":
        with disk.whole(arguments.out) as draft:
            frame.to_parquet(draft, index=False)
    else:
        output.write(arguments.out, frame.to_csv(index=False))
    mean = f"mean {SCORES[bound.experiment.score].title} {frame['score'].mean():.4f}"
    named = bound.experts_in_words(len(frame))
    output.say(f"{label(bound.target)}: {named}, {mean}: {arguments.out}", arguments.out)


def _check_kind(path: Path) -> None:
    if path.suffix.lower() not in ("", ".csv", ".parquet"):
        raise SettingError(
            f"write experts to {path}",
            f"files of type {path.suffix!r} are not written",
            "Name a file that ends in .csv or .parquet.",
        )


COMMAND = Command(
    "experts",
    "write the ranked neurons to a table",
    "Ranks every neuron by how well its pooled response tells the target language from the others (--score) and writes "
    "the best: rank, layer, site, unit, score, value (what set-mean holds it at), digest of the model.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core experts --target ja --experts 500 --out experts.csv",
        "python -m core experts --target es --score ap --select layer --experts 20 --out experts.csv",
        "python -m core experts --experiment saved.json --out experts.csv",
    ),
)
