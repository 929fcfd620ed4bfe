"""Published sentences are read once, by language; what they are compared and noted by."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.corpora.published import PublishedTexts, aligned, language_files, odd_characters, read_lines
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, write


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {
        "es": write(tmp_path / "spa.txt", lines(*SPANISH)),
        "en": write(tmp_path / "eng.txt", lines(*ENGLISH)),
        "zh": write(tmp_path / "zho.txt", lines(*CHINESE)),
    }


def read(files: dict[str, Path]) -> PublishedTexts:
    return aligned("these", "rows", files, 4)[0]


def test_it_is_a_mapping_of_sentences_by_language(files: dict[str, Path]) -> None:
    texts = read(files)
    assert list(texts) == ["es", "en", "zh"]
    assert "zh" in texts
    assert "fr" not in texts
    assert texts == {"es": tuple(SPANISH), "en": tuple(ENGLISH), "zh": tuple(CHINESE)}


def test_a_part_has_some_of_the_rows(files: dict[str, Path]) -> None:
    part = read(files).part("the last two", slice(3, None))
    assert part["es"] == tuple(SPANISH[3:])
    assert part != read(files)


def test_two_readings_are_equal_until_a_file_changes(files: dict[str, Path]) -> None:
    before = read(files)
    assert read(files) == before
    write(files["zh"], lines(*CHINESE[:4], "六只老鼠。"))
    os.utime(files["zh"], ns=(1, 1))
    assert read(files) != before


def test_a_changed_file_is_read_again(files: dict[str, Path]) -> None:
    for path in files.values():
        os.utime(path, ns=(10**18, 10**18))  # long ago: what is read is remembered
    assert read(files)["es"][0] == "Un perro."
    write(files["es"], lines("Otro perro.", *SPANISH[1:]))
    assert read(files)["es"][0] == "Otro perro."


def test_the_rows_are_the_english_files(files: dict[str, Path]) -> None:
    write(files["es"], lines(*SPANISH, "Seis."))
    texts, reference = aligned("these", "rows", files, 4)
    assert reference.sentences == tuple(ENGLISH)
    assert texts["zh"] == tuple(CHINESE)


def test_names_of_files_are_languages_once_each(tmp_path: Path) -> None:
    named = [("spa", tmp_path / "a"), ("es", tmp_path / "b"), ("README", tmp_path / "c")]
    files, notes = language_files(named)
    assert files == {"es": tmp_path / "a"}
    assert notes == (
        "b is left out: it is 'es', as a is.",
        "c is left out: 'README' is no language code that is known.",
    )


def test_odd_characters_are_named_with_their_lines(tmp_path: Path) -> None:
    assert odd_characters(["a", "b\x08", "\ud83d"]) == ("line 2 holds U+0008, line 3 holds U+D83D, kept as published",)
    assert read_lines("this", write(tmp_path / "t", "a\nb\u2028c\n")).sentences == ("a", "b\u2028c")
