"""Corpora are read exactly as they lie, and what no experiment should run on is refused where it lies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.corpora import ParallelSet, load_corpus
from core.corpora.table import load_embedded
from core.errors import CorpusError

ENGLISH = ["One dog.", "Two cats.", "Three birds.", "Four fish.", "Five mice."]
SPANISH = ["Un perro.", "Dos gatos.", "Tres aves.", "Cuatro peces.", "Cinco ratones."]
CHINESE = ["一只狗。", "两只猫。", "三只鸟。", "四条鱼。", "五只老鼠。"]


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lines(*sentences: str) -> str:
    return "".join(f"{sentence}\n" for sentence in sentences)


def refusal(spec: str) -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        load_corpus(spec)
    assert repr(spec) in caught.value.what
    assert caught.value.why
    assert caught.value.instead
    return caught.value


@pytest.fixture
def flores(tmp_path: Path) -> Path:
    for split, rows in {"dev": slice(0, 2), "devtest": slice(2, 5)}.items():
        for code, sentences in {"eng_Latn": ENGLISH, "spa_Latn": SPANISH, "zho_Hans": CHINESE}.items():
            write(tmp_path / "flores" / split / f"{code}.{split}", lines(*sentences[rows]))
    return tmp_path / "flores"


@pytest.fixture
def tatoeba(tmp_path: Path) -> Path:
    folder = tmp_path / "tatoeba"
    write(folder / "tatoeba.cmn-eng.cmn", lines(*CHINESE))
    write(folder / "tatoeba.cmn-eng.eng", lines(*ENGLISH))
    write(folder / "tatoeba.spa-eng.spa", lines(*reversed(SPANISH)))
    write(folder / "tatoeba.spa-eng.eng", lines(*reversed(ENGLISH)))
    return folder


def csv_text(*rows: str, header: str = "en,es") -> str:
    return lines(header, *rows)


def table(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> str:
    return f"table:{write(tmp_path / name, text)}"


PLAIN = tuple(f"{en},{es}" for en, es in zip(ENGLISH, SPANISH, strict=True))


# What a corpus is


def three() -> ParallelSet:
    texts = {"en": tuple(ENGLISH), "es": tuple(SPANISH), "zh": tuple(CHINESE)}
    return ParallelSet(tuple("abcde"), texts)


def test_a_selection_keeps_rows_together_and_the_order_asked_for():
    chosen = three().select(languages=["zho_Hans", "eng"], first=2)
    assert chosen.languages == ("zh", "en")
    assert chosen.ids == ("a", "b")
    assert (
        list(zip(chosen.texts["zh"], chosen.texts["en"], strict=True)) == list(zip(CHINESE, ENGLISH, strict=True))[:2]
    )
    assert len(chosen) == 2


def test_a_selection_of_nothing_in_particular_is_everything():
    assert three().select() == three()
    assert three().select(["en", "es", "zh", "en"]) == three()


def test_a_language_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(CorpusError) as caught:
        three().select(["en", "fra_Latn"])
    assert caught.value.what == "language 'fr'"
    assert caught.value.instead == "Choose from: en, es, zh"


@pytest.mark.parametrize("first", [0, -1, 6])
def test_more_rows_than_there_are_are_refused(first):
    with pytest.raises(CorpusError, match=f"the first {first} sentences: there are 5 .* Ask for 1 to 5"):
        three().select(first=first)


def test_a_selection_of_no_languages_is_refused():
    with pytest.raises(CorpusError, match="Choose from: en, es, zh"):
        three().select([])


def test_a_set_whose_languages_differ_in_length_cannot_be_made():
    with pytest.raises(CorpusError, match=r"language 'es'.*1 sentences for 2 rows"):
        ParallelSet(("a", "b"), {"en": ("x", "y"), "es": ("x",)})


def test_a_languages_digest_is_of_its_sentences_alone(flores, tmp_path):
    from_flores = load_corpus(f"flores:{flores}").evaluation[0]
    rows = "".join(f"q{n}\t{'dev' if n < 2 else 'test'}\t{SPANISH[n]}\t{ENGLISH[n]}\n" for n in range(5))
    from_table = load_corpus(table(tmp_path, "id\tsplit\tes\ten\n" + rows, "t.tsv")).evaluation[0]
    assert from_flores.ids != from_table.ids
    for code in ("en", "es"):
        assert from_flores.digest(code) == from_table.digest(code)
    # Written out anew: SHA-256 over each sentence's length (8 bytes, big-endian) and UTF-8.
    expected = b"".join(len(s.encode()).to_bytes(8, "big") + s.encode() for s in SPANISH[2:])
    assert from_flores.digest("spa") == hashlib.sha256(expected).hexdigest()


def test_a_languages_digest_sees_where_sentences_begin_and_in_what_order():
    digests = {
        ParallelSet(("1", "2"), {"en": texts}).digest("en")
        for texts in [("ab", "c"), ("a", "bc"), ("c", "ab"), ("", "abc")]
    }
    assert len(digests) == 4


def test_the_corpus_digest_is_of_content_and_role_not_of_place(flores, tmp_path):
    original = load_corpus(f"flores:{flores}").digest
    moved = flores.rename(tmp_path / "elsewhere")
    assert load_corpus(f"flores:{moved}").digest == original
    (moved / "dev").rename(moved / "tmp")
    for old, new in (("devtest", "dev"), ("tmp", "devtest")):
        (moved / old).rename(moved / new)
        for path in (moved / new).iterdir():
            path.rename(path.with_suffix(f".{new}"))
    assert load_corpus(f"flores:{moved}").digest != original


def test_one_changed_character_changes_the_digest(flores):
    before = load_corpus(f"flores:{flores}").digest
    write(flores / "dev" / "spa_Latn.dev", lines("Un perro!", SPANISH[1]))
    assert load_corpus(f"flores:{flores}").digest != before


# Specs


@pytest.mark.parametrize("spec", ["nonsense", "csv:/x.csv", "", "embedded:x", "flores", "flores:", "table: "])
def test_an_unknown_spec_is_answered_with_the_forms_there_are(spec):
    error = refusal(spec)
    assert error.instead == "Write one of: embedded, flores:FOLDER, tatoeba:FOLDER, table:FILE"


# FLORES


def test_flores_probes_with_dev_and_evaluates_on_devtest(flores):
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.probe is not None
    assert corpus.languages == corpus.probe_languages == ("en", "es", "zh")
    assert corpus.probe.texts == {"en": tuple(ENGLISH[:2]), "es": tuple(SPANISH[:2]), "zh": tuple(CHINESE[:2])}
    (evaluation,) = corpus.evaluation
    assert evaluation.texts["zh"] == tuple(CHINESE[2:])
    assert evaluation.ids == ("devtest:1", "devtest:2", "devtest:3")
    assert (corpus.spec, corpus.kind, corpus.licence) == (f"flores:{flores}", "flores", "CC-BY-SA 4.0")
    assert corpus.notes == ("Probe: the 2 sentences of dev; evaluation: the 3 of devtest.",)


def test_flores_is_found_in_the_folder_that_the_archive_was_unpacked_in(flores):
    below = load_corpus(f"flores:{flores.parent}")
    assert below.digest == load_corpus(f"flores:{flores}").digest


def test_of_several_flores_folders_one_must_be_named(flores):
    for split in ("dev", "devtest"):
        write(flores.parent / "second" / split / f"eng_Latn.{split}", "x\n")
    error = refusal(f"flores:{flores.parent}")
    assert "flores, second" in error.why


def test_files_that_are_no_language_are_passed_over(flores):
    write(flores / "dev" / "README.md", "about")
    write(flores / "dev" / "._eng_Latn.dev", b"\x00\x05\x16\x07")
    assert load_corpus(f"flores:{flores}").languages == ("en", "es", "zh")


def test_a_language_in_one_split_only_is_left_out_and_noted(flores):
    write(flores / "devtest" / "deu_Latn.devtest", lines("a", "b", "c"))
    (flores / "devtest" / "zho_Hans.devtest").unlink()
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.languages == corpus.probe_languages == ("en", "es")
    assert "Left out, because only in dev: zh." in corpus.notes
    assert "Left out, because only in devtest: de." in corpus.notes


def test_published_repeats_are_kept_and_noted(flores):
    write(flores / "devtest" / "spa_Latn.devtest", lines(SPANISH[0], "Lo mismo.", "Lo mismo."))
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.evaluation[0].texts["es"] == (SPANISH[0], "Lo mismo.", "Lo mismo.")
    assert "Sentences in devtest that repeat an earlier one, kept as published: es 1." in corpus.notes
    assert "Sentences that are in both probe and evaluation, kept as published: es 1." in corpus.notes


def test_only_surrounding_white_space_is_taken_off(flores):
    # A decomposed accent, an ideographic space around, a line separator and two spaces within, Windows line ends.
    write(flores / "dev" / "spa_Latn.dev", "\ufeff\u3000Un  pe\u0301rro\u2028aqui\u0301.\u00a0\r\nDos.\r\n")
    corpus = load_corpus(f"flores:{flores}")
    assert corpus.probe is not None
    assert corpus.probe.texts["es"] == ("Un  pe\u0301rro\u2028aqui\u0301.", "Dos.")


def test_a_last_line_without_a_line_end_counts(flores):
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\nDos gatos.")
    assert load_corpus(f"flores:{flores}").probe_languages == ("en", "es", "zh")


def test_flores_files_of_unequal_length_are_refused(flores):
    write(flores / "dev" / "spa_Latn.dev", lines(*SPANISH))
    error = refusal(f"flores:{flores}")
    for fact in ("eng_Latn.dev has 2 lines", "spa_Latn.dev has 5"):
        assert fact in error.why
    assert "Get both files again" in error.instead


def test_blank_lines_are_refused_with_their_numbers(flores):
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\n \u3000\u200b\n")
    error = refusal(f"flores:{flores}")
    assert "spa_Latn.dev has blank sentences: line 2" in error.why


def test_many_blank_lines_are_counted_not_listed(flores):
    write(flores / "dev" / "spa_Latn.dev", "\n" * 20)
    assert refusal(f"flores:{flores}").why.endswith("line 1, line 2, line 3, line 4, line 5 and 15 more")


def test_bytes_that_are_not_utf8_are_refused_with_file_and_line(flores):
    write(flores / "devtest" / "spa_Latn.devtest", b"uno\ndos\ntr\xe9s\n")
    error = refusal(f"flores:{flores}")
    assert "line 3" in error.why
    assert "spa_Latn.devtest is not UTF-8 (byte 0xe9)" in error.why
    assert "UTF-8" in error.instead


def test_a_control_character_is_refused_with_file_and_line(flores):
    write(flores / "dev" / "spa_Latn.dev", "Un perro.\nDos\0gatos.\n")
    error = refusal(f"flores:{flores}")
    assert "spa_Latn.dev" in error.why
    assert "a character that is not text (U+0000): line 2" in error.why


def test_an_empty_file_is_refused(flores):
    write(flores / "dev" / "spa_Latn.dev", "")
    error = refusal(f"flores:{flores}")
    assert "spa_Latn.dev is empty" in error.why


def test_a_file_with_an_unknown_code_is_refused(flores):
    write(flores / "dev" / "qqx_Latn.dev", lines("a", "b"))
    error = refusal(f"flores:{flores}")
    assert "qqx_Latn.dev" in error.why
    assert "Rename the file" in error.instead


def test_two_files_of_one_language_are_refused(flores):
    write(flores / "dev" / "es.dev", lines(*SPANISH[:2]))
    error = refusal(f"flores:{flores}")
    for fact in ("es.dev", "spa_Latn.dev", "same language, 'es'"):
        assert fact in error.why


def test_fewer_than_two_languages_are_refused(flores):
    for code in ("spa_Latn", "zho_Hans"):
        (flores / "dev" / f"{code}.dev").unlink()
    error = refusal(f"flores:{flores}")
    assert "1 languages in common (en)" in error.why
    assert "at least 2" in error.instead


def test_too_few_lines_are_refused(flores):
    for path in (flores / "dev").iterdir():
        write(path, "One.\n")
    error = refusal(f"flores:{flores}")
    assert "eng_Latn.dev has only 1 lines" in error.why


@pytest.mark.parametrize("kind", ["flores", "tatoeba"])
def test_a_missing_folder_is_refused(kind, tmp_path):
    error = refusal(f"{kind}:{tmp_path / 'nowhere'}")
    assert f"there is no folder {tmp_path / 'nowhere'}" in error.why


@pytest.mark.parametrize("kind", ["flores", "tatoeba"])
def test_a_file_in_place_of_a_folder_is_refused(kind, tmp_path):
    error = refusal(f"{kind}:{write(tmp_path / 'a.csv', 'en,es')}")
    assert "is a file, not a folder" in error.why
    assert "table:FILE" in error.instead


@pytest.mark.parametrize(
    ("kind", "layout"), [("flores", "dev/ and devtest/"), ("tatoeba", "tatoeba.<lang>-eng.<lang>")]
)
def test_a_folder_of_another_layout_is_refused(kind, layout, tmp_path):
    assert layout in refusal(f"{kind}:{tmp_path}").why


# Tatoeba


def test_tatoeba_is_one_set_a_pair_each_with_its_own_english(tatoeba):
    corpus = load_corpus(f"tatoeba:{tatoeba}")
    assert corpus.probe is None
    assert corpus.probe_languages == ()
    assert corpus.languages == ("en", "zh", "es")
    chinese, spanish = corpus.evaluation
    assert chinese.texts == {"en": tuple(ENGLISH), "zh": tuple(CHINESE)}
    assert spanish.texts == {"en": tuple(reversed(ENGLISH)), "es": tuple(reversed(SPANISH))}
    assert spanish.ids[0] == "spa-eng:1"
    assert "no probe sentences" in corpus.notes[0]


def test_a_second_pair_of_one_language_is_left_out_and_noted(tatoeba):
    for code in ("dtp", "kzj"):  # merged by IANA, two files in the published set
        write(tatoeba / f"tatoeba.{code}-eng.{code}", lines(*(f"{code} {text}" for text in SPANISH)))
        write(tatoeba / f"tatoeba.{code}-eng.eng", lines(*ENGLISH))
    corpus = load_corpus(f"tatoeba:{tatoeba}")
    assert corpus.languages == ("en", "zh", "dtp", "es")
    assert corpus.evaluation[1].texts["dtp"][0] == "dtp Un perro."
    assert any("kzj-eng is left out" in note for note in corpus.notes)


def test_a_pair_with_one_side_missing_is_refused(tatoeba):
    (tatoeba / "tatoeba.spa-eng.eng").unlink()
    assert "tatoeba.spa-eng.eng" in refusal(f"tatoeba:{tatoeba}").why
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH))
    (tatoeba / "tatoeba.spa-eng.spa").unlink()
    assert "tatoeba.spa-eng.spa" in refusal(f"tatoeba:{tatoeba}").why


def test_a_pair_of_unequal_length_is_refused(tatoeba):
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH, "Six."))
    error = refusal(f"tatoeba:{tatoeba}")
    assert "tatoeba.spa-eng.eng has 6 lines" in error.why
    assert "tatoeba.spa-eng.spa has 5" in error.why


def test_repeats_in_tatoeba_are_noted(tatoeba):
    write(tatoeba / "tatoeba.spa-eng.eng", lines(*ENGLISH[:4], ENGLISH[0]))
    notes = load_corpus(f"tatoeba:{tatoeba}").notes
    assert "Sentences in spa-eng that repeat an earlier one, kept as published: en 1." in notes


# Tables


def test_a_table_without_a_split_is_halved(tmp_path):
    corpus = load_corpus(table(tmp_path, csv_text(*PLAIN)))
    assert corpus.probe is not None
    assert corpus.probe.texts == {"en": tuple(ENGLISH[:2]), "es": tuple(SPANISH[:2])}
    assert corpus.evaluation[0].texts["es"] == tuple(SPANISH[2:])
    assert corpus.evaluation[0].ids == ("3", "4", "5")
    assert corpus.notes == ("No column 'split': the first 2 rows are the probe, the other 3 the evaluation.",)
    assert (corpus.kind, corpus.title) == ("table", "t.csv")


def test_a_table_with_ids_splits_and_topics(tmp_path):
    marks = ["test", "dev", "Test", "train", "evaluation"]
    rows = [f"s{n},{mark},pets,{ENGLISH[n]},{SPANISH[n]}" for n, mark in enumerate(marks)]
    corpus = load_corpus(table(tmp_path, csv_text(*rows, header="ID,split,topic,eng_Latn,spa")))
    assert corpus.probe is not None
    assert corpus.probe.ids == ("s1", "s3")
    assert corpus.evaluation[0].ids == ("s0", "s2", "s4")
    assert corpus.evaluation[0].texts["es"] == (SPANISH[0], SPANISH[2], SPANISH[4])
    assert corpus.languages == ("en", "es")
    assert set(corpus.notes) == {
        "Rows of the split 'test' are evaluation rows.",
        "Rows of the split 'dev' are probe rows.",
        "Rows of the split 'train' are probe rows.",
    }


def in_format(tmp_path: Path, suffix: str, columns: dict[str, list[str]]) -> str:
    path = tmp_path / f"t{suffix}"
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    if suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    elif suffix == ".jsonl":
        write(path, lines(*(json.dumps(row, ensure_ascii=False) for row in rows)))
    else:
        mark = "\t" if suffix == ".tsv" else ","
        write(path, lines(mark.join(columns), *(mark.join(row.values()) for row in rows)))
    return f"table:{path}"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_reads_the_same_and_guesses_nothing(suffix, tmp_path):
    english = ["NA", "null", "1.50", "007", "True"]
    spanish = ["nan", "None", "1,5" if suffix != ".csv" else "1.5", "-inf", "N/A"]
    columns = {"en": english, "es": spanish, "zh": CHINESE}
    corpus = load_corpus(in_format(tmp_path, suffix, columns))
    assert corpus.probe is not None
    for code in ("en", "es", "zh"):
        assert [*corpus.probe.texts[code], *corpus.evaluation[0].texts[code]] == columns[code]


def test_a_csv_of_a_spreadsheet_with_semicolons_and_a_mark_of_byte_order(tmp_path):
    rows = [f'"{en}, really";{es}' for en, es in zip(ENGLISH, SPANISH, strict=True)]
    corpus = load_corpus(table(tmp_path, "\ufeffen;es\r\n" + "\r\n".join(rows)))
    assert corpus.evaluation[0].texts["en"][0] == "Three birds., really"


def test_a_quoted_cell_may_hold_commas_quotes_and_line_breaks(tmp_path):
    rows = ['"A, ""b""\nc",x', *PLAIN, "too,many,cells"]
    error = refusal(table(tmp_path, csv_text(*rows)))
    assert "line 9 of" in error.why  # one header, one record of two lines, five more
    corpus = load_corpus(table(tmp_path, csv_text(*rows[:-1])))
    assert corpus.probe is not None
    assert corpus.probe.texts["en"][0] == 'A, "b"\nc'


def test_a_tsv_keeps_quotation_marks_that_belong_to_sentences(tmp_path):
    rows = ['"Stop!" he said.\t"Alto", dijo.', '"Go!"\t"¡Ve!"', 'a "b" c\td', "e\tf"]
    corpus = load_corpus(table(tmp_path, lines("en\tes", *rows), "t.tsv"))
    assert corpus.probe is not None
    assert corpus.probe.texts["en"] == ('"Stop!" he said.', '"Go!"')
    assert not any("Quotation" in note for note in corpus.notes)


def test_a_tsv_of_a_spreadsheet_has_its_quoting_undone_and_noted(tmp_path):
    rows = ['"""Stop!"" he said."\tx', "Go.\ty", '"a ""b"" c"\tz', "e\tf"]
    corpus = load_corpus(table(tmp_path, lines("en\tes", *rows), "t.tsv"))
    assert corpus.probe is not None
    assert corpus.probe.texts["en"] == ('"Stop!" he said.', "Go.")
    assert any("Quotation marks" in note for note in corpus.notes)


