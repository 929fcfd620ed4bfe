"""Reading a table from CSV, TSV, JSON, JSONL or Parquet, cell by cell and with every row's place.

``pandas.read_csv`` is not used: it fills short rows without a word and takes "NA" and "null" for missing values. Here
these are sentences, and a short row is an error with a line number. Cells of typed formats keep their type; the caller
decides which columns must be text.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from core.corpora.table_records import records_of_json, records_of_lines, table_of_records
from core.corpora.validation import MOST_BYTES, check_size, decoded, read_bytes, require_file, too_large
from core.errors import CorpusError
from core.store import bounded_parquet

# A cell as a program writes it that quotes cells: in quotes, with the quotes inside it doubled.
_QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)
# A first line of Excel's that says what separates cells; it is not part of the table.
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<mark>[^\r\n"])"?\r?\n', re.IGNORECASE)
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Rows:
    """A table.

    Attributes
    ----------
    columns : tuple of str
        Names as written, length n_columns.
    cells : tuple of tuple
        n_rows of n_columns; text without surrounding white space, or a value of a typed format.
    places : tuple of str
        Where each row is in the file: ``"line 7"``, ``"row 7"``.
    notes : tuple of str
        How the file was read, where that is a decision.
    """

    columns: tuple[str, ...]
    cells: tuple[tuple[object, ...], ...]
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class File:
    """A file of a table, while it is read.

    Attributes
    ----------
    what : str
        What was asked for, for errors.
    name : str
        What to call the file in errors: its path, or what a visitor called it.
    data : bytes
    """

    what: str
    name: str
    data: bytes

    @property
    def text(self) -> str:
        """The file as text; raises `CorpusError` if it is not text."""
        return decoded(self.what, self.data, self.name)


def read_rows(what: str, path: Path, name: str | None = None) -> Rows:
    """Read a table; the extension of its name says how, and a further ``.gz`` that it must be unpacked first.

    Parameters
    ----------
    name : str, optional
        What to call the file in errors; its path unless given.

    Raises
    ------
    CorpusError
        Where the file is missing, damaged, of another type, or a row of it has too many or too few cells.
    """
    name = name or str(path)
    require_file(what, path, name)
    endings = [ending.lower() for ending in path.suffixes]
    packed = endings[-1:] == [".gz"]
    ending = (endings[:-1] if packed else endings)[-1:] or [""]
    reader = READERS.get(ending[0])
    if reader is None:
        why = f"tables of type {ending[0]!r} are not read" if ending[0] else f"the name of {name} has no extension"
        raise CorpusError(what, why, f"Save the table as one of: {', '.join(READERS)}.")
    if path.stat().st_size > MOST_BYTES:
        raise too_large(what, f"{name} has more than {MOST_BYTES:,} bytes")
    data = read_bytes(what, path, name)
    rows = reader(File(what, name, _unpacked(what, name, data) if packed else data))
    check_size(what, name, len(rows.columns), len(rows.cells))
    return _without_empty_ends(rows)


def _unpacked(what: str, name: str, data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(what, f"{name} cannot be unpacked ({error})", "Get the file again, or unpack it.") from None
    if len(unpacked) > MOST_BYTES:
        raise too_large(what, f"{name} unpacks to more than {MOST_BYTES:,} bytes")
    return unpacked


def _read_csv(file: File) -> Rows:
    text = file.text
    notes: tuple[str, ...] = ()
    first_line = 1
    if separator_line := _SEPARATOR_LINE.match(text):
        text, mark, first_line = text[separator_line.end() :], separator_line["mark"], 2
    else:
        # Language codes contain none of these marks, so the one that is most often in the first line separates cells.
        header = text.lstrip().partition("\n")[0]
        mark = max(_MARKS, key=lambda mark: (header.count(mark), mark == ","))
    if mark not in (",", ";"):
        notes = (f"Cells are separated by {_MARKS.get(mark, repr(mark))}.",)
    return _delimited(file, text, mark, quoted=True, first_line=first_line, notes=notes)


def _read_tsv(file: File) -> Rows:
    # Two customs exist: cells as they are, or quoted as in CSV (spreadsheets). With quotes, a cell that holds one is
    # in quotes with its own doubled; a sentence that merely begins with a quotation mark must keep it.
    text = file.text
    cells = [cell.strip() for cell in re.split(r"[\t\n]", text) if '"' in cell]
    doubled = any('""' in cell[1:-1] for cell in cells)
    quoted = (doubled or text.startswith('"')) and all(_QUOTED.fullmatch(cell) for cell in cells)
    note = ("Quotation marks around cells were read as in CSV: not as part of the sentences.",) if quoted else ()
    return _delimited(file, text, "\t", quoted=quoted, notes=note)


def _delimited(
    file: File, text: str, mark: str, *, quoted: bool, first_line: int = 1, notes: tuple[str, ...] = ()
) -> Rows:
    table = [(line, row) for line, row in _records(file, text, mark, quoted, first_line) if row]
    if not table:
        raise CorpusError(
            file.what, f"the file {file.name} holds no rows", "Write a first line of column names, then the sentences."
        )
    (header, columns), *body = table
    for line, row in body:
        if len(row) != len(columns) and any(cell.strip() for cell in row):
            cells = f"{len(row)} cell" + "s" * (len(row) != 1)
            why = f"line {line} of {file.name} has {cells} where line {header} has {len(columns)}"
            sign = "a tab" if mark == "\t" else f"{mark!r}"
            more = f"; a sentence with {sign} in it must be in double quotes" if quoted else ""
            raise CorpusError(file.what, why, f"Correct that line{more}.")
    width = len(columns)
    return Rows(
        tuple(name.strip() for name in columns),
        tuple(tuple(cell.strip() for cell in (*row, *[""] * width)[:width]) for _, row in body),
        tuple(f"line {line}" for line, _ in body),
        notes,
    )


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Raise the csv module's limit of 131,072 characters a cell, which the whole process shares, and restore it."""
    with _one_at_a_time:
        previous_limit = csv.field_size_limit(MOST_BYTES)
        try:
            yield
        finally:
            csv.field_size_limit(previous_limit)


