"""Files that are whole or absent: written under a temporary name, forced to disk, then renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
"""Numbers of the system's errors that say that there is no room."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a file, to be written to; it becomes the file once all of it is on disk.

    A reader of the file sees what was there before or all that is new, whatever happens meanwhile. If writing fails,
    what was there before stays, and the temporary file is deleted. The new file has the mode of the old one, and where
    the name is a link, it is the file that the link leads to.
    """
    path = Path(os.path.realpath(path))
    temporary = _beside(path)
    try:
        yield temporary
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        delete(temporary)
        raise
    with suppress(OSError):  # some file systems do not force names to disk; the file itself is there
        sync(path.absolute().parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, as `whole` says."""
    with whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a new folder under a temporary name beside ``path``; it takes that name once all of it is on disk.

    What is at ``path`` may be nothing, or an empty folder. If filling it fails, nothing is left of it.
    """
    path = Path(os.path.realpath(path))
    temporary = _beside(path)
    temporary.mkdir()
    try:
        (temporary / ".mode").touch()
        mode = (temporary / ".mode").stat().st_mode
        (temporary / ".mode").unlink()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                file.chmod(mode)  # safetensors makes files that their owner alone can read
                sync(file)
        sync_tree(temporary)
        temporary.replace(path)
    except BaseException:
        delete(temporary)
        raise
    with suppress(OSError):  # some file systems do not force names to disk; the folder itself is there
        sync(path.parent)


def _beside(path: Path) -> Path:
    """A name in the same folder that nobody else takes."""
    return path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(6)}")


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Force a file's bytes, or the names in a folder, to disk; a file whose name is not there is lost too."""
    if os.name != "posix" and path.is_dir():
        return  # such systems do not open folders, and see to the names themselves
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Force the names in a folder and all its subfolders to disk."""
    for subfolder in (path for path in folder.rglob("*") if path.is_dir()):
        sync(subfolder)
    sync(folder)


def delete(path: Path) -> None:
    """Delete a file or a whole folder, as far as the system lets us; what is left is swept another time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
