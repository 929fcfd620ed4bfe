"""Reading a table of text from CSV, TSV, JSONL or Parquet, cell by cell and with every row's place.

Not through ``pandas.read_csv``: it fills short rows in silence and guesses missing values, where "NA" and "null" are
sentences here and a short row is an error that has a line number.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from core.corpora.validation import listed, read_text, require_file
from core.errors import CorpusError

# A cell that a program which quotes has quoted: in quotes, with the quotes inside it doubled.
_QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)


@dataclass(frozen=True)
class Rows:
    """A table of text.

    Attributes
    ----------
    columns : tuple of str
        Names as written, length n_columns.
    cells : tuple of tuple of str
        n_rows of n_columns, without surrounding white space.
    places : tuple of str
        Where each row is in the file: ``"line 7"``, ``"row 7"``.
    notes : tuple of str
        How the file was read, where that is a decision.
    """

    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_rows(what: str, path: Path) -> Rows:
    """Read a table, by the extension of its name.

    Raises
    ------
    CorpusError
        Where the file is missing, damaged, of another type, or a row of it has too many or too few cells.
    """
    readers = {".csv": _read_csv, ".tsv": _read_tsv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    require_file(what, path)
    reader = readers.get(path.suffix.lower())
    if reader is None:
        why = f"tables of type {path.suffix!r} are not read" if path.suffix else "the file's name has no extension"
        raise CorpusError(what, why, f"Save the table as one of: {', '.join(readers)}")
    return reader(what, path)


def _read_csv(what: str, path: Path) -> Rows:
    text = read_text(what, path)
    # Codes of languages hold neither character, so whichever of them splits the first line further separates cells.
    header = text.lstrip().partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    return _delimited(what, path, text, delimiter, quoted=True)


def _read_tsv(what: str, path: Path) -> Rows:
    # Two customs exist: cells as they are, or quoted as in CSV (spreadsheets). With quotes, a cell that holds one is
    # in quotes with its own doubled; a sentence that merely begins with a quotation mark must keep it.
    text = read_text(what, path)
    cells = [cell.strip() for cell in re.split(r"[\t\n]", text) if '"' in cell]
    doubled = any('""' in cell[1:-1] for cell in cells)
    quoted = (doubled or text.startswith('"')) and all(_QUOTED.fullmatch(cell) for cell in cells)
    rows = _delimited(what, path, text, "\t", quoted=quoted)
    note = ("Quotation marks around cells were read as in CSV: not as part of the sentences.",) if quoted else ()
    return Rows(rows.columns, rows.cells, rows.places, note)


def _delimited(what: str, path: Path, text: str, delimiter: str, *, quoted: bool) -> Rows:
    table = [(line, row) for line, row in _records(what, path, text, delimiter, quoted) if row]
    if not table:
        raise CorpusError(
            what, f"the file {path} holds no rows", "Write a first line of column names, then the sentences"
        )
    (_, columns), *body = table
    for line, row in body:
        if len(row) != len(columns):
            cells = f"{len(row)} cell" + "s" * (len(row) != 1)
            why = f"line {line} of {path} has {cells} where the first line has {len(columns)}"
            mark = "a tab" if delimiter == "\t" else f"{delimiter!r}"
            instead = f"Mend that line; a sentence with {mark} in it must be in double quotes" if quoted else "Mend it"
            raise CorpusError(what, why, instead)
    return Rows(
        tuple(name.strip() for name in columns),
        tuple(tuple(cell.strip() for cell in row) for _, row in body),
        tuple(f"line {line}" for line, _ in body),
    )


def _records(what: str, path: Path, text: str, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line; a quoted cell may run over several."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = f"the record at line {line} of {path} cannot be read ({error})"
            instead = "Look for a double quote that is not closed, or not doubled within a quoted sentence"
            raise CorpusError(what, why, instead) from None
        yield line, record


def _read_jsonl(what: str, path: Path) -> Rows:
    columns: tuple[str, ...] = ()
    cells, places = [], []
    # Not splitlines(): JSON allows U+2028 within a string.
    for number, line in enumerate(read_text(what, path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        record = _json_object(what, path, place, line)
        columns = columns or tuple(record)
        if set(record) != set(columns):
            odd = listed(sorted(repr(name) for name in set(record) ^ set(columns)))
            why = f"{place} of {path} has not the same fields as the first: {odd}"
            raise CorpusError(what, why, "Give every line the same fields")
        cells.append(tuple(_cell(what, path, place, name, record[name]) for name in columns))
        places.append(place)
    return Rows(columns, tuple(cells), tuple(places))


def _json_object(what: str, path: Path, place: str, line: str) -> dict[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        if again := [name for name in names if names.count(name) > 1]:
            raise CorpusError(what, f"{place} of {path} has the field {again[0]!r} twice", "Keep one of them")
        return dict(pairs)

    try:
        record = json.loads(line, object_pairs_hook=unique)
    except CorpusError:
        raise
    except (ValueError, RecursionError) as error:
        why = f"{place} of {path} is not JSON ({error})"
        raise CorpusError(what, why, "Write one JSON object a line, in UTF-8") from None
    if not isinstance(record, dict):
        raise CorpusError(what, f"{place} of {path} is not a JSON object", 'Write {"en": "...", "es": "..."}')
    return record


def _read_parquet(what: str, path: Path) -> Rows:
    try:
        table = pq.ParquetFile(path).read()
        names = tuple(str(name) for name in table.schema.names)
        values = [table.column(position).to_pylist() for position in range(len(names))]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        why = f"{path} cannot be read as Parquet ({reason})"
        raise CorpusError(what, why, "Write it again, with columns of type string") from None
    places = tuple(f"row {number}" for number in range(1, table.num_rows + 1))
    cells = tuple(
        tuple(_cell(what, path, place, name, value) for name, value in zip(names, row, strict=True))
        for place, row in zip(places, zip(*values, strict=True), strict=True)
    )
    return Rows(names, cells, places)


def _cell(what: str, path: Path, place: str, name: str, value: object) -> str:
    """Take a cell of a typed format as text; whole numbers only as row ids, anything else is refused."""
    if isinstance(value, int) and not isinstance(value, bool) and name.strip().lower() == "id":
        return str(value)
    if not isinstance(value, str):
        kind = "nothing (null)" if value is None else f"not text but {type(value).__name__}"
        why = f"{place} of {path} has {kind} in {name!r}"
        raise CorpusError(what, why, "Put a sentence there, as text, or remove that row")
    return value.strip()
