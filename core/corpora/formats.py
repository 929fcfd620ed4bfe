"""The forms in which a corpus can be named, to show to people; `core.corpora.load` reads them."""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDED = "embedded"


@dataclass(frozen=True)
class Format:
    """One way to name a corpus.

    Attributes
    ----------
    name : str
        The word before the colon.
    form : str
        As it is written: ``flores:DIR``.
    about : str
        What is read, and what it serves as.
    """

    name: str
    form: str
    about: str


FORMATS = {
    format.name: format
    for format in (
        Format(EMBEDDED, EMBEDDED, "400 sentences in 12 languages: 200 rows probe, 200 evaluation"),
        Format("flores", "flores:DIR", "FLORES-200: dev is the probe, devtest the evaluation"),
        Format(
            "tatoeba",
            "tatoeba:DIR",
            "Tatoeba in the LASER layout; pairs with English, so it needs --probe-corpus",
        ),
        Format("bucc", "bucc:DIR", "BUCC 2018, the gold pairs with English; needs --probe-corpus too"),
        Format(
            "table",
            "table:FILE",
            "your own CSV, TSV, JSONL or Parquet with one column a language (es, fr, ...), optionally id and split "
            "(probe or evaluation)",
        ),
    )
}
