"""The command ``run``: retrieval and distance before and after an intervention."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from core.cli import options, output
from core.cli.command import Command
from core.experiment.names import GROUPS


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, GROUPS)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every setting and measure to FILE, or to -")


def _run(arguments: argparse.Namespace) -> None:
    from core.cli.run_result import summary
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.store import Store

    if arguments.json:
        output.check_file(arguments.json)
    engine, progress = Engine(Store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        result = engine.run(options.experiment(arguments), progress)
    if arguments.json:
        output.write(arguments.json, json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n")
    output.say(summary(result), arguments.json)


COMMAND = Command(
    "run",
    "measure retrieval and distance before and after an intervention",
    "Finds the experts of the target language (the neurons whose pooled response best tells its sentences from those "
    "of other languages), holds them at their mean response on that language (or intervenes by another --method) "
    "while every sentence of every language passes through, and compares sentence embeddings before (pre) and after "
    "(post).",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core run --target ja --experts 2000",
        "python -m core run --target es --strength 0.5 --control random --json random.json",
        "python -m core run --corpus flores:flores200 --languages es,fr,hi,th --eval-sentences 100 --target es",
        "python -m core run --corpus tatoeba:tatoeba --probe-corpus embedded --target en",
        "python -m core run --model bigscience/bloom-560m --target fr --experts 200",
        "python -m core run --target ja --method aura --score ap --expert-sites down_proj --expert-layers 6-17",
        "python -m core run --experiment saved.json --strength 0.5",
    ),
)