def _records(file: File, text: str, mark: str, quoted: bool, first_line: int) -> list[tuple[int, list[str]]]:
    """Read each record with the number of its first line; a quoted cell may span several lines."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    records: list[tuple[int, list[str]]] = []
    cells = 0
    with _cells_of_any_length():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, quoting=quoting, strict=True)
        while True:
            line = reader.line_num + first_line
            try:
                records.append((line, next(reader)))
                cells += len(records[-1][1])
                check_size(file.what, file.name, len(records[0][1]), 0)
                check_size(file.what, file.name, 1, cells)
            except StopIteration:
                return records
            except csv.Error as error:
                why = f"the record at line {line} of {file.name} cannot be read ({error})"
                instead = "Look for a double quote that is not closed, or not doubled within a quoted sentence."
                raise CorpusError(file.what, why, instead) from None


def _read_json(file: File) -> Rows:
    """Read one JSON object a line, or a file that is a list of objects or an object of columns."""
    text = file.text
    if text.lstrip()[:1] == "[" or not _is_object_a_line(text):
        records = records_of_json(file.what, file.name, text)
    else:
        records = records_of_lines(file.what, file.name, text)
    columns, cells, places = table_of_records(file.what, file.name, records)
    return Rows(columns, cells, places)


def _is_object_a_line(text: str) -> bool:
    """Whether to read one object a line: not if the first line begins a longer object, or holds all columns."""
    first, _, rest = text.strip().partition("\n")
    if not first.startswith("{"):
        return True
    of_columns = not rest and re.match(r'\{\s*"[^"]*"\s*:\s*(\[|\{\s*"\d)', first) is not None
    return first.rstrip().endswith("}") and not of_columns


def _read_parquet(file: File) -> Rows:
    try:
        table = bounded_parquet.read(pa.BufferReader(file.data))
        check_size(file.what, file.name, table.num_columns, table.num_rows)
        names = tuple(str(name) for name in table.schema.names)
        values = [table.column(position).to_pylist() for position in range(len(names))]
    except bounded_parquet.TooLargeError as error:
        raise too_large(file.what, f"{file.name} is too large: {error}") from None
    except CorpusError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # a date beyond the year 9999, for one
        reason = str(error).partition("\n")[0]
        why = f"{file.name} cannot be read as Parquet ({reason})"
        raise CorpusError(file.what, why, "Write it again, with columns of type string.") from None
    places = tuple(f"row {number}" for number in range(1, table.num_rows + 1))
    cells = tuple(zip(*values, strict=True)) if values else ()
    return Rows(names, cells, places)


def _without_empty_ends(rows: Rows) -> Rows:
    """Leave out what spreadsheets append: columns without a name or a cell, and rows without a cell at the end."""
    cells = list(rows.cells)
    while cells and all(cell == "" for cell in cells[-1]):
        cells.pop()
    positions = [
        position for position, name in enumerate(rows.columns) if name or any(row[position] != "" for row in cells)
    ]
    return Rows(
        tuple(rows.columns[position] for position in positions),
        tuple(tuple(row[position] for position in positions) for row in cells),
        rows.places[: len(cells)],
        rows.notes,
    )


READERS: Mapping[str, Callable[[File], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
"""How a table is read, by the ending of its file's name."""