def test_whole_numbers_can_be_ids_in_typed_formats(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": [10, 11, 12, 13], "en": ENGLISH[:4], "es": SPANISH[:4]}), path)
    assert load_corpus(f"table:{path}").evaluation[0].ids == ("12", "13")


@pytest.mark.parametrize(
    ("row", "cells"), [("Only one cell", "has 1 cells"), ("one,two,three", "has 3 cells")], ids=["few", "many"]
)
def test_a_ragged_row_is_refused_with_its_line(row, cells, tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN[:2], "", row, *PLAIN[2:])))
    assert "line 5 of" in error.why
    assert f"{cells} where the first line has 2" in error.why


def test_an_unclosed_quote_is_refused_with_its_line(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN[:2], '"Three birds,Tres aves.', *PLAIN[3:])))
    assert "line 4 of" in error.why
    assert "double quote" in error.instead


@pytest.mark.parametrize("name", ["t.xlsx", "t.txt", "t"])
def test_an_unsupported_extension_is_refused(name, tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN), name))
    assert ".csv, .tsv, .jsonl, .parquet" in error.instead


def test_a_missing_table_is_refused(tmp_path):
    assert f"there is no file {tmp_path / 'no.csv'}" in refusal(f"table:{tmp_path / 'no.csv'}").why


