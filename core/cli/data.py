"""The command ``data``: lists published data sets, and downloads them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli import options
from core.cli.command import Command
from core.corpora.download.catalogue import Dataset, catalogue
from core.errors import DataError, StoreError
from core.experiment.kinds import split_names
from core.stats.units import counted

_PACE = 2e6  # bytes a second, to begin with
_GET = (
    "Downloads a data set and unpacks it into a folder. What breaks off goes on where it was when the command is given "
    "again. Files are checked against the sha256 that is known; where none is, the one found is recorded and shown."
)
_KEPT = "Lists the results in the cache, by kind, and with --shared also what lies there and what waits to be sent."
_SHARE = (
    "Sends results that the cache holds, and the shared store has not, to the shared store: those that were computed "
    "before there was one, and those that could not be sent when it did not answer."
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    inner = parser.add_subparsers(title="commands", metavar="{get,kept,share}")
    get = inner.add_parser("get", help="download a data set", description=_GET)
    get.set_defaults(command=_get)
    get.add_argument("name", metavar="NAME", help=f"which: {', '.join(catalogue())}")
    get.add_argument("--to", metavar="DIR", type=Path, required=True, help="folder to put it into, empty or not there")
    get.add_argument("--only", metavar="LANG,...", help="only these languages, where they come in files of their own")
    kept = inner.add_parser("kept", help="list what the cache and the shared store hold", description=_KEPT)
    kept.set_defaults(command=_kept)
    share = inner.add_parser("share", help="send what the cache holds to the shared store", description=_SHARE)
    share.set_defaults(command=_share)
    for command in (kept, share):
        options.add_cache(command)


def _list(_: argparse.Namespace) -> None:
    print("\n\n".join(_described(dataset) for dataset in catalogue().values()))
    print("\nDownload one: python -m core data get NAME --to DIR")


def _described(dataset: Dataset) -> str:
    files = dataset.remotes
    size = f"{dataset.size / 1e6:,.1f} MB in {len(files)} file{'s' if len(files) > 1 else ''}"
    if any(remote.size is None for remote in files):
        size = f"over {size}"
    unknown = sum(remote.sha256 is None for remote in files)
    if len(files) == 1 and not unknown:
        checksum = f"sha256 {files[0].sha256}"
    elif unknown:
        checksum = (
            f"sha256 known of {len(files) - unknown} of {len(files)} files, of the others recorded when they come"
        )
    else:
        checksum = f"sha256 known of all {len(files)} files"
    lines = {
        "from": dataset.page,
        "files": files[0].url if len(files) == 1 else f"{files[0].url}, ...",
        "licence": dataset.licence,
        "size": size,
        "checked": checksum,
        "languages": ", ".join(dataset.languages),
        "get": f"python -m core data get {dataset.name} --to data/{dataset.name}",
        "use": dataset.use.format(folder=f"data/{dataset.name}"),
        "otherwise": dataset.otherwise,
    }
    rows = [f"  {name:<10} {text}" for name, text in lines.items() if text]
    return "\n".join([f"{dataset.name}: {dataset.title}, {dataset.about}", *rows])


def _get(arguments: argparse.Namespace) -> None:
    from core.corpora.download.http import Unavailable
    from core.corpora.download.install import RECORD, install
    from core.progress import Progress, Terminal

    sets = catalogue()
    if arguments.name not in sets:
        raise DataError(
            f"data set {arguments.name!r}", "none is known by that name", f"Choose from: {', '.join(sets)}."
        )
    dataset = sets[arguments.name]
    if arguments.only is not None:
        dataset = dataset.of(split_names(arguments.only))
    progress, stage = Progress(Terminal()), f"downloading {dataset.title}"
    progress.plan({stage: dataset.size / _PACE})
    progress.stage(stage, dataset.size)
    try:
        record = install(dataset, arguments.to, progress.advance)
    except Unavailable as error:
        raise DataError(error.what, error.why, f"{error.instead} Otherwise: {dataset.otherwise}") from error
    progress.finish()
    print(_summary(dataset, record["files"], arguments.to, RECORD))


def _summary(dataset: Dataset, files: list[dict[str, Any]], folder: Path, record: str) -> str:
    checked = [file for file in files if file["known_beforehand"]]
    lines = [f"{dataset.title}: {folder} (licence: {dataset.licence})"]
    if checked:
        lines.append(f"  sha256 of {len(checked)} of {len(files)} files is the one that was known")
    for file in files:
        if not file["known_beforehand"]:
            lines.append(f"  not known beforehand, recorded in {record}: sha256 {file['sha256']} {file['name']}")
    return "\n".join([*lines, f"  use: {dataset.use.format(folder=folder)}"])


def _kept(arguments: argparse.Namespace) -> None:
    from core.store import inventory
    from core.store.opening import open_store

    store = open_store(arguments.cache)
    kept, size = inventory.table(store), inventory.size
    for row in kept.to_dict("records"):
        count, far, late = (int(row[name]) for name in ("artefacts", "fetched", "waiting"))
        where = (f", {far:,} of them fetched" if far else "") + (f", {late:,} to be sent" if late else "")
        print(f"{row['stage']:<20} {count:>6,} {size(int(row['bytes'])):>8}  {row['what']}{where}")
    free = size(inventory.disk(store).free)
    print(f"{size(int(kept['bytes'].sum()))} in {store.root}, {free} free on its disk")
    if shared := inventory.shared_words(store):
        print(shared)


def _share(arguments: argparse.Namespace) -> None:
    from core.store.opening import open_store

    store = open_store(arguments.cache)
    if store.shared is None:
        raise StoreError(
            "send what the cache holds", "no shared store is named", "Name one: --shared s3://BUCKET/PREFIX."
        )
    for entry in store.entries():
        if entry.source is None:
            store.shared.note(entry)
    sent = store.send_waiting()
    print(f"{counted(sent, 'artefact')} of {store.root} {'is' if sent == 1 else 'are'} in {store.shared.place.address}")


COMMAND = Command(
    "data",
    "list published data sets, and download them",
    "Lists the data sets that the software can use and does not contain: where they are published, under what licence, "
    "how large they are and how to use them. `data get NAME --to DIR` downloads one.",
    _add_options,
    _list,
)
