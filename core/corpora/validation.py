"""Reads text files, and refuses text that no experiment should run on, naming its place."""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from core.errors import CorpusError
from core.language.normal_form import normal
from core.store import bounded_parquet

# C0 controls other than tab and line breaks, DELETE, and lone surrogates (half a character, from broken JSON).
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

MIN_ROWS = 4
"""The fewest rows that a corpus can have: two to find neurons with, two to measure on."""

MIN_LANGUAGES = 2
"""The fewest languages: neurons are specific to one language as against another."""


MOST_BYTES, MOST_CELLS, MOST_COLUMNS = bounded_parquet.MOST_BYTES, bounded_parquet.MOST_CELLS, 2_000
"""What a table may hold, unpacked; there are not so many languages that people write."""


def check_size(what: str, name: str, columns: int, rows: int) -> None:
    """Raise a `CorpusError` for a table of more columns or cells than are read."""
    if columns > MOST_COLUMNS:
        raise too_large(what, f"{name} has {columns:,} columns, and at most {MOST_COLUMNS:,} are read")
    if columns * rows > MOST_CELLS:
        raise too_large(what, f"{name} has {columns * rows:,} cells, and at most {MOST_CELLS:,} are read")


def too_large(what: str, why: str) -> CorpusError:
    """The refusal of a table that holds too much."""
    return CorpusError(what, why, "Take fewer rows, or fewer columns.")


def listed(items: Iterable[str], most: int = 5) -> str:
    """Write the first few items and how many more there are: ``"3, 7, 9 and 12 more"``."""
    all_items = list(items)
    more = f" and {len(all_items) - most} more" if len(all_items) > most else ""
    return ", ".join(all_items[:most]) + more


def require_file(what: str, path: Path, name: str | None = None) -> None:
    """Raise a `CorpusError` unless the path is that of a file with something in it; it calls the file ``name``."""
    name = name or str(path)
    mode, size = _kind_and_size(what, path)
    if mode is None:
        raise CorpusError(what, f"there is no file {name}", "Check the path, or use the corpus 'embedded'.")
    if not stat.S_ISREG(mode):
        raise CorpusError(what, f"{name} is a folder, not a file", "Name a file in it.")
    if not size:
        raise CorpusError(what, f"the file {name} is empty", "Get it again, or name another file.")


def folder_contents(what: str, path: Path) -> list[Path]:
    """List what is in a folder, by name; raises a `CorpusError` where it is missing, a file, or unreadable."""
    mode, _ = _kind_and_size(what, path)
    if mode is None:
        raise CorpusError(what, f"there is no folder {path}", "Check the path, or use the corpus 'embedded'.")
    if not stat.S_ISDIR(mode):
        raise CorpusError(
            what, f"{path} is a file, not a folder", "Name the folder; for a file of your own: table:FILE."
        )
    try:
        return sorted(path.iterdir())
    except OSError as error:
        raise _unreadable(what, str(path), error) from None


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there; False also where one may not look."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_text(what: str, path: Path) -> str:
    """Read a text file in UTF-8, or in UTF-16 with a byte order mark; line ends are left as they are.

    Raises
    ------
    CorpusError
        Where the file is missing, a folder, empty, unreadable, or not such text (with the line).
    """
    require_file(what, path)
    return decoded(what, read_bytes(what, path), str(path))


def read_bytes(what: str, path: Path, name: str | None = None) -> bytes:
    """Read a file whole; raises `CorpusError` where it cannot be read, which calls it ``name`` or else its path."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(what, name or str(path), error) from None


def decoded(what: str, data: bytes, name: str) -> str:
    """Text from UTF-8, or from UTF-16 with a byte order mark; raises `CorpusError` with the line that is neither."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            why = f"{name} begins as UTF-16 and goes on otherwise"
            raise CorpusError(what, why, "Save the file as UTF-8.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        why = f"line {line} of {name} is not UTF-8 (byte 0x{byte:02x})"
        raise CorpusError(what, why, "Save the file as UTF-8, or get it again if it should be.") from None


def text_lines(path: Path) -> tuple[str, ...]:
    """Lines of a file in UTF-8, as `lines_of` gives those of its text.

    Raises
    ------
    OSError, UnicodeDecodeError
    """
    return lines_of(path.read_text(encoding="utf-8-sig"))


def lines_of(text: str) -> tuple[str, ...]:
    """Lines of a text that are not blank, without space around them; a separator within a line parts none."""
    # Not splitlines(): it also cuts at U+2028, U+0085 and others, which are within a sentence.
    return tuple(line.strip() for line in text.split("\n") if line.strip())


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
    blank = [place(row) for row, sentence in enumerate(sentences) if not has_visible(sentence)]
    if blank:
        why = f"{name} has blank sentences: {listed(blank)}"
        raise CorpusError(what, why, "Fill them in, or remove these rows in every language.")
    for row, sentence in enumerate(sentences):
        if bad := _NOT_TEXT.search(sentence):
            why = f"{name} has a character that is not text (U+{ord(bad.group()):04X}): {place(row)}"
            raise CorpusError(what, why, "Remove it; if there are many, the file is damaged or not a text file.")


def repeats(sentences: Sequence[str]) -> list[tuple[int, int]]:
    """Give pairs (first row, later row) of rows, numbered from 0, that hold the same sentence."""
    first: dict[str, int] = {}
    normal = [same_text(text) for text in sentences]
    return [(first[text], row) for row, text in enumerate(normal) if first.setdefault(text, row) != row]


def same_text(text: str) -> str:
    """Normalise a text for comparison: two ways to encode one accented letter become the same (Unicode's NFC)."""
    return normal("NFC", text)


def has_half_character(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, as JSON can write it: no encoding has it."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def not_text(text: str) -> int | None:
    """The code point of the first character that is no text (a control character, half a character), or None."""
    bad = _NOT_TEXT.search(text)
    return None if bad is None else ord(bad.group())


def has_visible(text: str) -> bool:
    """Whether a text has any visible character."""
    # Zero-width characters are not white space to str.strip(), but they are not visible. Control characters count as
    # visible here, since another check refuses them with a clearer message.
    return any((char.isprintable() and not char.isspace()) or _NOT_TEXT.match(char) for char in text)


def _kind_and_size(what: str, path: Path) -> tuple[int | None, int]:
    """Give a path's mode (None where nothing is there) and its size in bytes."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a path with NUL in it
        return None, 0
    except OSError as error:
        raise _unreadable(what, str(path), error) from None
    return status.st_mode, status.st_size


def _unreadable(what: str, name: str, error: OSError) -> CorpusError:
    return CorpusError(what, f"{name} cannot be read ({error.strerror})", "Check the path and its permissions.")