def test_a_folder_in_place_of_a_table_is_refused(tmp_path):
    assert "is a folder, not a file" in refusal(f"table:{tmp_path}").why


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
def test_an_empty_table_is_refused(name, tmp_path):
    assert f"{name} is empty" in refusal(table(tmp_path, "", name)).why


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_table_of_blank_lines_is_refused(name, tmp_path):
    assert "holds no rows" in refusal(table(tmp_path, "\n\n", name)).why


def test_a_table_of_a_header_only_is_refused(tmp_path):
    assert "has only 0 rows" in refusal(table(tmp_path, csv_text())).why


def test_a_table_of_three_rows_is_refused(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN[:3])))
    assert "has only 3 rows" in error.why
    assert "At least 4" in error.instead


def test_a_table_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN[:2], "Señor,x").encode("latin-1")))
    assert "line 4 of" in error.why
    assert "not UTF-8" in error.why


def test_a_column_that_is_no_language_is_refused_by_name(tmp_path):
    error = refusal(table(tmp_path, csv_text(*(f"{row},x" for row in PLAIN), header="en,es,comments")))
    assert "column 'comments' is not a language" in error.why
    assert "id, split, topic" in error.instead


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


def test_indonesian_sentences_are_not_taken_for_row_ids(tmp_path):
    rows = [f"Ini kalimat nomor {n},{row}" for n, row in enumerate(PLAIN)]
    error = refusal(table(tmp_path, csv_text(*rows, header="id,en,es")))
    assert "look like sentences" in error.why
    assert "'ind'" in error.instead
    assert load_corpus(table(tmp_path, csv_text(*rows, header="ind,en,es"))).languages == ("id", "en", "es")


