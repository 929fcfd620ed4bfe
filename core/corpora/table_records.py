"""Tables that are written as JSON: an object a line, a list of objects, or an object of columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from core.corpora.validation import check_size, listed
from core.errors import CorpusError

Record = tuple[str, Mapping[str, object]]
"""A row's place in the file, and its values by column."""

_AS_JSON = 'Write one JSON object a line ({"en": "...", "es": "..."}), or a list of such objects, in UTF-8.'


def records_of_lines(what: str, name: str, text: str) -> list[Record]:
    """Read one object a line; raises `CorpusError` with the line that is none."""
    # Not splitlines(): JSON allows U+2028 within a string.
    lines = ((f"line {number}", line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
    return [(place, _object(what, name, place, _parsed(what, name, place, line))) for place, line in lines]


def records_of_json(what: str, name: str, text: str) -> list[Record]:
    """Read a file that is one JSON value: a list of objects, or an object of columns (lists, or objects by row).

    Raises
    ------
    CorpusError
        Where it is neither.
    """
    value = _parsed(what, name, "the whole", text)
    if isinstance(value, list):
        places = (f"row {number}" for number in range(1, len(value) + 1))
        return [(place, _object(what, name, place, record)) for place, record in zip(places, value, strict=True)]
    if isinstance(value, dict) and value and all(isinstance(column, list | dict) for column in value.values()):
        columns = {key: list(c.values()) if isinstance(c, dict) else c for key, c in value.items()}
        check_size(what, name, len(columns), max(map(len, columns.values())))
        if len({len(column) for column in columns.values()}) == 1:
            rows = zip(*columns.values(), strict=True)
            return [(f"row {n}", dict(zip(columns, row, strict=True))) for n, row in enumerate(rows, start=1)]
    raise CorpusError(what, f"{name} is JSON, and no table", _AS_JSON)


def table_of_records(
    what: str, name: str, records: Iterable[Record]
) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...], tuple[str, ...]]:
    """Turn records into columns, cells and places; raises `CorpusError` if one has other fields than the first."""
    columns: tuple[str, ...] = ()
    names: set[str] = set()
    cells, places = [], []
    for place, record in records:
        if not columns:
            columns = tuple(record)
            names = set(columns)
            check_size(what, name, len(columns), 1)
        if record.keys() != names:
            odd = listed(sorted(repr(field) for field in set(record) ^ names))
            why = f"{place} of {name} has not the same fields as the first: {odd}"
            raise CorpusError(what, why, "Give every row the same fields.")
        cells.append(tuple(_plain(record[column]) for column in columns))
        places.append(place)
    return columns, tuple(cells), tuple(places)


def _plain(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _parsed(what: str, name: str, place: str, text: str) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        record = dict(pairs)
        if len(record) < len(pairs):
            repeated = next(field for field, count in Counter(field for field, _ in pairs).items() if count > 1)
            raise CorpusError(what, f"{place} of {name} has the field {repeated!r} twice", "Keep one of them.")
        return record

    try:
        value: object = json.loads(text, object_pairs_hook=unique)
    except CorpusError:
        raise
    except (ValueError, RecursionError) as error:
        raise CorpusError(what, f"{place} of {name} is not JSON ({error})", _AS_JSON) from None
    return value


def _object(what: str, name: str, place: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise CorpusError(what, f"{place} of {name} is not a JSON object", 'Write {"en": "...", "es": "..."}.')
    return value
