"""Tables of sentences are read cell by cell in every format, and refused with the line that is amiss."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core import access
from core.corpora import table_corpus
from core.corpora.load import load_corpus
from core.corpora.table_files import read_rows
from core.errors import CorpusError
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, lines, refusal, table, write

PLAIN = tuple(f"{en},{es}" for en, es in zip(ENGLISH, SPANISH, strict=True))


def csv_text(*rows: str, header: str = "en,es") -> str:
    return lines(header, *rows)


def test_a_table_without_a_split_is_halved(tmp_path):
    corpus = load_corpus(table(tmp_path, csv_text(*PLAIN)))
    assert corpus.probe is not None
    assert corpus.probe.texts == {"en": tuple(ENGLISH[:2]), "es": tuple(SPANISH[:2])}
    assert corpus.evaluation[0].texts["es"] == tuple(SPANISH[2:])
    assert corpus.evaluation[0].ids == ("3", "4", "5")
    assert corpus.notes == ()
    assert corpus.probe.notes == ("Probe rows are of the first half, which has 2 sentences.",)
    (note,) = corpus.evaluation[0].notes
    assert note.startswith("Evaluation rows are of the second half, which has 3 sentences. A column 'split' says")
    assert (corpus.kind, corpus.title) == ("table", "t.csv")


def test_a_table_is_read_once_until_it_changes(tmp_path, monkeypatch):
    spec = table(tmp_path, csv_text(*PLAIN))
    path = tmp_path / "t.csv"
    os.utime(path, (10**9, 10**9))
    reads = []
    monkeypatch.setattr(table_corpus, "read_rows", lambda *asked: reads.append(asked) or read_rows(*asked))
    first = load_corpus(spec)
    assert load_corpus(spec) is first
    assert len(reads) == 1
    path.write_text(csv_text(*reversed(PLAIN)), encoding="utf-8")
    assert load_corpus(spec).digest != first.digest
    assert len(reads) == 2


def test_a_table_with_ids_splits_and_topics(tmp_path):
    marks = ["test", "dev", "Test", "train", "evaluation"]
    rows = [f"s{n},{mark},pets,{ENGLISH[n]},{SPANISH[n]}" for n, mark in enumerate(marks)]
    corpus = load_corpus(table(tmp_path, csv_text(*rows, header="ID,split,topic,eng_Latn,spa")))
    assert corpus.probe is not None
    assert corpus.probe.ids == ("s1", "s3")
    assert corpus.evaluation[0].ids == ("s0", "s2", "s4")
    assert corpus.evaluation[0].texts["es"] == (SPANISH[0], SPANISH[2], SPANISH[4])
    assert corpus.languages == ("en", "es")
    assert corpus.notes == ()
    assert corpus.probe.notes == (
        "Rows of the split 'dev' are probe rows.",
        "Rows of the split 'train' are probe rows.",
    )
    assert corpus.evaluation[0].notes == ("Rows of the split 'test' are evaluation rows.",)


def test_a_column_of_labels_is_kept_and_is_no_sentence(tmp_path):
    labels = ["pets", "", "work", "pets", "work"]
    rows = [f"{label},{row}" for label, row in zip(labels, PLAIN, strict=True)]
    corpus = load_corpus(table(tmp_path, csv_text(*rows, header="Label,en,es")))
    assert corpus.probe is not None
    assert (corpus.probe.labels, corpus.evaluation[0].labels) == (("pets", ""), ("work", "pets", "work"))
    assert "1 of 5 rows have no label and take no part in a task." in corpus.notes
    plain = load_corpus(table(tmp_path, csv_text(*PLAIN)))
    assert (plain.digest, plain.evaluation[0].labels) == (corpus.digest, None)


@pytest.mark.parametrize("values", [[0, 1, None, 1, 0], [0.0, 1.0, float("nan"), 1.0, 0.0]], ids=["int", "float"])
def test_labels_may_be_numbers(values, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"en": ENGLISH, "es": SPANISH, "label": values}), path)
    corpus = load_corpus(f"table:{path}")
    assert corpus.probe is not None
    assert (corpus.probe.labels, corpus.evaluation[0].labels) == (("0", "1"), ("", "1", "0"))


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
    ("row", "cells"), [("Only one cell", "has 1 cell"), ("one,two,three", "has 3 cells")], ids=["few", "many"]
)
def test_a_ragged_row_is_refused_with_its_line(row, cells, tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN[:2], "", row, *PLAIN[2:])))
    assert "line 5 of" in error.why
    assert f"{cells} where line 1 has 2" in error.why


def test_an_unclosed_quote_is_refused_with_its_line(tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN[:2], '"Three birds,Tres aves.', *PLAIN[3:])))
    assert "line 4 of" in error.why
    assert "double quote" in error.instead


@pytest.mark.parametrize("name", ["t.xlsx", "t.txt", "t"])
def test_an_unsupported_extension_is_refused(name, tmp_path):
    error = refusal(table(tmp_path, csv_text(*PLAIN), name))
    assert ".csv, .tsv, .jsonl, .ndjson, .json, .parquet" in error.instead


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
    [([1, 2, 3, 4, 5], "row 1 has not text but int"), (["a", None, "c", "d", "e"], "row 2 of")],
    ids=["numbers", "null"],
)
def test_a_parquet_column_that_is_not_all_text_is_refused(values, why, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"en": ENGLISH, "es": values}), path)
    error = refusal(f"table:{path}")
    assert why in error.why
    assert "'es'" in error.why


SECRET = "hunter2"
TOLD = {
    "an id twice": csv_text(f"{SECRET},A.,B.", f"{SECRET},C.,D.", "3,E.,F.", "4,G.,H.", header="id,en,es"),
    "a split": csv_text(f"{SECRET},A.,B.", *["dev,C.,D."] * 4, header="split,en,es"),
    "a blank cell": csv_text(f"{SECRET},,B.", "2,C.,D.", "3,E.,F.", "4,G.,H.", header="id,en,es"),
    "a control character": csv_text(f"{SECRET},A\x08,B.", "2,C.,D.", "3,E.,F.", "4,G.,H.", header="id,en,es"),
    "a sentence twice": csv_text(f"{SECRET},{SECRET},B.", f"2,{SECRET},D.", "3,E.,F.", "4,G.,H.", header="id,en,es"),
    "a short row": csv_text(SECRET, *PLAIN),
    "an open quotation mark": csv_text(f'"{SECRET},', *PLAIN),
    "no language": csv_text(f"{SECRET},{SECRET}", header="x1,x2"),
}


@pytest.mark.parametrize("content", TOLD.values(), ids=TOLD)
def test_a_public_server_quotes_no_cell(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = table(tmp_path, content)
    monkeypatch.setenv(access.PUBLIC, "1")
    with pytest.raises(CorpusError) as refused:
        table_corpus.load_table(spec, tmp_path / "t.csv", "mine.csv")
    assert SECRET not in str(refused.value)
    assert refused.value.instead
