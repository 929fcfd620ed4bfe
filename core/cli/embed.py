"""The command ``embed``: sentences of a file with their embeddings before and after an intervention."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from core.cli import options, output
from core.cli.command import Command
from core.experiment.names import SETTINGS
from core.stats.units import counted


def _add_options(parser: argparse.ArgumentParser) -> None:
    options.add_experiment(parser, ("model", "sentences", "experts", "intervention", "other"))
    group = parser.add_argument_group("sentences")
    options.add_setting(group, SETTINGS["layer"])
    group.add_argument(
        "--in",
        dest="source",
        metavar="FILE",
        type=Path,
        required=True,
        help="table with a column text and, if there is one, language (.csv, .tsv, .json, .jsonl, .parquet)",
    )
    group.add_argument("--out", metavar="FILE", type=Path, required=True, help="file to write: .parquet or .npy")


def _run(arguments: argparse.Namespace) -> None:
    from core.export import embedding_files
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    embedding_files.check_out(arguments.out)
    output.check_file(arguments.out)
    embedding_files.read_texts(arguments.source)
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    with progress.ticking():
        texts = engine.answer(
            options.experiment(arguments),
            lambda run: embedding_files.embed_file(run, arguments.source, arguments.out),
            progress,
        )
    progress.finish()
    print(f"{counted(len(texts.sentences), 'sentence')}, before and after: {arguments.out}")


COMMAND = Command(
    "embed",
    "write the sentences of a file with their embeddings before and after",
    "Reads sentences from a table and writes their embeddings at --layer with the unmodified model and under the "
    "intervention: a Parquet file with every column of the table and the columns vector_before and vector_after, or a "
    ".npy with one array (2, sentences, dimensions).",
    _add_options,
    _run,
    partial(
        options.manual,
        "python -m core embed --target ja --in sentences.csv --out sentences.parquet",
        "embedding-atlas sentences.parquet --text text --vector vector_after",
        "python -m core embed --experiment saved.json --in sentences.tsv --out sentences.npy",
    ),
)
