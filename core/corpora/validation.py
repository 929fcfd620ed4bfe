"""Reading text files and refusing what no experiment should run on, with the place where it is."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from core.errors import CorpusError

# C0 controls other than tab and line breaks, DELETE, and lone surrogates (half a character, from broken JSON).
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

MIN_ROWS = 4
"""The fewest rows that a corpus can have: two to find neurons with, two to measure on."""

MIN_LANGUAGES = 2
"""The fewest languages: neurons are specific to one language as against another."""


def listed(items: Iterable[str], most: int = 5) -> str:
    """Write the first few items and how many more there are: ``"3, 7, 9 and 12 more"``."""
    all_items = list(items)
    more = f" and {len(all_items) - most} more" if len(all_items) > most else ""
    return ", ".join(all_items[:most]) + more


def require_file(what: str, path: Path) -> None:
    """Raise a `CorpusError` unless the path is that of a file with something in it."""
    mode, size = _kind_and_size(what, path)
    if mode is None:
        raise CorpusError(what, f"there is no file {path}", "Check the path, or use the corpus 'embedded'")
    if not stat.S_ISREG(mode):
        raise CorpusError(what, f"{path} is a folder, not a file", "Name a file in it")
    if not size:
        raise CorpusError(what, f"the file {path} is empty", "Get it again, or name another file")


def folder_contents(what: str, path: Path) -> list[Path]:
    """List what is in a folder, by name; raises a `CorpusError` where it is missing, a file, or unreadable."""
    mode, _ = _kind_and_size(what, path)
    if mode is None:
        raise CorpusError(what, f"there is no folder {path}", "Check the path, or use the corpus 'embedded'")
    if not stat.S_ISDIR(mode):
        raise CorpusError(
            what, f"{path} is a file, not a folder", "Name the folder; for a file of your own: table:FILE"
        )
    try:
        return sorted(path.iterdir())
    except OSError as error:
        raise _unreadable(what, path, error) from None


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there; False also where one may not look."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_text(what: str, path: Path) -> str:
    """Read a UTF-8 file, with or without a byte order mark; line ends are left as they are.

    Raises
    ------
    CorpusError
        Where the file is missing, a folder, empty, unreadable, or not UTF-8 (with the line).
    """
    require_file(what, path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(what, path, error) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        why = f"line {line} of {path} is not UTF-8 (byte 0x{byte:02x})"
        raise CorpusError(what, why, "Save the file as UTF-8, or get it again if it should be") from None


def read_sentences(what: str, path: Path) -> tuple[str, ...]:
    """Read a file of one sentence a line, without surrounding white space; raises `CorpusError` for any bad line."""
    # Not splitlines(): a separator such as U+2028 within a sentence would shift every row below it.
    lines = read_text(what, path).removesuffix("\n").split("\n")
    sentences = tuple(line.strip() for line in lines)
    refuse_bad_text(what, sentences, str(path), lambda row: f"line {row + 1}")
    return sentences


def refuse_bad_text(what: str, sentences: Sequence[str], name: str, place: Callable[[int], str]) -> None:
    """Raise a `CorpusError` if a sentence is blank or holds characters that are not text.

    Parameters
    ----------
    what : str
        What was asked for.
    sentences : sequence of str
        Of one language.
    name : str
        What they were read from: a file, a column.
    place : callable
        Row number (from 0) -> where it is, for a reader.
    """
    blank = [place(row) for row, sentence in enumerate(sentences) if not _visible(sentence)]
    if blank:
        why = f"{name} has blank sentences: {listed(blank)}"
        raise CorpusError(what, why, "Fill them in, or remove these rows in every language")
    for row, sentence in enumerate(sentences):
        if bad := _NOT_TEXT.search(sentence):
            why = f"{name} has a character that is not text (U+{ord(bad.group()):04X}): {place(row)}"
            raise CorpusError(what, why, "Remove it; if there are many, the file is damaged or not a text file")


def repeats(sentences: Sequence[str]) -> list[tuple[int, int]]:
    """Give pairs (first row, later row) of rows, numbered from 0, that hold the same sentence."""
    first: dict[str, int] = {}
    return [(first[text], row) for row, text in enumerate(sentences) if first.setdefault(text, row) != row]


def _visible(text: str) -> bool:
    # Zero-width characters are no white space to str.strip(), and nothing to read either. A control character is
    # left to its own, clearer refusal.
    return any((char.isprintable() and not char.isspace()) or _NOT_TEXT.match(char) for char in text)


def _kind_and_size(what: str, path: Path) -> tuple[int | None, int]:
    """Give a path's mode (None where nothing is there) and its size in bytes."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a path with NUL in it
        return None, 0
    except OSError as error:
        raise _unreadable(what, path, error) from None
    return found.st_mode, found.st_size


def _unreadable(what: str, path: Path, error: OSError) -> CorpusError:
    return CorpusError(what, f"{path} cannot be read ({error.strerror})", "Check the path and its permissions")
