"""Tables of sentences, one column a language: a user's own, and the one that comes with this software."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.corpora.corpus import Corpus, ParallelSet
from core.corpora.table_files import Rows, read_rows
from core.corpora.validation import MIN_LANGUAGES, MIN_ROWS, listed, refuse_bad_text, repeats
from core.errors import CorpusError
from core.language.codes import canonical

EMBEDDED_FILE = Path(__file__).parent / "embedded" / "sentences.tsv"
_RESERVED = ("id", "split", "topic")
_PROBE, _EVALUATION = "probe", "evaluation"
_SPLITS = {
    **dict.fromkeys(("probe", "dev", "train", "validation"), _PROBE),
    **dict.fromkeys(("evaluation", "eval", "test", "devtest"), _EVALUATION),
}
_MIN_SIDE = MIN_ROWS // 2


def load_table(spec: str, path: Path) -> Corpus:
    """Read a table with one column a language, and optionally ``id``, ``split`` and ``topic``.

    Parameters
    ----------
    spec : str
        As it was asked for.
    path : Path
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file in UTF-8.

    Returns
    -------
    Corpus
        Split by the column ``split``; without one, the first half of the rows is the probe.

    Raises
    ------
    CorpusError
        Where the table cannot be read, a column is no language, or sentences are blank or repeated.
    """
    what = f"corpus {spec!r}"
    probe, evaluation, notes = parallel_sets(what, str(path), read_rows(what, path))
    return Corpus(
        spec=spec,
        kind="table",
        title=path.name,
        licence="not stated in the file",
        source=str(path),
        probe=probe,
        evaluation=(evaluation,),
        notes=notes,
    )


def load_embedded(spec: str, path: Path = EMBEDDED_FILE) -> Corpus:
    """Read the sentences that come with this software; errors as in `load_table`."""
    if not path.exists():
        why = f"its file {path} is missing from this installation"
        raise CorpusError(
            f"corpus {spec!r}", why, "Install the software again, or name a corpus of your own: table:FILE"
        )
    found = path.stat()
    return _embedded(spec, path, (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=4)
def _embedded(spec: str, path: Path, _stamp: tuple[int, int]) -> Corpus:
    """The file as it is; read once, for a page asks for it whenever it is drawn."""
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


@dataclass(frozen=True)
class _Layout:
    """Which column holds what: positions of the reserved columns and, by canonical code, of the languages."""

    reserved: dict[str, int]
    languages: dict[str, int]


def parallel_sets(what: str, table: str, rows: Rows) -> tuple[ParallelSet | None, ParallelSet, tuple[str, ...]]:
    """Split a table's rows into probe and evaluation, with notes on how that was decided.

    Parameters
    ----------
    what, table : str
        What was asked for, and what to call the table, in an error.
    rows : Rows
        One column a language, and optionally ``id``, ``split`` and ``topic``.

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
    layout = _layout(what, rows.columns)
    if len(rows.cells) < MIN_ROWS:
        why = f"{table} has only {len(rows.cells)} rows of sentences"
        raise CorpusError(what, why, f"At least {MIN_ROWS} are needed, and hundreds for results that mean something")
    ids, places = _ids(what, rows, layout)
    roles, notes = _roles(what, rows, places, layout)
    texts = {code: tuple(row[at] for row in rows.cells) for code, at in layout.languages.items()}
    for code, sentences in texts.items():
        name = f"column {rows.columns[layout.languages[code]]!r}"
        refuse_bad_text(what, sentences, name, places.__getitem__)
        _refuse_repeats(what, sentences, name, places, roles)
    probe = _side(what, table, _PROBE, roles, ids, texts) if _PROBE in roles else None
    return probe, _side(what, table, _EVALUATION, roles, ids, texts), (*rows.notes, *notes)


def _side(
    what: str, table: str, role: str, roles: tuple[str, ...], ids: tuple[str, ...], texts: dict[str, tuple[str, ...]]
) -> ParallelSet:
    """Take the rows of one role; raises `CorpusError` if they are too few."""
    chosen = [row for row, its in enumerate(roles) if its == role]
    if len(chosen) < _MIN_SIDE:
        why = f"{table} has {len(chosen)} {role} rows"
        raise CorpusError(what, why, f"Mark at least {_MIN_SIDE} rows as {role} in the column 'split'")
    return ParallelSet(
        tuple(ids[row] for row in chosen),
        {code: tuple(sentences[row] for row in chosen) for code, sentences in texts.items()},
    )


