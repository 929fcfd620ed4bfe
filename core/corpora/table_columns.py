"""Finds what each column of a table holds (a language, row ids, splits), and which columns are left out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.corpora.table_files import Rows
from core.corpora.validation import MIN_LANGUAGES, check_size, listed
from core.errors import CorpusError
from core.language.codes import canonical, describe

RESERVED = ("id", "split", "topic", "label")
"""Columns with a meaning of their own that are no languages: row ids, probe or evaluation, what kind of sentence a row
is (kept for people), and its class in a task."""

# What published tables write before a language: sentence_eng_Latn.
_PREFIX = re.compile(r"(?:sentence|text|translation)[_.-](?=.)", re.IGNORECASE)
# What pandas calls an index that had no name.
_INDEX = re.compile(r"(?:unnamed: \d+|__index_level_\d+__)?", re.IGNORECASE)
# Names that tables give to other columns, and that are codes of languages too.
_AMBIGUOUS = re.compile(
    "cid|col|day|dep|dev|doc|end|gid|iso|key|len|lem|lid|new|nr|num|old|pid|pos|row|sen|seq|set|sid|sim|sno|src|std|str"
    "|sum|tag|tgt|url|val|var",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
# A web address, or a number as a table of text holds it: 12, 0.5, 1,000, -3e-4, 12 %.
_NO_SENTENCE = re.compile(rf"{_ADDRESS.pattern}|\s*[-+]?[\d.,\s]*\d[\d.,]*(?:e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """What each column of a table holds.

    Attributes
    ----------
    reserved : dict of str to int
        Positions of the columns in `RESERVED`, by name.
    languages : dict of str to int
        Positions of the columns of sentences, by canonical code.
    notes : tuple of str
        Which columns are left out, and why; which are read as languages and may be none.
    """

    reserved: dict[str, int]
    languages: dict[str, int]
    notes: tuple[str, ...]


def with_columns_of_translations(what: str, name: str, rows: Rows) -> Rows:
    """Split a column of translations (``{"en": ..., "de": ...}``) into one column for each language.

    Raises
    ------
    CorpusError
        Where a row has other languages than the first.
    """
    columns, cells = list(rows.columns), [list(row) for row in rows.cells]
    for position in reversed(range(len(columns))):
        values = [value for row in cells if isinstance(value := row[position], Mapping)]
        if not values or len(values) < len(cells):
            continue
        languages = list(values[0])
        check_size(what, name, len(languages), len(values))
        for place, value in zip(rows.places, values, strict=True):
            if set(value) != set(languages):
                odd = listed(sorted(map(repr, set(value) ^ set(languages))))
                why = f"{place} of {name} has not the same languages in {columns[position]!r} as the first row: {odd}"
                raise CorpusError(what, why, "Give every row the same languages.")
        columns[position : position + 1] = map(str, languages)
        for row, value in zip(cells, values, strict=True):
            row[position : position + 1] = [value[language] for language in languages]
    return Rows(tuple(columns), tuple(map(tuple, cells)), rows.places, rows.notes)


def layout_of(what: str, rows: Rows) -> Layout:
    """Sort the columns into languages, reserved columns and columns that are left out.

    Raises
    ------
    CorpusError
        Where fewer than two columns are languages, two mean the same, or one with cells has no name.
    """
    reserved: dict[str, int] = {}
    languages: dict[str, int] = {}
    foreign, no_sentences, notes = [], [], []
    counts = Counter(rows.columns)
    for position, name in enumerate(rows.columns):
        values = [row[position] for row in rows.cells]
        if _INDEX.fullmatch(name):
            if not all(_is_number(value) for value in values):
                why = f"column {position + 1} has no name"
                raise CorpusError(what, why, "Name it after its language, or remove it.")
            notes.append(f"Column {position + 1} numbers the rows and is left out.")
            continue
        if counts[name] > 1:
            raise CorpusError(what, f"there are two columns {name!r}", "Keep one of them, or name them apart.")
        if name.lower() in RESERVED:
            _put(what, rows.columns, reserved, name.lower(), position)
        elif (code := language_of(name)) is None:
            foreign.append(name)
        elif _holds_no_sentences(values):
            no_sentences.append(name)
        else:
            _put(what, rows.columns, languages, code, position)
    if unsure := [rows.columns[at] for at in languages.values() if _AMBIGUOUS.fullmatch(rows.columns[at])]:
        read = ", ".join(f"{name!r} ({describe(name).english})" for name in unsure)
        notes.append(f"Columns read as languages, whose codes their names are: {read}. Rename any that is none.")
    if foreign:
        notes.append(f"Columns left out, because their names are no languages: {', '.join(foreign)}.")
    if no_sentences:
        notes.append(f"Columns left out, because they hold no sentences: {', '.join(no_sentences)}.")
    if len(languages) < MIN_LANGUAGES:
        raise _too_few(what, rows, reserved, languages, foreign, no_sentences)
    return Layout(reserved, languages, tuple(notes))


def labels_of(rows: Rows, layout: Layout) -> tuple[str, ...] | None:
    """Read the column ``label``: the class of each row, ``""`` where a cell is empty; None where no row has one.

    Numbers are taken as names of classes, whole ones without a decimal point: pandas writes 1.0 beside an empty cell.
    """
    if "label" not in layout.reserved:
        return None
    labels = tuple(label_of(row[layout.reserved["label"]]) for row in rows.cells)
    return labels if any(labels) else None


def label_of(value: object) -> str:
    """Take a cell of the column ``label`` as the name of a class; ``""`` where it is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode(errors="replace").strip() if isinstance(value, bytes) else str(value).strip()


