"""A user's own sentences, given as lists in memory or as a file's content, and stored as a table under their digest.

The same sentences give the same file, so that a later session finds the results computed from them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from core import access
from core.corpora.corpus import Corpus
from core.corpora.table_columns import RESERVED, label_of, language_of
from core.corpora.table_corpus import load_table, parallel_sets
from core.corpora.table_files import Rows
from core.errors import AskError, CorpusError
from core.store.disk import write_whole

SentencesByLanguage: TypeAlias = Mapping[str, Sequence[str]] | pd.DataFrame

FOLDER = access.UPLOADS
"""Where in the cache such tables are."""

_WHAT = "sentences of your own"
_EXAMPLE = '{"en": ["Good morning.", ...], "es": ["Buenos días.", ...]}'


def keep_table(content: bytes, ending: str, folder: Path, name: str | None = None, owner: str | None = None) -> Corpus:
    """Store a table's file under the digest of its content, and read it.

    Parameters
    ----------
    content : bytes
    ending : str
        Of the file's name, which says how it is read: ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet``.
    folder : Path
        Where it is kept; made if it is not there. The same content twice is one file.
    name : str, optional
        Its owner's name for it; errors and the corpus's title use it too.

    owner : str, optional
        Words that only its owner's session knows; the file's name then cannot be guessed by who knows the content, and
        the corpus's ``spec`` is ``upload:ID``, which a public server takes (`core.access`).

    Returns
    -------
    Corpus
        Its ``spec`` names the file.

    Raises
    ------
    CorpusError
        Where it cannot be read as a table of sentences; then nothing is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if owner is None:
        path = folder / f"{hashlib.sha256(content).hexdigest()[:24]}{ending}"
        spec = f"table:{path}"
    else:
        path = folder / f"{hashlib.blake2b(content, key=owner.encode(), digest_size=16).hexdigest()}{ending}"
        spec = f"{access.UPLOAD}{path.name}"
    new = not path.exists()
    if new:
        write_whole(path, content)
    else:
        with suppress(OSError):  # what is brought again is as good as new: the oldest go first (`core.store.quota`)
            os.utime(path)
    try:
        return load_table(spec, path, name)
    except AskError:
        if new:
            path.unlink(missing_ok=True)
        raise


def keep_sentences(sentences: SentencesByLanguage, folder: Path, *, evaluate_all: bool = False) -> Corpus:
    """Store sentences that are in memory as a table, and read it.

    Parameters
    ----------
    sentences : mapping of str to sequence of str, or DataFrame
        One list or column a language, named by its code; number ``i`` of each says the same. Columns named ``id``,
        ``split`` (``probe`` or ``evaluation``), ``topic`` and ``label`` are read as in a table's file. Without
        ``split``, the first half finds the neurons and the second is measured.
    folder : Path
        As in `keep_table`.
    evaluate_all : bool
        Without ``split``, measure every row: the neurons are then found on another corpus.

    Raises
    ------
    CorpusError
        Where they are not parallel, not text, blank or repeated, with the row; then nothing is kept.
    """
    rows = _rows(sentences)
    if evaluate_all and "split" not in map(str.lower, rows.columns):
        rows = Rows((*rows.columns, "split"), tuple((*row, "evaluation") for row in rows.cells), rows.places)
    parallel_sets(_WHAT, "the table", rows)
    lines = (json.dumps(dict(zip(rows.columns, row, strict=True)), ensure_ascii=False) for row in rows.cells)
    return keep_table("".join(f"{line}\n" for line in lines).encode(errors="replace"), ".jsonl", folder)


def _rows(sentences: SentencesByLanguage) -> Rows:
    """Read lists or a data frame as the rows of a table."""
    if not hasattr(sentences, "items"):
        why = f"these are not sentences by language but {type(sentences).__name__}"
        raise CorpusError(_WHAT, why, f"Give {_EXAMPLE}, or a data frame with one column a language.")
    columns = {str(name): _cells(str(name), column) for name, column in sentences.items()}
    if len(columns) < len(sentences.keys()):
        raise CorpusError(_WHAT, "two columns have one name", "Keep one of them, or name them apart.")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise CorpusError(
            _WHAT, f"the languages have different numbers of sentences: {counts}", "Give each language one a row."
        )
    count = next(iter(lengths.values()), 0)
    return Rows(
        tuple(name.strip() for name in columns),
        tuple(zip(*columns.values(), strict=True)),
        tuple(f"row {number}" for number in range(1, count + 1)),
    )


def _cells(name: str, column: object) -> tuple[str, ...]:
    """Read one column as text; raises `CorpusError` if it is not text."""
    if isinstance(column, str | bytes) or not hasattr(column, "__iter__"):
        raise CorpusError(
            _WHAT, f"{name!r} is one {type(column).__name__}, not a list of sentences", f"Give {_EXAMPLE}."
        )
    if isinstance(column, Set):
        why = f"{name!r} is a {type(column).__name__}, whose sentences are in no order"
        raise CorpusError(_WHAT, why, f"Give {_EXAMPLE}.")
    key, cells = name.strip().lower(), []
    given = list(column.values() if isinstance(column, Mapping) else column)
    # No sentences: such a column is left out, as that of a file is.
    left_out = key not in RESERVED and (language_of(name) is None or all(map(_is_number, given)))
    for number, cell in enumerate(given, start=1):
        if left_out or (key == "id" and not isinstance(cell, float | bool)):
            cell = str(cell)
        if key in ("label", "topic"):
            cell = "" if cell is pd.NA else label_of(cell)
        if not isinstance(cell, str):
            why = f"row {number} of {name!r} is not text but {type(cell).__name__} ({cell!r:.40})"
            raise CorpusError(_WHAT, why, "Put a sentence there, or leave that row out of every language.")
        cells.append(cell.strip())
    return tuple(cells)


def _is_number(value: object) -> bool:
    if isinstance(value, float | np.floating):
        return math.isfinite(value)
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
