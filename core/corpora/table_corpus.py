"""Tables of sentences with one column for each language: a user's own, and the one that comes with this software."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from core import access
from core.corpora import read_apart
from core.corpora.corpus import Corpus, ParallelSet, taken_from
from core.corpora.file_memory import FileMemory, bytes_of
from core.corpora.table_columns import Layout, labels_of, layout_of, with_columns_of_translations
from core.corpora.table_files import Rows, read_rows
from core.corpora.validation import MIN_ROWS, decoded, refuse_bad_text, repeats
from core.errors import CorpusError

EMBEDDED_FILE = Path(__file__).parent / "embedded" / "sentences.tsv"
_PROBE, _EVALUATION = "probe", "evaluation"
_SPLITS = {
    **dict.fromkeys(("probe", "dev", "train", "validation"), _PROBE),
    **dict.fromkeys(("evaluation", "eval", "test", "devtest"), _EVALUATION),
}
_MIN_SIDE = MIN_ROWS // 2
_MOST_BYTES = 128 << 20


def _bytes_of(corpus: Corpus) -> int:
    sets = (corpus.probe, *corpus.evaluation)
    return sum(bytes_of(texts) for rows in sets if rows is not None for texts in rows.texts.values())


# Every drawing of a page needs its table.
_memory: FileMemory[Corpus] = FileMemory(_MOST_BYTES, _bytes_of)


def load_table(spec: str, path: Path, name: str | None = None) -> Corpus:
    """Read a table with one column a language, and optionally ``id``, ``split``, ``topic`` and ``label``.

    Other columns are left out with a note, and so is what pandas and spreadsheets add.

    Parameters
    ----------
    spec : str
        As it was asked for.
    path : Path
        A file of one of the types in `core.corpora.table_files.READERS`, text in UTF-8 or UTF-16.
    name : str, optional
        What to call the file; its path unless given.

    Returns
    -------
    Corpus
        Split by the column ``split``; without one, the first half of the rows is the probe.

    Raises
    ------
    CorpusError
        Where the table cannot be read, too few columns are languages, or sentences are blank or repeated.
    """
    read = read_apart.read if read_apart.is_due(path) else read_table
    return _memory.get([path], (spec, name), lambda: read(spec, path, name))


def read_table(spec: str, path: Path, name: str | None) -> Corpus:
    """Read a table in this process, and each time; as `load_table`."""
    what = f"corpus {name or spec!r}"
    probe, evaluation, notes = parallel_sets(what, name or str(path), read_rows(what, path, name))
    return Corpus(
        spec=spec,
        kind="table",
        title=name or path.name,
        licence="not stated in the file",
        source=name or str(path),
        probe=probe,
        evaluation=(evaluation,),
        notes=notes,
    )


def load_embedded(spec: str, path: Path = EMBEDDED_FILE) -> Corpus:
    """Read the sentences that come with this software; errors as in `load_table`."""
    if not path.exists():
        why = f"its file {path} is missing from this installation"
        raise CorpusError(
            f"corpus {spec!r}", why, "Install the software again, or name a corpus of your own: table:FILE."
        )
    status = path.stat()
    return _embedded(spec, path, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=4)
def _embedded(spec: str, path: Path, _stamp: tuple[int, int]) -> Corpus:
    """Read the embedded table, once while the file is unchanged: every drawing of a page needs it."""
    what = f"corpus {spec!r}"
    probe, evaluation, notes = parallel_sets(what, str(path), read_rows(what, path))
    return Corpus(
        spec=spec,
        kind="embedded",
        title="Embedded sentences",
        licence="as this software",
        source="written for this software",
        probe=probe,
        evaluation=(evaluation,),
        notes=notes,
    )


def parallel_sets(what: str, table: str, rows: Rows) -> tuple[ParallelSet | None, ParallelSet, tuple[str, ...]]:
    """Split a table's rows into probe and evaluation, with notes on how that was decided.

    Parameters
    ----------
    what, table : str
        What was asked for, and what to call the table, in an error.
    rows : Rows
        One column a language, and optionally ``id``, ``split``, ``topic`` and ``label``.

    Returns
    -------
    probe : ParallelSet or None
        None where every row is marked as evaluation: neurons are then found on another corpus.
    evaluation : ParallelSet
    notes : tuple of str

    Raises
    ------
    CorpusError
        As `load_table`.
    """
    rows = with_columns_of_translations(what, table, rows)
    layout = layout_of(what, rows)
    if len(rows.cells) < MIN_ROWS:
        why = f"{table} has only {len(rows.cells)} rows of sentences"
        raise CorpusError(what, why, f"At least {MIN_ROWS} are needed, and hundreds for results that mean something.")
    ids, places = _ids(what, table, rows, layout)
    roles, notes_of = _roles(what, table, rows, places, layout)
    labels = labels_of(rows, layout)
    texts = {code: _column(what, table, rows, position) for code, position in layout.languages.items()}
    for code, sentences in texts.items():
        column = f"column {rows.columns[layout.languages[code]]!r}"
        refuse_bad_text(what, sentences, column, places.__getitem__)
        _refuse_repeats(what, sentences, column, places, roles)

    def side(role: str) -> ParallelSet:
        return _side(what, table, role, roles, ids, texts, notes_of[role], labels)

    probe, evaluation = side(_PROBE) if _PROBE in roles else None, side(_EVALUATION)
    blank = labels.count("") if labels else 0
    unlabelled = (f"{blank} of {len(rows.cells)} rows have no label and take no part in a task.",) if blank else ()
    return probe, evaluation, (*rows.notes, *layout.notes, *unlabelled)


def _column(what: str, name: str, rows: Rows, position: int) -> tuple[str, ...]:
    """Take one column as text; raises `CorpusError` with the place of a cell that is not text."""
    column = rows.columns[position]
    return tuple(
        _text(what, name, place, column, row[position]) for place, row in zip(rows.places, rows.cells, strict=True)
    )


def _text(what: str, name: str, place: str, column: str, value: object) -> str:
    """Take a cell as text; whole numbers only as row ids, anything else is refused."""
    if isinstance(value, bytes):
        return decoded(what, value, f"{place} of {name}").strip()
    if isinstance(value, int) and not isinstance(value, bool) and column.strip().lower() == "id":
        return str(value)
    if not isinstance(value, str):
        kind = "nothing (null)" if value is None else f"not text but {type(value).__name__}"
        why = f"{place} of {name} has {kind} in {column!r}"
        raise CorpusError(what, why, "Put a sentence there, as text, or remove that row.")
    return value.strip()


def _side(
    what: str,
    name: str,
    role: str,
    roles: tuple[str, ...],
    ids: tuple[str, ...],
    texts: dict[str, tuple[str, ...]],
    notes: tuple[str, ...],
    labels: tuple[str, ...] | None,
) -> ParallelSet:
    """Take the rows of one role; raises `CorpusError` if they are too few."""
    chosen = [row for row, row_role in enumerate(roles) if row_role == role]
    if len(chosen) < _MIN_SIDE:
        why = f"{name} has {len(chosen)} {role} rows"
        raise CorpusError(what, why, f"Mark at least {_MIN_SIDE} rows as {role} in the column 'split'.")
    return ParallelSet(
        tuple(ids[row] for row in chosen),
        {code: tuple(sentences[row] for row in chosen) for code, sentences in texts.items()},
        notes,
        None if labels is None else tuple(labels[row] for row in chosen),
    )


def _ids(what: str, name: str, rows: Rows, layout: Layout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the rows' ids, and their places with the id added; without a column of ids, rows are numbered from 1."""
    if "id" not in layout.reserved:
        return tuple(str(number) for number in range(1, len(rows.cells) + 1)), rows.places
    ids = _column(what, name, rows, layout.reserved["id"])
    # "id" is also the code of Indonesian: its sentences must not be taken for row ids without a word.
    if sum(len(text.split()) > 1 for text in ids) > len(ids) / 2:
        why = "the column 'id' is for row ids, and most of its cells look like sentences"
        raise CorpusError(what, why, "If it is Indonesian, name it 'ind' or 'id-Latn'.")
    refuse_bad_text(what, ids, "column 'id'", rows.places.__getitem__)
    if repeated := repeats(ids):
        first, second = repeated[0]
        why = f"{_quoted('id', ids[first])} is on {rows.places[first]} and {rows.places[second]}"
        more = f" ({len(repeated) - 1} more ids repeat)" if len(repeated) > 1 else ""
        raise CorpusError(what, why + more, "Give every row an id of its own, or leave the column out.")
    if access.current().public:
        return ids, rows.places
    return ids, tuple(f"{place} (id {text!r})" for place, text in zip(rows.places, ids, strict=True))


