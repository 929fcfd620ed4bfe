"""The command ``generate``: what the model writes, and how well it predicts, with and without an intervention."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from core.cli import options, output
from core.cli.command import Command
from core.inference.writing import Writing


def _add_options(parser: argparse.ArgumentParser) -> None:
    groups = ("model", "sentences", "experts", "intervention", "other")
    options.add_experiment(parser, groups, taken=("tokens", "prompt"))  # which were names of text and length here
    default = Writing()
    group = parser.add_argument_group("text")
    group.add_argument("--text", default="", help="to continue; empty (default): from the model's first token")
    group.add_argument("--prompt", dest="text", default=argparse.SUPPRESS, help=argparse.SUPPRESS)  # its older name
    options.add_most_tokens(group, default.tokens)
    group.add_argument("--samples", type=int, metavar="N", default=default.samples, help="texts a side (default: 1)")
    group.add_argument("--temperature", type=float, default=default.temperature, help="default: 1; 0: likeliest")
    group.add_argument("--top-p", type=float, default=default.top_p, help="default: 0.9")
    group.add_argument("--perplexity", metavar="FILE", type=Path, help="also of the text in FILE (UTF-8)")
    group.add_argument("--json", metavar="FILE", type=Path, help="write texts and measures to FILE, or to -")


def _run(arguments: argparse.Namespace) -> None:
    from core.cli import generate_result
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    output.check_files(arguments.json)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    experiment = options.experiment(arguments)
    writing = Writing(
        arguments.text,
        arguments.max_tokens,
        arguments.samples,
        arguments.temperature,
        arguments.top_p,
        experiment.seed,
    )
    with progress.ticking():
        report = engine.answer(
            experiment, lambda run: generate_result.write(run, writing, arguments.perplexity), progress
        )
    progress.finish()
    if arguments.json:
        output.write_json(arguments.json, report.to_json())
    output.say(generate_result.summary(report), arguments.json)


COMMAND = Command(
    "generate",
    "write text with and without an intervention",
    "Continues a prompt with the unmodified model and under the intervention, from one seed, and says how likely the "
    "texts are in the target language (by a classifier, among the corpus's languages). With --perplexity, also how "
    "well the model predicts a given text on both sides.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core generate --target es --experts 500 --max-tokens 24 --samples 6",
        "python -m core generate --target ja --text 'The weather' --strength 0.5 --json texts.json",
    ),
)
