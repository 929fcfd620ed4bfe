"""Files that a command writes where its user says: checked before the work, and written whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from core.errors import SettingError
from core.store.disk import write_whole


def check_file(path: Path) -> None:
    """Find out before hours of work that a file could not be written.

    Raises
    ------
    SettingError
        If it is a folder, its folder does not exist, or nothing can be written there.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise SettingError(
            f"write {path}", "it is a folder, or its folder does not exist", "Name a file in a folder that is there."
        )
    try:
        _try_writing(path.absolute().parent)
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


def write(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all.

    Raises
    ------
    SettingError
        If the file system refuses: what was there before stays.
    """
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise SettingError(
            f"write {path}",
            error.strerror or str(error),
            "Make room or allow writing there, and ask again: what was computed is in the cache.",
        ) from error


def _try_writing(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass
