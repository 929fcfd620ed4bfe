"""A spec names a corpus; what it cannot name is refused with the forms there are."""

from __future__ import annotations

import pytest

from core.cli import options
from core.corpora.formats import FORMATS, Format
from core.corpora.load import load_corpus
from tests.helpers.corpora import refusal, write


@pytest.mark.parametrize("spec", ["nonsense", "csv:/x.csv", "", "embedded:x", "flores", "flores:", "table: "])
def test_an_unknown_spec_is_answered_with_the_forms_there_are(spec):
    error = refusal(spec)
    assert error.instead == f"Write one of: {', '.join(known.form for known in FORMATS.values())}."
    assert {"embedded", "flores:DIR", "ntrex:DIR", "sib200:DIR", "tatoeba:DIR", "bucc:DIR", "table:FILE"} <= set(
        error.instead.removeprefix("Write one of: ").removesuffix(".").split(", ")
    )


@pytest.mark.parametrize("kind", [name for name, known in FORMATS.items() if known.place == "DIR"])
def test_a_missing_folder_is_refused(kind, tmp_path):
    error = refusal(f"{kind}:{tmp_path / 'nowhere'}")
    assert f"there is no folder {tmp_path / 'nowhere'}" in error.why


@pytest.mark.parametrize("kind", [name for name, known in FORMATS.items() if known.place == "DIR"])
def test_a_file_in_place_of_a_folder_is_refused(kind, tmp_path):
    error = refusal(f"{kind}:{write(tmp_path / 'a.csv', 'en,es')}")
    assert "is a file, not a folder" in error.why
    assert "table:FILE" in error.instead


@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        ("flores", "dev/ and devtest/"),
        ("ntrex", "newstest2019-ref.<code>.txt"),
        ("sib200", "train.tsv and test.tsv"),
        ("tatoeba", "tatoeba.<lang>-eng.<lang>"),
    ],
)
def test_a_folder_of_another_layout_is_refused(kind, layout, tmp_path):
    assert layout in refusal(f"{kind}:{tmp_path}").why


LOADER = """
from core.corpora.corpus import Corpus, ParallelSet


def load_pairs(spec, folder):
    rows = ParallelSet(("1", "2"), {"en": ("One.", "Two."), "es": ("Uno.", "Dos.")})
    return Corpus(spec, "pairs", "Pairs", "none", str(folder), rows, (rows,), ())
"""


def test_a_format_is_added_by_one_line(monkeypatch, tmp_path):
    """A loader and its line in the table: a spec opens it, and every listing of forms names it."""
    write(tmp_path / "loader_of_pairs.py", LOADER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FORMATS, "pairs", Format("pairs", "DIR", "pairs of files", "loader_of_pairs:load_pairs"))
    corpus = load_corpus(f"pairs:{tmp_path}")
    assert (corpus.kind, corpus.source) == ("pairs", str(tmp_path))
    assert "pairs:DIR" in refusal("nonsense").instead
    assert "pairs of files" in options.manual()
