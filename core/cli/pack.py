"""The commands ``pack`` and ``unpack``: results in one file, for machines without the model."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli import options, output
from core.cli.command import Command
from core.errors import SettingError
from core.packs.parts import PARTS


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--experiment",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="the settings: JSON files, as the dashboard saves or --json writes (default: the opening setting)",
    )
    parser.add_argument("--out", metavar="FILE.pack", type=Path, required=True, help="file to write")
    parser.add_argument("--parts", metavar="all|NAME,...", default="all", help="what is packed (default: all)")
    options.add_cache(parser)


def _run(arguments: argparse.Namespace) -> None:
    from core.experiment.file import read_experiment
    from core.experiment.settings import Experiment
    from core.packs.pack import pack
    from core.pipeline.engine import Engine
    from core.progress import Progress, Terminal
    from core.store.opening import open_store

    if arguments.out == output.STANDARD:
        raise SettingError("write a pack to standard output", "it is a file of its own kind", "Name a file to write.")
    output.check_file(arguments.out)
    parts = options.chosen(arguments.parts, PARTS, "parts")
    experiments = [read_experiment(path) for path in arguments.experiment or ()] or [Experiment()]
    progress = Progress(Terminal())
    with progress.ticking():
        size = pack(Engine(open_store(arguments.cache)), experiments, arguments.out, parts, progress)
    progress.finish()
    settings = "1 setting" if len(experiments) == 1 else f"{len(experiments)} settings"
    print(f"{settings}, {size / 1e6:.1f} MB: {arguments.out}")


def _manual() -> str:
    return "\n".join(
        [
            "parts (--parts)",
            options.listing({part.name: part.about for part in PARTS.values()}),
            "",
            "examples",
            "  python -m core pack --experiment saved.json --out results.pack",
            "  python -m core pack --experiment a.json b.json --parts result,ranks --out results.pack",
            "",
            "What is not in the cache is computed, except where the list says otherwise.",
        ]
    )


COMMAND = Command(
    "pack",
    "write the results of settings into one file, for machines without the model",
    "Writes what the pages show of chosen settings into one file of a few megabytes: measures, maps, ranks, chosen "
    "neurons and, where the licence of the corpus allows it, its sentences; no weights and no embeddings. The file "
    "states which machine computed it, with which version, and when.",
    _add_options,
    _run,
    _manual,
)


def _add_unpack_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.pack", type=Path, help="the pack")
    options.add_cache(parser)


def _unpack(arguments: argparse.Namespace) -> None:
    from core.packs.contents import model_title
    from core.packs.pack_folder import PackFolder, read_file

    pack = PackFolder(arguments.cache, opening=None).put(read_file(arguments.file), arguments.file.name)
    print(f"From a pack: {pack.made}.")
    for number, setting in enumerate(pack.settings):
        print(f"{model_title(setting.model)}, from a pack, {setting.corpus}: {pack.result(number)!r}")
        print(f"  with: {', '.join(name for name in pack.parts(number) if name in PARTS)}")


UNPACK = Command(
    "unpack",
    "check a pack, and let the dashboard show what is in it",
    "Checks everything in a pack and puts it beside the cache. The dashboard then lists its model and opens its "
    "settings on every page that needs no pass of the model; each says where it was computed.",
    _add_unpack_options,
    _unpack,
    lambda: "examples\n  python -m core unpack results.pack",
)
