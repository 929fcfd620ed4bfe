"""Sentences of a file with their embeddings before and after an intervention, as data for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.corpora.table_files import Rows, read_rows
from core.corpora.validation import refuse_bad_text
from core.errors import CorpusError, SettingError
from core.export.encoder import Encoder, encoders
from core.inference.language_codes import check_languages
from core.language.codes import canonical
from core.pipeline.run import Run
from core.store.disk import whole

ENDINGS = (".parquet", ".npy")
"""Of the files that are written."""

BEFORE, AFTER = "vector_before", "vector_after"
"""Columns of the embeddings."""

_TEXT, _LANGUAGE = ("text", "sentence"), ("language", "lang")


@dataclass(frozen=True, eq=False)
class Texts:
    """Sentences of a file, and every other column of it as it was.

    Attributes
    ----------
    columns : dict of str to list
        All columns, the language as its canonical code.
    text, language : str
        Names of the columns of sentences and, unless empty, of their languages.
    """

    columns: dict[str, list[object]]
    text: str
    language: str

    @property
    def sentences(self) -> list[str]:
        """The sentences, in order."""
        return [str(text) for text in self.columns[self.text]]


def check_out(path: Path) -> None:
    """Refuse a file of a kind that is not written; raises `SettingError`."""
    if path.suffix.lower() not in ENDINGS:
        raise SettingError(
            f"write embeddings to {path}",
            f"files of type {path.suffix!r} are not written",
            f"Name a file that ends in {' or '.join(ENDINGS)}.",
        )


def read_texts(path: Path) -> Texts:
    """Read sentences from a table with a column ``text`` and, if it has one, ``language``.

    Raises
    ------
    CorpusError
        Where there is no such column, or a cell of it is blank, no text, or no language; where two columns have one
        name.
    """
    what = f"sentences from {path}"
    rows = read_rows(what, path)
    text = _column(rows, _TEXT)
    if not text:
        raise CorpusError(
            what,
            f"it has no column {' or '.join(map(repr, _TEXT))}: {', '.join(map(repr, rows.columns)) or 'none at all'}",
            "Name the column of sentences 'text', and that of their languages, if there is one, 'language'.",
        )
    # A spreadsheet may write columns without a name and without a cell beside its own.
    named = [
        (at, name)
        for at, name in enumerate(rows.columns)
        if name or any(row[at] not in ("", None) for row in rows.cells)
    ]
    columns = {name: [row[at] for row in rows.cells] for at, name in named}
    if len(columns) < len(named):
        names = [name for _, name in named]
        twice = next(name for name in columns if names.count(name) > 1)
        raise CorpusError(what, f"it has more than one column {twice!r}", "Keep one of them, or name them apart.")
    if not rows.cells:
        raise CorpusError(what, "it has no rows", "Write one sentence a row.")
    taken = {BEFORE, AFTER} & set(columns)
    if taken:
        raise CorpusError(what, f"it has a column {min(taken)!r} already", "Rename it.")
    for place, cell in zip(rows.places, columns[text], strict=True):
        if not isinstance(cell, str):
            raise CorpusError(
                what, f"{place} has {type(cell).__name__} in {text!r}, not text", "Write a sentence there."
            )
    refuse_bad_text(what, [str(cell) for cell in columns[text]], f"column {text!r}", rows.places.__getitem__)
    language = _column(rows, _LANGUAGE)
    if language:
        cells = zip(rows.places, columns[language], strict=True)
        columns[language] = [_language(what, place, language, cell) for place, cell in cells]
    return Texts(columns, text, language)


def embed_file(run: Run, source: Path, out: Path) -> Texts:
    """Embed the sentences of a file before and after an experiment's intervention, and write them to another.

    Parameters
    ----------
    out : Path
        A Parquet file gets every column of the source, and the columns `BEFORE` and `AFTER`, a list of float32 a row.
        A ``.npy`` gets one array of float32, (2, n_sentences, hidden): before, then after.

    Raises
    ------
    AskError
        As `check_out` and `read_texts`; where a column to be written has values of several types; or where the
        tokenizer has no code for a language that is stated, or the intervention nothing.
    """
    check_out(out)
    texts = read_texts(source)
    if out.suffix.lower() != ".npy":
        _check_columns(source, texts.columns)  # before hours of work
    pair = encoders(run)
    _check_languages(pair[1], texts)  # not after half the work
    run.progress.stage("embedding the sentences, before and after", 2 * len(texts.sentences))
    before, after = (_embedded(encoder, texts, run) for encoder in pair)
    with whole(out) as temporary:
        if out.suffix.lower() == ".npy":
            with temporary.open("wb") as file:
                np.save(file, np.stack([before, after]))
        else:
            temporary.write_bytes(parquet(texts.columns, before, after))
    return texts


def _language(what: str, place: str, column: str, cell: object) -> str:
    """Read a cell that names a language; raises `CorpusError` with its row."""
    if not isinstance(cell, str) or not cell.strip():
        kind = "nothing" if cell in (None, "") or str(cell) in ("nan", "<NA>") else f"{cell!r:.40}"
        raise CorpusError(
            what, f"{place} has {kind} in {column!r}", "Name a language there, or leave the column out of the file."
        )
    try:
        return canonical(cell)
    except CorpusError as error:
        raise CorpusError(what, f"{place} has {cell!r:.40} in {column!r}: {error.why}", error.instead) from None


def _check_languages(encoder: Encoder, texts: Texts) -> None:
    """Refuse languages that the tokenizer has no code for, or the intervention nothing."""
    languages = dict.fromkeys(str(code) for code in texts.columns[texts.language]) if texts.language else {}
    check_languages(encoder.model, languages)
    if encoder.intervention is not None:
        for code in languages:
            encoder.intervention.of(code)


def _embedded(encoder: Encoder, texts: Texts, run: Run) -> np.ndarray:
    embeddings = np.empty((len(texts.sentences), encoder.get_sentence_embedding_dimension()), dtype=np.float32)
    sentences = texts.sentences
    for language, rows in _by_language(texts):
        embeddings[rows] = encoder.encode([sentences[row] for row in rows], language=language)
        run.progress.advance(len(rows))
    return embeddings


def _by_language(texts: Texts) -> Iterator[tuple[str | None, list[int]]]:
    """Rows of each language, a thousand at a time; all together where the file states none."""
    stated = texts.columns[texts.language] if texts.language else [None] * len(texts.sentences)
    rows: dict[str | None, list[int]] = {}
    for row, code in enumerate(stated):
        rows.setdefault(None if code is None else str(code), []).append(row)
    for language, numbers in rows.items():
        for start in range(0, len(numbers), 1000):
            yield language, numbers[start : start + 1000]


def _check_columns(source: Path, columns: Mapping[str, Sequence[object]]) -> None:
    """Refuse a column that Parquet cannot hold; raises `CorpusError`."""
    for name, cells in columns.items():
        try:
            pa.array(cells)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            why = f"the values of its column {name!r} are not of one type that Parquet has ({error!s:.200})"
            instead = "Make them all text or all numbers, leave the column out, or write a .npy file."
            raise CorpusError(f"write the columns of {source} to Parquet", why, instead) from error


def parquet(columns: Mapping[str, Sequence[object]], before: np.ndarray, after: np.ndarray) -> bytes:
    """Give columns and both embeddings ``(n_sentences, hidden)`` of float32 as a Parquet file."""
    arrays = {name: pa.array(cells) for name, cells in columns.items()}
    for name, vectors in ((BEFORE, before), (AFTER, after)):
        arrays[name] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink)
    return bytes(sink.getvalue().to_pybytes())


def _column(rows: Rows, names: tuple[str, ...]) -> str:
    """The first column with one of these names; empty if there is none."""
    return next((column for name in names for column in rows.columns if column.lower() == name), "")
