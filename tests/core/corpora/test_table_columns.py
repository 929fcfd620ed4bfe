"""What a column of a table holds: sentences of a language, row ids, or what is left out with a note."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpora.load import load_corpus
from tests.helpers.corpora import ENGLISH, SPANISH, lines, refusal, table

PLAIN = tuple(f"{en},{es}" for en, es in zip(ENGLISH, SPANISH, strict=True))


def csv_text(*rows: str, header: str = "en,es") -> str:
    return lines(header, *rows)


def test_a_column_that_is_no_language_is_left_out_with_a_note(tmp_path):
    corpus = load_corpus(table(tmp_path, csv_text(*(f"{row},x" for row in PLAIN), header="en,es,comments")))
    assert corpus.languages == ("en", "es")
    assert "Columns left out, because their names are no languages: comments." in corpus.notes


def test_a_column_that_may_be_no_language_is_read_as_one_with_a_note(tmp_path):
    rows = (f"{row},words of line {number}" for number, row in enumerate(PLAIN))
    corpus = load_corpus(table(tmp_path, csv_text(*rows, header="en,es,doc")))
    assert corpus.languages == ("en", "es", "doc")
    assert any("'doc' (Northern Dong)" in note for note in corpus.notes)
    plain = load_corpus(table(tmp_path, csv_text(*PLAIN)))
    assert not any("Columns read" in note for note in plain.notes)


NUMBERS = ("1", "2,5", "1,000", "-3e-4", "12 %")


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Nr", ("1", "2", "3", "4", "5")),
        ("No", NUMBERS),
        ("no", ("-0.5", "+7", ".5", "1.000.000", "1 000")),
        ("it", ("0%", "12 %", "100%", "7", "1E6")),
    ],
)
def test_a_column_of_numbers_is_no_language_whatever_it_is_called(name: str, cells: tuple[str, ...], tmp_path: Path):
    rows = [f"{row}\t{cell}" for row, cell in zip((row.replace(",", "\t") for row in PLAIN), cells, strict=True)]
    corpus = load_corpus(table(tmp_path, lines(f"en\tes\t{name}", *rows), "t.tsv"))
    assert corpus.languages == ("en", "es")
    assert f"Columns left out, because they hold no sentences: {name}." in corpus.notes


def test_norwegian_and_sentences_with_numbers_stay(tmp_path: Path):
    norwegian = ("En hund.", "2 katter.", "3", "12 % av alle.", "1, 2, tre.")
    rows = [f"{row};{text}" for row, text in zip((row.replace(",", ";") for row in PLAIN), norwegian, strict=True)]
    corpus = load_corpus(table(tmp_path, lines("en;es;no", *rows)))
    assert corpus.languages == ("en", "es", "no")
    assert not any("no sentences" in note for note in corpus.notes)


def test_a_name_that_tables_give_to_numbers_is_read_as_a_language_with_a_note(tmp_path: Path):
    rows = [f"{row},text {number}" for number, row in enumerate(PLAIN)]
    notes = load_corpus(table(tmp_path, csv_text(*rows, header="en,es,nr"))).notes
    assert any("'nr' (South Ndebele)" in note for note in notes)


@pytest.mark.parametrize(
    ("cell", "kind"), [("1", "a number"), ("12 %", "a number"), ("https://a.org/1", "a web address")]
)
def test_a_refusal_says_what_a_column_holds_in_place_of_sentences(cell: str, kind: str, tmp_path: Path):
    rows = [f"{text};{cell}" for text in ENGLISH]
    assert f"line 2 has {kind} in 'Nr'" in refusal(table(tmp_path, lines("en;Nr", *rows))).why


def test_where_too_few_languages_are_left_the_column_is_named(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN, header="en,comments")))
    assert "column 'comments' is not a language" in error.why


def test_a_column_named_in_english_is_answered_with_its_code(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN, header="en,Spanish")))
    assert "if you mean Spanish: 'es'" in error.instead


def test_a_column_without_a_name_is_refused(tmp_path):
    assert "column 1 has no name" in refusal(table(tmp_path, csv_text(*PLAIN, header=",es"))).why


def test_duplicate_columns_are_refused(tmp_path):
    assert "two columns 'en'" in refusal(table(tmp_path, csv_text(*PLAIN, header="en,en"))).why


def test_two_columns_of_one_language_are_refused(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN, header="es,spa_Latn")))
    assert "columns 'es' and 'spa_Latn' mean the same, 'es'" in error.why


def test_a_table_of_one_language_is_refused(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN, header="id,es")))
    assert "1 columns of languages" in error.why
    assert "at least 2 languages" in error.instead
    assert "'ind'" in error.instead
