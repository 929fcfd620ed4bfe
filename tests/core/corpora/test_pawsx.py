"""Paraphrases are read as published: quotation marks are text, and what is missing is left out and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.corpora.pawsx import Paraphrases, load_pawsx, pawsx_languages
from core.errors import CorpusError
from tests.helpers.corpora import lines, write

HEADER = "id\tsentence1\tsentence2\tlabel"
SPANISH = [
    "1\tUn perro ladra.\tLadra un perro.\t1",
    "2\tDos gatos duermen.\tDos perros duermen.\t0",
    '3\t"Tres" aves, dijo.\tDijo: "tres aves\t1',
    "4\tNS\tCuatro peces.\t1",
    "5\tCinco ratones.\t\t1",
    "6\t\tNS\t0",
    "7\tSeis vacas comen.\tComen seis vacas.\t1",
]


@pytest.fixture
def pawsx(tmp_path: Path) -> Path:
    folder = tmp_path / "pawsx"
    write(folder / "es" / "test_2k.tsv", lines(HEADER, *SPANISH))
    write(folder / "zh" / "test_2k.tsv", lines(HEADER, "1\t一只狗叫。\t狗叫。\t1", "2\t两只猫。\t猫有两只。\t1"))
    write(folder / "es" / "dev_2k.tsv", "not read")
    write(folder / "README.md", "about")
    return folder


def refused(work: Callable[[], object]) -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        work()
    assert caught.value.what.startswith("PAWS-X in ")
    assert caught.value.why
    assert caught.value.instead
    return caught.value


def test_paraphrases_are_the_whole_pairs_with_label_1(pawsx):
    found = load_pawsx(pawsx, "spa_Latn")
    assert found == Paraphrases(
        language="es",
        ids=("1", "3", "7"),
        first=("Un perro ladra.", '"Tres" aves, dijo.', "Seis vacas comen."),
        second=("Ladra un perro.", 'Dijo: "tres aves', "Comen seis vacas."),
        left_out=2,
    )
    assert len(found) == 3


def test_the_languages_are_those_with_a_test_set(pawsx):
    (pawsx / "fr").mkdir()
    assert pawsx_languages(pawsx) == ("es", "zh")


def test_the_archives_own_folder_is_found_below(pawsx, tmp_path):
    (tmp_path / "unpacked").mkdir()
    pawsx.rename(tmp_path / "unpacked" / "x-final")
    assert pawsx_languages(tmp_path / "unpacked") == ("es", "zh")
    assert load_pawsx(tmp_path / "unpacked", "zh").first == ("一只狗叫。", "两只猫。")


def test_windows_line_ends_and_a_byte_order_mark_are_no_text(pawsx):
    write(pawsx / "es" / "test_2k.tsv", "\ufeff" + "\r\n".join([HEADER, *SPANISH]) + "\r\n")
    assert load_pawsx(pawsx, "es").second[-1] == "Comen seis vacas."


def test_a_line_separator_within_a_sentence_is_text(pawsx):
    write(pawsx / "es" / "test_2k.tsv", lines(HEADER, "1\tUn\u2028perro.\tPerro.\t1", "2\tDos.\tDos, sí.\t1"))
    assert load_pawsx(pawsx, "es").first == ("Un\u2028perro.", "Dos.")


def test_a_language_that_is_not_there_is_refused_with_those_that_are(pawsx):
    error = refused(lambda: load_pawsx(pawsx, "fr"))
    assert "language 'fr'" in error.what
    assert error.instead == "Choose from: es, zh."


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("8\tSiete.\tSiete, sí.", "line 9 of {} has 3 cells, not 4"),
        ("8\tSiete.\tSiete,\tsí.\t1", "line 9 of {} has 5 cells, not 4"),
        ("8\tSiete.\tSiete, sí.\t2", "line 9 of {} has the label '2'"),
        ("8\t\u200b\tSiete, sí.\t1", "line 9 of {} has a blank sentence"),
        ("\n8\tSiete.\tSiete, sí.\t1", "line 9 of {} has 1 cells, not 4"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_number(row, expected, pawsx):
    path = write(pawsx / "es" / "test_2k.tsv", lines(HEADER, *SPANISH, row))
    assert refused(lambda: load_pawsx(pawsx, "es")).why == expected.format(path)


def test_blank_lines_at_the_end_and_control_characters_are_no_fault(pawsx):
    write(pawsx / "es" / "test_2k.tsv", lines(HEADER, "1\tUn\x08 perro.\tPerro.\t1", "2\tDos.\tDos, sí.\t1", "", ""))
    assert load_pawsx(pawsx, "es").first == ("Un\x08 perro.", "Dos.")


def test_a_file_without_the_header_is_refused(pawsx):
    path = write(pawsx / "es" / "test_2k.tsv", lines(*SPANISH))
    error = refused(lambda: load_pawsx(pawsx, "es"))
    assert f"line 1 of {path} has the columns 1, Un perro ladra." in error.why
    assert "id, sentence1, sentence2, label" in error.why


def test_bytes_that_are_not_utf8_are_refused_with_their_line(pawsx):
    write(pawsx / "es" / "test_2k.tsv", lines(HEADER, SPANISH[0]).encode() + b"2\tperd\xed\tse fue\t1\n")
    assert "line 3" in refused(lambda: load_pawsx(pawsx, "es")).why


def test_too_few_paraphrases_are_refused(pawsx):
    write(pawsx / "es" / "test_2k.tsv", lines(HEADER, *SPANISH[:2]))
    assert "has 1 whole paraphrase pairs" in refused(lambda: load_pawsx(pawsx, "es")).why


def test_two_folders_of_one_language_are_refused(pawsx):
    write(pawsx / "spa" / "test_2k.tsv", lines(HEADER, *SPANISH))
    assert "are the same language, 'es'" in refused(lambda: pawsx_languages(pawsx)).why


def test_a_folder_that_is_no_language_is_refused(pawsx):
    write(pawsx / "qqx" / "test_2k.tsv", lines(HEADER, *SPANISH))
    assert "qqx" in refused(lambda: load_pawsx(pawsx, "es")).why


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_folder_without_test_sets_is_refused(place, tmp_path):
    (tmp_path / "empty").mkdir()
    error = refused(lambda: pawsx_languages(tmp_path / place))
    assert str(tmp_path / place) in error.why
