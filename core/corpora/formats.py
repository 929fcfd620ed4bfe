"""The table of corpus formats: the name of each, what it is, and which function reads it.

To add one, write its loader and add its line here.
"""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDED = "embedded"


@dataclass(frozen=True)
class Format:
    """A kind of corpus.

    Attributes
    ----------
    name : str
        What a spec begins with.
    place : str
        What follows the colon, for people: ``DIR`` or ``FILE``; empty where nothing does.
    about : str
        What is read, and what it serves as.
    loader : str
        ``module:function``, imported when a corpus of this kind is read; the function takes the spec and, if there is
        one, the place as a Path, and gives a `core.corpora.corpus.Corpus`.
    """

    name: str
    place: str
    about: str
    loader: str

    @property
    def form(self) -> str:
        """As it is written: ``flores:DIR``."""
        return f"{self.name}:{self.place}" if self.place else self.name


FORMATS = {
    format.name: format
    for format in (
        Format(
            EMBEDDED,
            "",
            "400 sentences in 12 languages: 200 rows probe, 200 evaluation",
            "core.corpora.table_corpus:load_embedded",
        ),
        Format(
            "flores",
            "DIR",
            "FLORES-200, FLORES+ or FLORES-101: dev is the probe, devtest the evaluation",
            "core.corpora.flores:load_flores",
        ),
        Format(
            "ntrex",
            "DIR",
            "NTREX-128: half of the documents are the probe, the others the evaluation",
            "core.corpora.ntrex:load_ntrex",
        ),
        Format(
            "sib200",
            "DIR",
            "SIB-200: train is the probe, test the evaluation",
            "core.corpora.sib200:load_sib200",
        ),
        Format(
            "tatoeba",
            "DIR",
            "Tatoeba in the LASER layout; pairs with English, so it needs --probe-corpus",
            "core.corpora.tatoeba:load_tatoeba",
        ),
        Format(
            "bucc",
            "DIR",
            "BUCC 2018, the gold pairs with English; needs --probe-corpus too",
            "core.corpora.bucc:load_bucc",
        ),
        Format(
            "table",
            "FILE",
            "your own CSV, TSV, JSON, JSONL, NDJSON or Parquet, also .gz, with one column a language (es, fr, ...), "
            "optionally id, split (probe or evaluation) and label (a class of each row, for `transfer`)",
            "core.corpora.table_corpus:load_table",
        ),
    )
}
