"""The commands ``pack`` and ``unpack``: results in one file, for machines without the model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli import options, output
from core.cli.command import Command
from core.errors import SettingError
from core.experiment.file import read_experiment
from core.experiment.settings import Experiment
from core.packs.parts import OF_CELLS, PARTS, TEXTS, USUAL
from core.stats.units import counted


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--experiment",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="the settings: JSON files, as the dashboard saves or --json writes (default: the opening setting)",
    )
    parser.add_argument(
        "--sweep",
        metavar="DIR",
        type=Path,
        help="the settings: all cells of a sweep, from its cells.parquet and the parts that machines have; packs what "
        "the cache has of them, and computes nothing",
    )
    parser.add_argument("--out", metavar="FILE.pack", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--parts",
        metavar="all|NAME,...",
        help=f"what is packed (default: all but {TEXTS}; with --sweep {','.join(OF_CELLS)})",
    )
    options.add_cache(parser)


def _run(arguments: argparse.Namespace) -> None:
    from core.packs.pack import pack
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    if arguments.out == output.STANDARD:
        raise SettingError("write a pack to standard output", "it is a file of its own kind", "Name a file to write.")
    if arguments.sweep is not None and arguments.experiment:
        raise SettingError(
            f"pack --sweep {arguments.sweep} with --experiment",
            "a sweep names its settings itself",
            "Give one of the two, and pack the other into a file of its own.",
        )
    output.check_file(arguments.out)
    of_sweep = arguments.sweep is not None
    usual = ",".join(OF_CELLS if of_sweep else USUAL)
    parts = options.chosen(usual if arguments.parts is None else arguments.parts, PARTS, "parts")
    engine, progress = Engine(open_store(arguments.cache)), Progress(Terminal())
    experiments = _settings(arguments, engine)
    with progress.ticking():
        size = pack(engine, experiments, arguments.out, parts, progress, computes=not of_sweep)
    progress.finish()
    print(f"{counted(len(experiments), 'setting')}, {size / 1e6:.1f} MB: {arguments.out}")


def _settings(arguments: argparse.Namespace, engine: Any) -> list[Experiment]:
    """The settings to pack."""
    if arguments.sweep is None:
        return [read_experiment(path) for path in arguments.experiment or ()] or [Experiment()]
    from core.sweep import table

    return list(dict.fromkeys(table.as_asked(engine, cell) for cell in table.settings(arguments.sweep)))


def _manual() -> str:
    return "\n".join(
        [
            "parts (--parts)",
            options.listing({part.name: part.about for part in PARTS.values()}),
            "",
            "examples",
            "  python -m core pack --experiment saved.json --out results.pack",
            "  python -m core pack --experiment a.json b.json --parts result,ranks --out results.pack",
            "  python -m core pack --sweep sweep --out cells.pack",
            "",
            "What is not in the cache is computed, except where the list says otherwise; of a sweep nothing is.",
        ]
    )


COMMAND = Command(
    "pack",
    "write the results of settings into one file, for machines without the model",
    "Writes what the pages show of chosen settings into one file of a few megabytes: measures, maps, ranks, chosen "
    "neurons and, where the licence of the corpus allows it, its sentences; no weights, no embeddings. Of the cells of "
    "a sweep (--sweep) it is their measures, from the cache and without a pass. Texts and their prompts, whoever typed "
    "them, are packed only where --parts names them. The file "
    "states which machine computed it, with which version, and when, and which packed it.",
    _add_options,
    _run,
    _manual,
)


def _add_unpack_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.pack", type=Path, help="the pack")
    options.add_cache(parser)


def _unpack(arguments: argparse.Namespace) -> None:
    from core.experiment.title import in_words
    from core.packs.contents import model_title
    from core.packs.pack_folder import PackFolder, read_file

    pack = PackFolder(arguments.cache, opening=None).put(read_file(arguments.file), arguments.file.name)
    print(f"From a pack: {pack.made}.")
    for number, setting in enumerate(pack.settings):
        said = repr(pack.result(number)) if pack.has_result(number) else in_words(setting)
        print(f"{model_title(setting.model)}, from a pack, {setting.corpus}: {said}")
        print(f"  with: {', '.join(name for name in pack.parts(number) if name in PARTS)}")


UNPACK = Command(
    "unpack",
    "check a pack, and let the dashboard show what is in it",
    "Checks everything in a pack and puts it into the cache. The dashboard then lists its model and opens its "
    "settings on every page that needs no pass of the model; each says where it was computed. The cells of a sweep are "
    "shown on Results and What if, and their texts on Generate.",
    _add_unpack_options,
    _unpack,
    lambda: "examples\n  python -m core unpack results.pack",
)
