"""Installs a data set from its files: completely or not at all, with a record of where it came from."""

from __future__ import annotations

import errno
import json
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.corpora.download.catalogue import Dataset
from core.corpora.download.http import DownloadedFile, as_json, fetch
from core.corpora.download.remote import RemoteFile
from core.errors import DataError
from core.store.disk import delete, sync, sync_tree

RECORD = "SOURCE.json"
_ARCHIVES = (".tar.gz", ".tar.bz2", ".tgz", ".tar")


def install(dataset: Dataset, folder: Path, advance: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Download a data set, unpack it, and put it into a folder that is empty or does not exist yet.

    Until it is complete, everything is in ``.FOLDER.part`` beside the folder; what is there is not downloaded again.

    Parameters
    ----------
    advance : callable
        Called with each number of bytes that is present.

    Returns
    -------
    dict
        The record, as it lies in ``SOURCE.json``: name, title, licence, page, when, and each file's address, bytes and
        sha256, and whether that was known beforehand.

    Raises
    ------
    DataError
        Where the folder holds something else, somebody else is downloading to it, there is no room, or a file cannot
        be had (see `core.corpora.download.http.fetch`) or unpacked.
    """
    what, folder = f"{dataset.title} in {folder}", folder.absolute()
    if (record := _installed(what, dataset, folder)) is not None:
        return record
    part = part_of(folder)
    _make(what, part)
    try:
        lock = FileLock(part / "lock").acquire(timeout=0)
    except Timeout as error:
        raise DataError(what, "somebody else is downloading to it", "Wait for that, or name another folder.") from error
    with lock, _tidied(part):
        if (record := _installed(what, dataset, folder)) is not None:  # another process has installed it meanwhile
            return record
        _check_room(what, dataset, part)
        fetched = [(fetch(remote, part, advance), remote) for remote in dataset.remotes]
        record = _record(dataset, fetched)
        _put_together(what, fetched, record, part / "ready", folder)
        return record


@contextmanager
def _tidied(part: Path) -> Iterator[None]:
    """Remove the folder of a download, unless the download failed and can be continued from it."""
    try:
        yield
    except BaseException:
        if all(path.name == "lock" for path in part.iterdir()):
            delete(part)
        raise
    delete(part)


def _installed(what: str, dataset: Dataset, folder: Path) -> dict[str, Any] | None:
    """Return the record in the folder if it is of this data set; None if the folder is empty or not there."""
    try:
        if not any(folder.iterdir()):
            return None
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        names = {file["name"] for file in record["files"]}
        if record["name"] == dataset.name and names >= {remote.name for remote in dataset.remotes}:
            return dict(record)
        why = f"it holds {record['title']} already, with {len(names)} files of it"
    except FileNotFoundError:
        if not folder.exists():
            return None
        why = "it holds other things"
    except OSError as error:
        why = f"the system says: {error.strerror or error}"
    except (ValueError, KeyError, TypeError):
        why = f"it holds a {RECORD} that this software has not written"
    raise DataError(what, why, "Name a folder that is empty or not there yet.")


def _make(what: str, part: Path) -> None:
    try:
        part.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{part} cannot be made ({error.strerror or error})"
        raise DataError(what, why, "Name a folder in a place that you can write to.") from error


def _check_room(what: str, dataset: Dataset, part: Path) -> None:
    """Refuse a download that does not fit on the disk; the room for unpacking is not known beforehand."""
    downloaded = sum(path.stat().st_size for path in part.iterdir() if path.is_file())
    free = shutil.disk_usage(part).free
    if free + downloaded < dataset.size:
        why = f"it takes {dataset.size:,} bytes, and {free:,} are free"
        raise DataError(what, why, "Make room, or name a folder on another disk.")


def _record(dataset: Dataset, fetched: list[tuple[DownloadedFile, RemoteFile]]) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "page": dataset.page,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": [as_json(*file) for file in fetched],
    }


def _put_together(
    what: str, fetched: list[tuple[DownloadedFile, RemoteFile]], record: dict[str, Any], ready: Path, folder: Path
) -> None:
    """Unpack or copy every file into a new folder, and rename that once all of it is on the disk."""
    try:
        delete(ready)
        ready.mkdir()
        for file, remote in fetched:
            if remote.name.endswith(_ARCHIVES):
                _unpack_or_put_aside(file.path, ready)
            else:
                place = ready / (remote.place or remote.name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.path, place)
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (ready / RECORD).write_text(text, encoding="utf-8")
        for path in ready.rglob("*"):
            if path.is_file():
                sync(path)
        sync_tree(ready)
        if folder.exists():
            folder.rmdir()  # it is empty, or this fails
        ready.rename(folder)
        sync(folder.parent)
    except OSError as error:
        delete(ready)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "there is no room left to unpack it" if full else f"the system says: {error.strerror or error}"
        raise DataError(what, why, "Give the same command again afterwards: nothing is downloaded twice.") from error


def _unpack_or_put_aside(archive: Path, folder: Path) -> None:
    try:
        unpack(archive, folder)
    except DataError as error:
        delete(folder)
        wrong = archive.with_name(f"{archive.name}.wrong")
        archive.replace(wrong)  # or the next try would find it, and fail again
        raise DataError(error.what, error.why, f"{error.instead} Put aside, unused: {wrong}") from error


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive into a folder; what would leave the folder, and all but files and folders, is refused.

    Raises
    ------
    DataError
        Where the archive is damaged, or something in it leads out of the folder. What is unpacked by then stays.
    OSError
        Where the file system refuses.
    """
    what = f"unpack {archive.name}"
    if not hasattr(tarfile, "data_filter"):
        raise DataError(what, "this Python cannot do it safely", "Use Python 3.11.4 or newer, or unpack it by hand.")
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        why = f"something in it leads out of the folder, or is no file ({error})"
        raise DataError(what, why, "Do not unpack it by hand either.") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(what, f"it is damaged ({error})", "Get it again.") from error
    except OSError as error:
        if error.errno is not None:
            raise
        # Not the file system's: the decompressors raise it, without a number, for data that are none of theirs.
        raise DataError(what, f"it is damaged ({error})", "Get it again.") from error


def part_of(folder: Path) -> Path:
    """Return the folder that holds a download until it is complete."""
    return folder.absolute().with_name(f".{folder.absolute().name}.part")