def _quoted(kind: str, cell: str) -> str:
    """A cell for a refusal; on a public server, whose administrators read refusals too, not what is in it."""
    return f"one {kind}" if access.current().public else f"the {kind} {cell!r}"


def _roles(
    what: str, name: str, rows: Rows, places: tuple[str, ...], layout: Layout
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Give each row's role, probe or evaluation, and notes on how that was decided, by role."""
    if "split" not in layout.reserved:
        half = len(rows.cells) // 2
        rest = len(rows.cells) - half
        first, second = taken_from(_PROBE, "the first half", half), taken_from(_EVALUATION, "the second half", rest)
        more = "A column 'split' says otherwise, as 'evaluation' in every row does to measure on all."
        return (_PROBE,) * half + (_EVALUATION,) * rest, {_PROBE: (first,), _EVALUATION: (f"{second} {more}",)}
    marks = [mark.lower() for mark in _column(what, name, rows, layout.reserved["split"])]
    for mark, place in zip(marks, places, strict=True):
        if mark not in _SPLITS:
            why = f"{_quoted('split', mark)} on {place} is not known"
            raise CorpusError(what, why, f"Write one of: {', '.join(_SPLITS)}.")
    notes: dict[str, tuple[str, ...]] = {_PROBE: (), _EVALUATION: ()}
    for mark in dict.fromkeys(marks):
        if mark != (role := _SPLITS[mark]):
            notes[role] += (f"Rows of the split {mark!r} are {role} rows.",)
    return tuple(_SPLITS[mark] for mark in marks), notes


def _refuse_repeats(
    what: str, sentences: tuple[str, ...], name: str, places: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    """Raise a `CorpusError` if two rows of a language are the same sentence."""
    repeated = repeats(sentences)
    if not repeated:
        return
    # A sentence in both roles is the worse fault: neurons would be measured on sentences that they were chosen by.
    across_roles = [(first, second) for first, second in repeated if roles[first] != roles[second]]
    first, second = (across_roles or repeated)[0]
    why = f"{name} has the same sentence on {places[first]} and {places[second]}"
    if across_roles:
        why += ", once to probe and once to evaluate"
    if len(repeated) > 1:
        why += f" (and {len(repeated) - 1} more rows repeat others)"
    raise CorpusError(what, why, "Remove one of the two rows, or word them differently.")
