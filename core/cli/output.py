"""What a command writes where its user says: checked before the work, and written whole or not at all.

A file takes the place of the one that was there, with its mode, and a link stays a link. ``-`` is standard output;
devices, FIFOs and what the standard streams are joined to are written through, not replaced.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from core import location
from core.errors import SettingError
from core.store.disk import write_whole

STANDARD = Path("-")
"""What is typed for standard output in place of a file."""


def check_files(*paths: Path | None) -> None:
    """Find out the same as `check_file` of every file that is named; None names none."""
    for path in paths:
        if path is not None:
            check_file(path)


def check_file(path: Path) -> None:
    """Find out before hours of work that a file could not be written.

    Raises
    ------
    SettingError
        If it is a folder, its folder does not exist, or nothing can be written there.
    """
    if path == STANDARD and sys.stdout is None:
        raise SettingError("write to standard output", "it is closed", "Name a file in a folder you can write to.")
    if path == STANDARD or _standard_stream(path):
        return
    target = Path(os.path.realpath(path))
    if path.is_dir() or not (path.exists() or target.parent.is_dir()):
        raise SettingError(
            f"write {path}", "it is a folder, or its folder does not exist", "Name a file in a folder that is there."
        )
    try:
        if not _in_place(path):
            _try_writing(target.parent)
        elif path.is_socket() or not os.access(path, os.W_OK):
            raise PermissionError("nothing can be written to it")
    except OSError as error:
        raise SettingError(f"write {path}", str(error), "Name a file in a folder you can write to.") from error


def check_folder(folder: Path, what: str) -> None:
    """Make the folder that ``what`` is to be written into, and find out before hours of work that it cannot be.

    Raises
    ------
    SettingError
        If it is a file, or cannot be made or written to.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"write {what} into {folder}", "it is a file", "Name a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try_writing(folder)
    except OSError as error:
        raise SettingError(
            f"write {what} into {folder}", error.strerror or str(error), "Name a folder you can write to."
        ) from error


def check_cache(cache: Path) -> None:
    """Find out before the libraries are loaded that results could not be kept, and let libraries keep theirs there.

    Raises
    ------
    SettingError
        If nothing can be written there.
    """
    if not location.can_write(cache):
        raise SettingError(
            f"keep results in {cache}",
            "nothing can be written there",
            "Name a folder you can write to with --cache or in LANGUAGE_NEURONS_CACHE.",
        )
    location.house_libraries(cache)
    if note := location.note(cache):
        print(f"note: {note}", file=sys.stderr)


def write(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all; half of a surrogate pair as its escape, which JSON reads.

    Raises
    ------
    SettingError
        If the file system refuses: what was there before stays.
    """
    content = text.encode(errors="backslashreplace")
    try:
        if stream := _standard_stream(path):
            stream.flush()
            stream.buffer.write(content)
            stream.flush()
        elif _in_place(path):
            path.write_bytes(content)
        else:
            write_whole(path, content)
    except BrokenPipeError:  # its reader has seen enough
        raise
    except OSError as error:
        raise SettingError(
            f"write {path}",
            error.strerror or str(error),
            "Make room or allow writing there, and ask again: what was computed is in the cache.",
        ) from error


def write_json(path: Path, document: Any) -> None:
    """Write a document as JSON, as `write` does; every command writes it alike."""
    write(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def say(text: str, *beside: Path | None) -> None:
    """Print what a person reads; on standard error where one of the files written ``beside`` is standard output."""
    taken = any(_standard_stream(path) is sys.stdout for path in beside if path)
    print(text, file=sys.stderr if taken else sys.stdout)


def _standard_stream(path: Path) -> TextIO | None:
    """Give the standard stream that a path leads to: by ``-``, by ``/dev/stdout``, or by the name of what it is."""
    if path == STANDARD:
        return sys.stdout
    with suppress(OSError):
        status = path.stat()
        if os.path.samestat(status, Path(os.devnull).stat()):
            return None
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, AttributeError):  # a stream in memory, and none, have no file
                if os.path.samestat(status, os.fstat(stream.fileno())):
                    return stream
    return None


def _in_place(path: Path) -> bool:
    """Whether what is there is written to rather than replaced: no file, or one that only itself may be changed."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    given_by_number = path.absolute().is_relative_to("/dev/fd") or path.absolute().is_relative_to("/proc")
    folder = Path(os.path.realpath(path)).parent
    return not stat.S_ISREG(mode) or given_by_number or not location.can_write(folder)


def _try_writing(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass
