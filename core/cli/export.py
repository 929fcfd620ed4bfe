"""The command ``export``: a model with an intervention in its weights."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from core.cli import options
from core.cli.command import Command


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, ("model", "sentences", "experts", "intervention", "other"))
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write; empty, or not there")
    parser.add_argument(
        "--include-model",
        action="store_true",
        help="put the unmodified model beside a patch even where the hub has it",
    )
    parser.add_argument(
        "--gguf",
        action="store_true",
        help="write a GGUF file for llama.cpp too, of a model that came as one and is of Llama's architecture",
    )
    parser.add_argument(
        "--source",
        metavar="LANG",
        help="for a method that goes by the language of a sentence: that of all sentences the model will see",
    )


def _run(arguments: argparse.Namespace) -> None:
    from core.export import writing
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    writing.check_folder(arguments.out)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        exported = engine.answer(
            options.experiment(arguments),
            lambda run: writing.export(
                run,
                arguments.out,
                include_model=arguments.include_model,
                source=arguments.source,
                as_gguf=arguments.gguf,
            ),
            progress,
        )
    progress.finish()
    print(exported.in_words())


COMMAND = Command(
    "export",
    "write the model with the intervention in its weights",
    "Writes a folder that transformers loads without this program. Where the architecture's linear maps have biases, "
    "it is a plain model; where they have none, a patch of a few kilobytes with a short loader. What was written is "
    "loaded again and compared with the intervention's hooks on probe sentences; the folder states the difference.",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core export --target ja --experts 2000 --out gemma-ja",
        "python -m core export --model bigscience/bloom-560m --target fr --experts 200 --out bloom-fr",
        "python -m core export --experiment saved.json --out model",
    ),
)