def _holds_no_sentences(values: Sequence[object]) -> bool:
    """Whether a column is of numbers, marks or web addresses throughout, whatever it is called."""
    return bool(values) and (
        all(not isinstance(value, str | bytes) and value is not None for value in values)
        or all(isinstance(value, str) and _NO_SENTENCE.fullmatch(value) for value in values)
    )


def _too_few(
    what: str,
    rows: Rows,
    reserved: dict[str, int],
    languages: dict[str, int],
    foreign: list[str],
    no_sentences: list[str],
) -> CorpusError:
    columns = listed(map(repr, rows.columns)) or "(none)"
    why = f"it has {len(languages)} columns of languages among its columns {columns}"
    instead = f"Have a column for each of at least {MIN_LANGUAGES} languages, named by its code (en, es)"
    if foreign:
        try:
            canonical(foreign[0])
        except CorpusError as error:
            why += f"; column {foreign[0]!r} is not a language: {error.why}"
            instead = f"{error.instead} {instead}"
    if no_sentences:
        value = rows.cells[0][rows.columns.index(no_sentences[0])]
        kind = f"not text but {type(value).__name__}"
        if isinstance(value, str):
            kind = "a web address" if _ADDRESS.fullmatch(value) else "a number"
        why += f"; {rows.places[0]} has {kind} in {no_sentences[0]!r}"
    hint = "; the column 'id' holds row ids, so name Indonesian 'ind'" if "id" in reserved else ""
    return CorpusError(what, why, f"{instead}{hint}.")


def _put(what: str, columns: tuple[str, ...], places: dict[str, int], key: str, position: int) -> None:
    if key in places:
        why = f"columns {columns[places[key]]!r} and {columns[position]!r} mean the same, {key!r}"
        raise CorpusError(what, why, "Keep one of them, or name them apart (a script or region: 'pt-BR', 'pt-PT').")
    places[key] = position


def language_of(name: str) -> str | None:
    """The code of the language that a column is named by; None where its name is none."""
    for written in (name, _PREFIX.sub("", name, count=1)):
        try:
            return canonical(written)
        except CorpusError:
            continue
    return None


def _is_number(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdecimal())