def _layout(what: str, columns: tuple[str, ...]) -> _Layout:
    """Tell the reserved columns from those of languages; raises `CorpusError` for a column that is neither."""
    reserved: dict[str, int] = {}
    languages: dict[str, int] = {}
    for position, name in enumerate(columns):
        if not name:
            why = f"column {position + 1} has no name"
            raise CorpusError(what, why, "Name it after its language, or remove it")
        if columns.count(name) > 1:
            raise CorpusError(what, f"there are two columns {name!r}", "Keep one of them, or name them apart")
        if name.lower() in _RESERVED:
            key, found = name.lower(), reserved
        else:
            key, found = _language_of_column(what, name), languages
        if key in found:
            why = f"columns {columns[found[key]]!r} and {name!r} mean the same, {key!r}"
            raise CorpusError(what, why, "Keep one of them, or name them apart (a script or region: 'pt-BR', 'pt-PT')")
        found[key] = position
    if len(languages) < MIN_LANGUAGES:
        why = f"it has {len(languages)} columns of languages among its columns {listed(map(repr, columns)) or '(none)'}"
        hint = "; the column 'id' holds row ids, so name Indonesian 'ind'" if "id" in reserved else ""
        raise CorpusError(what, why, f"Have a column for each of at least {MIN_LANGUAGES} languages{hint}")
    return _Layout(reserved, languages)


def _language_of_column(what: str, name: str) -> str:
    try:
        return canonical(name)
    except CorpusError as error:
        why = f"column {name!r} is not a language: {error.why}"
        instead = f"{error.instead}. Columns other than languages can be {', '.join(_RESERVED)}; remove the rest"
        raise CorpusError(what, why, instead) from None


def _ids(what: str, rows: Rows, layout: _Layout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the rows' ids, and their places with the id added; without a column of ids, rows are numbered from 1."""
    if "id" not in layout.reserved:
        return tuple(str(number) for number in range(1, len(rows.cells) + 1)), rows.places
    ids = tuple(row[layout.reserved["id"]] for row in rows.cells)
    # "id" is also the code of Indonesian: sentences must not vanish into the row ids in silence.
    if sum(len(text.split()) > 1 for text in ids) > len(ids) / 2:
        why = "the column 'id' is for row ids, and most of its cells look like sentences"
        raise CorpusError(what, why, "If it is Indonesian, name it 'ind' or 'id-Latn'")
    refuse_bad_text(what, ids, "column 'id'", rows.places.__getitem__)
    if again := repeats(ids):
        first, second = again[0]
        why = f"the id {ids[first]!r} is on {rows.places[first]} and {rows.places[second]}"
        more = f" ({len(again) - 1} more ids repeat)" if len(again) > 1 else ""
        raise CorpusError(what, why + more, "Give every row an id of its own, or leave the column out")
    return ids, tuple(f"{place} (id {text!r})" for place, text in zip(rows.places, ids, strict=True))


def _roles(what: str, rows: Rows, places: tuple[str, ...], layout: _Layout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give each row's role, probe or evaluation, and notes on how that was decided."""
    if "split" not in layout.reserved:
        half = len(rows.cells) // 2
        rest = len(rows.cells) - half
        note = f"No column 'split': the first {half} rows are the probe, the other {rest} the evaluation."
        return (_PROBE,) * half + (_EVALUATION,) * rest, (note,)
    marks = [row[layout.reserved["split"]].lower() for row in rows.cells]
    for mark, place in zip(marks, places, strict=True):
        if mark not in _SPLITS:
            why = f"the split {mark!r} on {place} is not known"
            raise CorpusError(what, why, f"Write one of: {', '.join(_SPLITS)}")
    read_as = {mark: _SPLITS[mark] for mark in marks if mark != _SPLITS[mark]}
    notes = tuple(f"Rows of the split {mark!r} are {role} rows." for mark, role in read_as.items())
    return tuple(_SPLITS[mark] for mark in marks), notes


def _refuse_repeats(
    what: str, sentences: tuple[str, ...], name: str, places: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    """Raise a `CorpusError` if two rows of a language are the same sentence."""
    again = repeats(sentences)
    if not again:
        return
    # One sentence on both sides is the graver fault: it lets neurons be measured on what they were chosen by.
    across = [(first, second) for first, second in again if roles[first] != roles[second]]
    first, second = (across or again)[0]
    why = f"{name} has the same sentence on {places[first]} and {places[second]}"
    if across:
        why += ", once to probe and once to evaluate"
    if len(again) > 1:
        why += f" (and {len(again) - 1} more rows repeat others)"
    raise CorpusError(what, why, "Remove one of the two rows, or word them differently")
