"""The command ``transfer``: a classifier trained on one language and tested on all, before and after."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.cli import options, output
from core.cli.command import Command
from core.experiment.kinds import split_names
from core.experiment.names import GROUPS


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, GROUPS)
    group = parser.add_argument_group("transfer")
    group.add_argument(
        "--train-languages",
        type=split_names,
        metavar="LANG,...",
        help="to train on, each by itself, or all (default: English and the target)",
    )
    group.add_argument("--layers", metavar="L,...", help="such as 6,last or 0-18 or all (default: that of --layer)")
    group.add_argument(
        "--rivals",
        type=split_names,
        metavar="NAME,...",
        default=("own-means",),
        help="free maps to put beside the intervention, and on top of it, or all or none (default: own-means)",
    )
    group.add_argument(
        "--profit",
        action="store_true",
        help="also say which languages profit: gains of transfer and of retrieval, against how a language is like the "
        "one trained on and like the target",
    )
    group.add_argument("--json", metavar="FILE", type=Path, help="write every figure to FILE, or to -")


def _run(arguments: argparse.Namespace) -> None:
    from core.analyses.profit import profit
    from core.analyses.transfer import Settings, transfer
    from core.cli import transfer_result
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    output.check_files(arguments.json)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    rivals = () if arguments.rivals == ("none",) else arguments.rivals
    asked = Settings(arguments.train_languages, arguments.layers, rivals)
    with progress.ticking():
        experiment = options.experiment(arguments)
        plan, found = engine.answer(experiment, lambda run: (run.plan, transfer(run, asked)), progress)
        gains = None
        if arguments.profit:  # at the experiment's layer, whatever others are asked for
            plain = replace(asked, layers=None, rivals=())
            gains = engine.answer(experiment, lambda run: profit(run, plain), progress)
    if arguments.json:
        output.write_json(arguments.json, transfer_result.to_json(plan, found, gains))
    output.say(transfer_result.summary(plan, found, gains), arguments.json)


COMMAND = Command(
    "transfer",
    "train a classifier on one language and test it on all, before and after",
    "Does the intervention help a task? Trains a linear probe (standardisation and logistic regression) on the labels "
    "of one language's probe rows, as the corpus has them, and tests it on the evaluation rows of every language: on "
    "the unmodified model's embeddings (pre), under the intervention (post), and with what is free. The neurons are "
    "those of --probe-corpus, or of the corpus's probe rows.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core transfer --target ja --experts 2000",
        "python -m core transfer --target ja --corpus sib200:sib200 --probe-corpus embedded --layers 6,last",
        "python -m core transfer --target ja --train-languages all --rivals all --json transfer.json",
        "python -m core transfer --target ja --profit --json profit.json",
    ),
)
