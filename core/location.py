"""What ``import core`` must know of the process: whether it serves the public, and the folders to write in.

The folders are those where results are kept, and where libraries keep what they compile and download.

A machine may run the code as any user, from a folder that is read only, with no home: each of these has a folder then
too. It is imported by ``import core``, before the libraries look for their own.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

PUBLIC = "LANGUAGE_NEURONS_PUBLIC"
"""Variable: whether the server is public, which `core.access` says more of."""

OFF = ("", "0")
"""Values of a variable that say no."""

NAME = "language-neurons"  # the distribution's name, and that of its folder in the user's cache
_PARENT = Path(__file__).resolve().parents[1]
# Variable -> the library's own folder in the user's cache, and the folder in ours that takes its place. Numba refuses
# to compile, and the hub's client to download, where they can write nowhere.
_LIBRARIES = {"NUMBA_CACHE_DIR": ("numba", ".compiled"), "HF_HOME": ("huggingface", ".huggingface")}
_housed: dict[str, str] = {}  # variable -> the folder that this process has set it to


def is_public() -> bool:
    """Whether the server is public."""
    return os.environ.get(PUBLIC, "0") not in OFF


def checkout(parent: Path = _PARENT) -> Path | None:
    """Give the root of the checkout that the code runs from; None where the package is installed.

    Parameters
    ----------
    parent : Path
        The folder that holds ``core``: the checkout's root, or the environment's folder of packages.
    """
    try:
        described = (parent / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return parent if f'name = "{NAME}"' in described.splitlines() else None


def default_cache() -> Path:
    """Give the folder of artefacts.

    It is ``$LANGUAGE_NEURONS_CACHE`` where that is set. Else it is the first that can be written to: the folder
    ``cache`` of a checkout; a folder of the user's own, ``~/.cache/language-neurons`` on Linux,
    ``~/Library/Caches/language-neurons`` on macOS; and a folder among the system's temporary files.
    """
    if chosen := os.environ.get("LANGUAGE_NEURONS_CACHE"):
        return Path(chosen)
    usable = (folder for folder in _lasting() if can_write(folder))
    return next(usable, None) or _temporary() or _lasting()[-1]


def expanded(text: str) -> Path:
    """A path as a person writes it, ``~`` for a home folder; where there is no such home, as it stands.

    Nothing lies there then, and what asked for it says so.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def note(cache: Path) -> str | None:
    """Say so where results are kept among the temporary files for want of another folder; else None."""
    if os.environ.get("LANGUAGE_NEURONS_CACHE") or cache != default_cache() or cache in _lasting():
        return None
    tried = " and ".join(map(str, _lasting()))
    return (
        f"there is no writing to {tried}: results are kept in {cache}, which the system may empty. "
        "LANGUAGE_NEURONS_CACHE names another folder."
    )


def can_write(folder: Path) -> bool:
    """Whether files can be written in a folder, or it can be made; nothing is made to find out."""
    folder = folder.absolute()
    # Unlike Path.exists, this does not raise where a folder above may not be looked into.
    there = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    return os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)  # noqa: PTH112 - as above


def house_libraries(cache: Path | None = None) -> None:
    """Give libraries a folder beside the artefacts where they cannot write in the user's own.

    What the user has set stays, and so do models that the user's folder holds already. To be called before the
    libraries are imported, and again once the folder of artefacts is known.

    Parameters
    ----------
    cache : Path, optional
        The folder of artefacts; `default_cache` unless given.
    """
    _name_a_home()
    for variable, (own, ours) in _LIBRARIES.items():
        theirs, chosen = user_cache_path(own, appauthor=False), os.environ.get(variable)
        if (chosen and chosen != _housed.get(variable)) or can_write(theirs) or _holds_models(variable, theirs):
            continue
        folder = (default_cache() if cache is None else cache).absolute()
        if can_write(folder):
            os.environ[variable] = _housed[variable] = str(folder / ours)


def _holds_models(variable: str, folder: Path) -> bool:
    return variable == "HF_HOME" and os.path.isdir(folder)  # noqa: PTH112 - as above


def _name_a_home() -> None:
    """Name a home that is not there where the system knows of none, as of a number that is no user's.

    Libraries ask for it when they are imported, and end the program where there is no answer.
    """
    try:
        user_cache_path(NAME, appauthor=False)
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"


def _lasting() -> list[Path]:
    """The folders of artefacts that stay from run to run, the first to be preferred."""
    root = checkout()
    return [*([root / "cache"] if root else []), user_cache_path(NAME, appauthor=False)]


def _temporary() -> Path | None:
    """Make a folder among the temporary files that only this user can write to; None where there can be none.

    Compiled code is loaded from it, so a folder that somebody else has put there under the expected name is not used.
    """
    user = os.getuid() if os.name == "posix" else None
    with suppress(OSError):
        folder = Path(tempfile.gettempdir()) / (NAME if user is None else f"{NAME}-{user}")
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
        alone = user is None or (status.st_uid == user and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        if stat.S_ISDIR(status.st_mode) and alone:
            return folder
    return None