def test_duplicate_ids_are_refused_with_both_places(tmp_path):
    rows = [f"{name},{row}" for name, row in zip("abcbe", PLAIN, strict=True)]
    error = refusal(table(tmp_path, csv_text(*rows, header="id,en,es")))
    assert "the id 'b' is on line 3 and line 5" in error.why


def test_a_blank_id_is_refused(tmp_path):
    rows = [f"{name},{row}" for name, row in zip(["a", "", "c", "d", "e"], PLAIN, strict=True)]
    assert "column 'id' has blank" in refusal(table(tmp_path, csv_text(*rows, header="id,en,es"))).why


def test_a_blank_sentence_is_refused_with_row_and_language(tmp_path):
    rows = [f"r{n},{row}" for n, row in enumerate([*PLAIN[:2], "Three birds.,  ", *PLAIN[3:]])]
    error = refusal(table(tmp_path, csv_text(*rows, header="id,en,es")))
    assert "column 'es' has blank sentences: line 4 (id 'r2')" in error.why


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_control_character_in_a_table_is_refused(name, tmp_path):
    mark = "," if name == "t.csv" else "\t"
    rows = (row.replace(",", mark) for row in ("a\0b,c", *PLAIN))
    error = refusal(table(tmp_path, lines(f"en{mark}es", *rows), name))
    assert "column 'en' has a character that is not text (U+0000): line 2" in error.why


