"""Multi-parallel sentences: the embedded ones, FLORES-200, Tatoeba, BUCC 2018, or a table of one's own.

Everything a run needs to know of its sentences is a `Corpus`, had by `load_corpus` from a short text: ``embedded``,
``flores:DIR``, ``tatoeba:DIR``, ``bucc:DIR`` or ``table:FILE``. Paraphrases are had by `core.corpora.pawsx`.
"""

from __future__ import annotations

from pathlib import Path

from core.corpora.bucc import load_bucc
from core.corpora.corpus import Corpus
from core.corpora.flores import load_flores
from core.corpora.formats import FORMATS
from core.corpora.table_corpus import load_embedded, load_table
from core.corpora.tatoeba import load_tatoeba
from core.errors import CorpusError

_LOADERS = {"flores": load_flores, "tatoeba": load_tatoeba, "bucc": load_bucc, "table": load_table}


def load_corpus(spec: str) -> Corpus:
    """Read the sentences that a spec names, and check them.

    Parameters
    ----------
    spec : str
        ``embedded``: the sentences that come with this software. ``flores:DIR``: FLORES-200, a folder with
        ``dev/`` and ``devtest/``, or its parent. ``tatoeba:DIR``: files ``tatoeba.<lang>-eng.<lang>`` and ``.eng``.
        ``bucc:DIR``: BUCC 2018, files ``<xx>-en.<split>.{xx,en,gold}``, or folders of them.
        ``table:FILE``: a CSV, TSV, JSONL or Parquet file with one column a language.

    Returns
    -------
    Corpus

    Raises
    ------
    CorpusError
        Where the spec has none of these forms, or what it names is missing, damaged, or not parallel.
    """
    kind, colon, place = spec.strip().partition(":")
    if kind == "embedded" and not colon:
        return load_embedded(spec)
    if kind not in _LOADERS or not place.strip():
        why = "no file or folder is named" if kind in _LOADERS else "no such kind of corpus is known"
        raise CorpusError(
            f"corpus {spec!r}", why, f"Write one of: {', '.join(known.form for known in FORMATS.values())}"
        )
    return _LOADERS[kind](spec, Path(place.strip()).expanduser())
