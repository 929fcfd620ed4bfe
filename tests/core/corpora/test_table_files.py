"""Tables are read as people export them, whatever the program; cells are text, and nothing is guessed."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.corpora import table_files, validation
from core.corpora.load import load_corpus
from tests.helpers.corpora import CHINESE, ENGLISH, SPANISH, refusal, write

FRAME = pd.DataFrame({"en": ENGLISH, "es": SPANISH, "zh": CHINESE})
RECORDS = FRAME.to_dict("records")


def text_of(separator: str = ",") -> str:
    return FRAME.to_csv(index=False, sep=separator)


def excel(text: str) -> str:
    return text.replace("\n", "\r\n")


def padded(text: str) -> str:
    header, *rows = text.splitlines()
    return "\n".join([f"{header},,", *(f"{row},," for row in rows), ",,,,", ",,,,", ""])


WRITTEN: dict[str, tuple[str, str | bytes]] = {
    "plain": ("t.csv", text_of()),
    "tabs in .csv": ("t.csv", text_of("\t")),
    "bars in .csv": ("t.csv", text_of("|")),
    "Excel's line": ("t.csv", "\ufeffsep=;\r\n" + excel(text_of(";"))),
    "UTF-16 of Excel": ("t.csv", excel(text_of("\t")).encode("utf-16")),
    "empty ends": ("t.csv", padded(text_of())),
    "pandas' index": ("t.csv", FRAME.to_csv()),
    "a filtered index": ("t.csv", pd.concat([FRAME]).to_csv().replace("\n3,", "\n7,").replace("\n4,", "\n9,")),
    "gzip": ("t.csv.gz", gzip.compress(text_of().encode())),
    "NDJSON": ("t.ndjson", FRAME.to_json(orient="records", lines=True)),
    "an array": ("t.jsonl", json.dumps(RECORDS)),
    "an array over lines": ("t.json", json.dumps(RECORDS, indent=1, ensure_ascii=False)),
    "columns": ("t.json", FRAME.to_json()),
    "lists": ("t.json", json.dumps(FRAME.to_dict("list"), indent=2)),
    "translations": ("t.jsonl", "\n".join(json.dumps({"translation": record}) for record in RECORDS)),
    "prefixes": ("t.csv", FRAME.rename(columns=lambda code: f"sentence_{code}").to_csv(index=False)),
    "other columns": (
        "t.csv",
        FRAME.assign(domain="news", url="https://example.org/1", id=range(5)).to_csv(index=False),
    ),
}


@pytest.mark.parametrize("case", WRITTEN.values(), ids=WRITTEN)
def test_the_same_sentences_however_they_were_exported(case: tuple[str, str | bytes], tmp_path: Path) -> None:
    name, content = case
    corpus = load_corpus(f"table:{write(tmp_path / name, content)}")
    assert corpus.probe is not None
    for code in FRAME:
        assert corpus.probe.texts[code] + corpus.evaluation[0].texts[code] == tuple(FRAME[code])
    assert set(corpus.languages) == {"en", "es", "zh"}


def parquet(path: Path, table: pa.Table) -> str:
    pq.write_table(table, path)
    return f"table:{path}"


PARQUET: dict[str, Callable[[], pa.Table]] = {
    "a filtered frame": lambda: pa.Table.from_pandas(pd.concat([FRAME, FRAME]).iloc[[0, 1, 2, 8, 9]]),
    "bytes": lambda: pa.table({code: [text.encode() for text in FRAME[code]] for code in FRAME}),
    "translations": lambda: pa.table({"id": range(5), "translation": RECORDS}),
    "typed columns": lambda: pa.Table.from_pandas(FRAME.assign(length=[1.5] * 5, fr=[True] * 5, nothing=None)),
}


@pytest.mark.parametrize("table", PARQUET.values(), ids=PARQUET)
def test_the_same_sentences_from_parquet(table: Callable[[], pa.Table], tmp_path: Path) -> None:
    corpus = load_corpus(parquet(tmp_path / "t.parquet", table()))
    assert set(corpus.languages) == {"en", "es", "zh"}
    assert corpus.evaluation[0].texts["zh"] == tuple(CHINESE[2:])


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    frame = FRAME.assign(domain="news", url="https://example.org/1", de=range(5))
    notes = load_corpus(parquet(tmp_path / "t.parquet", pa.Table.from_pandas(frame))).notes
    assert "Columns left out, because their names are no languages: domain." in notes
    assert "Columns left out, because they hold no sentences: url, de." in notes


def test_a_cell_may_be_longer_than_the_csv_module_reads(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    longest = "word " * 40_000
    path = write(tmp_path / "t.csv", FRAME.replace({ENGLISH[4]: longest}).to_csv(index=False))
    assert load_corpus(f"table:{path}").evaluation[0].texts["en"][-1] == longest.strip()
    assert csv.field_size_limit() == before


def test_two_ways_to_write_an_accent_are_one_sentence(tmp_path: Path) -> None:
    decomposed = [*SPANISH[:3], "Ma\u0301s.", "M\u00e1s."]
    error = refusal(f"table:{write(tmp_path / 't.csv', FRAME.assign(es=decomposed).to_csv(index=False))}")
    assert "column 'es' has the same sentence on line 5 and line 6" in error.why


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.jsonl", '{"en": "a", "en": "b"}\n', "line 1 of {} has the field 'en' twice"),
        ("t.json", '{"en": "a"', "the whole of {} is not JSON"),
        ("t.json", '{"en": [1], "es": []}', "{} is JSON, and no table"),
        ("t.jsonl", json.dumps([{"translation": {"en": "a", "es": "b"}}, {"translation": {"en": "c"}}]), "'es'"),
        ("t.csv.gz", b"\x1f\x8b no", "{} cannot be unpacked"),
        ("t.csv", "\ufeff".encode("utf-16-le") + b"x", "{} begins as UTF-16"),
        (
            "t.csv",
            FRAME.assign(es=["a", "b", "", "d", "e"]).to_csv(index=False),
            "column 'es' has blank sentences: line 4",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(name: str, content: str | bytes, why: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, content)
    assert why.format(path) in refusal(f"table:{path}").why


def test_many_fields_are_refused(tmp_path: Path) -> None:
    """60,000 fields in one record once took for ever."""
    record = {f"f{number}": "x" for number in range(60_000)}
    path = write(tmp_path / "t.jsonl", json.dumps(record) + "\n")
    assert "60,000 columns" in refusal(f"table:{path}").why
    columns = write(tmp_path / "columns.json", json.dumps({name: [value] for name, value in record.items()}))
    assert "60,000 columns" in refusal(f"table:{columns}").why
    translations = write(tmp_path / "translations.jsonl", json.dumps({"translation": record}) + "\n")
    assert "60,000 columns" in refusal(f"table:{translations}").why
    header = write(tmp_path / "t.csv", ",".join(record) + "\n")
    assert "60,000 columns" in refusal(f"table:{header}").why


def test_a_table_with_more_cells_than_are_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MOST_CELLS", 2_000)
    path = write(tmp_path / "t.csv", "en,de\n" + "a,b\n" * 1_001)
    assert "cells, and at most 2,000 are read" in refusal(f"table:{path}").why
    many = pa.array([0] * 1_000_001, pa.int32())
    column = pa.DictionaryArray.from_arrays(many, pa.array(["a word"]))
    pq.write_table(pa.table({"en": column, "de": column}), tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 10_000
    assert "is too large" in refusal(f"table:{tmp_path / 't.parquet'}").why


def test_what_unpacks_to_too_much_is_refused_while_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "MOST_BYTES", 1_000_000)
    path = write(tmp_path / "t.csv.gz", gzip.compress(b"en,de\n" + bytes(2_000_000)))
    assert "unpacks to more than 1,000,000 bytes" in refusal(f"table:{path}").why
    path = write(tmp_path / "broken.csv.gz", gzip.compress(b"en,de\n" * 1000)[:10] + b"\xff" * 40)
    assert "cannot be unpacked" in refusal(f"table:{path}").why


def test_a_date_out_of_range_is_refused_in_words(tmp_path: Path) -> None:
    rows = 10
    times = pa.array([10**16] * rows, pa.timestamp("ms"))  # the year 318,857
    texts = [f"sentence {row}" for row in range(rows)]
    pq.write_table(pa.table({"en": texts, "de": texts, "topic": times}), tmp_path / "t.parquet")
    assert "cannot be read as Parquet" in refusal(f"table:{tmp_path / 't.parquet'}").why