def test_a_sentence_twice_in_a_language_is_refused_with_both_rows(tmp_path):
    rows = [*PLAIN[:3], "Four fish.,Tres aves. ", PLAIN[4]]
    error = refusal(table(tmp_path, csv_text(*rows)))
    assert "column 'es' has the same sentence on line 4 and line 5" in error.why
    assert "probe" not in error.why


def test_a_sentence_in_probe_and_evaluation_is_refused(tmp_path):
    rows = [*PLAIN[:4], "One dog.,Otro perro."]
    error = refusal(table(tmp_path, csv_text(*rows)))
    assert "column 'en' has the same sentence on line 2 and line 6, once to probe and once to evaluate" in error.why


def test_an_unknown_split_is_refused_with_its_row(tmp_path):
    rows = [f"{mark},{row}" for mark, row in zip(["dev", "dev", "tset", "test", "test"], PLAIN, strict=True)]
    error = refusal(table(tmp_path, csv_text(*rows, header="split,en,es")))
    assert "the split 'tset' on line 4" in error.why
    assert "probe, dev" in error.instead


def test_a_split_with_nothing_to_evaluate_is_refused(tmp_path):
    error = refusal(table(tmp_path, csv_text(*(f"dev,{row}" for row in PLAIN), header="split,en,es")))
    assert "0 evaluation rows" in error.why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"en": "x", "es": ', "not JSON"),
        ('["x", "y"]', "not a JSON object"),
        ('{"en": "x"}', "not the same fields as the first: 'es'"),
        ('{"en": "x", "es": "y", "de": "z"}', "'de'"),
        ('{"en": "x", "es": null}', "nothing (null) in 'es'"),
        ('{"en": "x", "es": 5}', "not text but int in 'es'"),
        ('{"en": "x", "es": "y", "en": "z"}', "'en' twice"),
    ],
)
def test_a_bad_line_of_jsonl_is_refused_with_its_number(line, why, tmp_path):
    good = [json.dumps({"en": en, "es": es}) for en, es in zip(ENGLISH, SPANISH, strict=True)]
    error = refusal(table(tmp_path, lines(*good[:2], "", line, *good[2:]), "t.jsonl"))
    assert "line 4 of" in error.why
    assert why in error.why


def test_half_a_character_in_jsonl_is_refused(tmp_path):
    rows = [json.dumps({"en": en, "es": es}) for en, es in zip(["\ud83d", *ENGLISH], ["x", *SPANISH], strict=True)]
    assert (
        "column 'en' has a character that is not text (U+D83D): line 1"
        in refusal(table(tmp_path, lines(*rows), "t.jsonl")).why
    )


def test_a_damaged_parquet_file_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"en": ENGLISH, "es": SPANISH}), path)
    write(path, path.read_bytes()[:-20])
    error = refusal(f"table:{path}")
    assert "cannot be read as Parquet" in error.why


@pytest.mark.parametrize(
    ("values", "why"),
    [([1, 2, 3, 4, 5], "row 1 of"), (["a", None, "c", "d", "e"], "row 2 of")],
    ids=["numbers", "null"],
)
def test_a_parquet_column_that_is_not_all_text_is_refused(values, why, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"en": ENGLISH, "es": values}), path)
    error = refusal(f"table:{path}")
    assert why in error.why
    assert "'es'" in error.why


# The embedded sentences


def embedded(tmp_path: Path, *extra: str) -> Path:
    rows = [
        f"s{n}\t{'probe' if n < 3 else 'evaluation'}\tpets\t{ENGLISH[n]}\t{SPANISH[n]}\t{CHINESE[n]}" for n in range(5)
    ]
    return write(tmp_path / "sentences.tsv", lines("id\tsplit\ttopic\ten\tes\tzh", *rows, *extra))


def test_the_embedded_sentences_are_read_by_their_split(tmp_path):
    corpus = load_embedded("embedded", embedded(tmp_path))
    assert corpus.probe is not None
    assert (corpus.kind, corpus.notes) == ("embedded", ())
    assert corpus.probe.ids == ("s0", "s1", "s2")
    assert corpus.evaluation[0].texts["zh"] == tuple(CHINESE[3:])
    assert corpus.languages == ("en", "es", "zh")


def test_a_repeat_in_the_embedded_sentences_is_refused(tmp_path):
    path = embedded(tmp_path, "s9\tprobe\tpets\tSix.\tUn perro.\t六")
    with pytest.raises(CorpusError, match=r"'es' has the same sentence on line 2 \(id 's0'\) and line 7 \(id 's9'\)"):
        load_embedded("embedded", path)


def test_embedded_sentences_that_are_not_installed_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="missing from this installation"):
        load_embedded("embedded", tmp_path / "sentences.tsv")
