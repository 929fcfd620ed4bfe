"""A table that is read in a process of its own is the same table; whatever happens there, it is said in words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core import access
from core.corpora import read_apart, table_corpus
from core.errors import CorpusError
from tests.helpers.corpora import write

ROWS = {"id": list("abcdef"), "en": [f"One {n} 犬." for n in range(6)], "de": [f"Ein {n}\u2028Hund." for n in range(6)]}
ROWS |= {"split": ["dev"] * 3 + ["test"] * 3, "label": ["x", "", "y"] * 2}


@pytest.fixture(params=[".csv", ".parquet"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"table{request.param}"
    frame = pd.DataFrame(ROWS)
    frame.to_csv(path, index=False) if request.param == ".csv" else frame.to_parquet(path)
    return path


def test_it_is_the_same_table(table: Path) -> None:
    apart = read_apart.read(f"table:{table}", table, "mine")
    here = table_corpus.read_table(f"table:{table}", table, "mine")
    assert apart == here
    assert apart.digest == here.digest
    for ours, theirs in zip((apart.probe, *apart.evaluation), (here.probe, *here.evaluation), strict=True):
        assert ours is not None
        assert theirs is not None
        assert (ours.labels, ours.notes) == (theirs.labels, theirs.notes)
        assert ours.languages == theirs.languages


@pytest.mark.parametrize("text", ["en,de\na,b\nc\n", 'en,de\n"a\ud800,b\n', "x", ""])
def test_it_is_the_same_refusal(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(CorpusError) as here:
        table_corpus.read_table("table:x", path, "mine.csv")
    with pytest.raises(CorpusError) as apart:
        read_apart.read("table:x", path, "mine.csv")
    assert (apart.value.what, apart.value.why, apart.value.instead) == (
        here.value.what,
        here.value.why,
        here.value.instead,
    )


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"memory": 1 << 20}, "took more than 0.0 GB of memory"),
        ({"wait": 0.01}, "took more than 0.01 seconds"),
    ],
    ids=["memory", "clock"],
)
def test_what_takes_too_much_is_said_in_words(limits: dict[str, Any], words: str, tmp_path: Path) -> None:
    rows = "".join(f"a sentence {row}\tein Satz {row}\n" for row in range(200_000))
    path = write(tmp_path / "large.tsv", "en\tde\n" + rows)
    with pytest.raises(CorpusError, match="the process that reads it") as refusal:
        read_apart.read(f"table:{path}", path, None, read_apart.Limits(**limits))
    assert words in refusal.value.why


def test_what_computes_too_long_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spins = (
        "import sys; from core.subprocesses import limit_processor; limit_processor(int(sys.argv[2]))\nwhile True: pass"
    )
    monkeypatch.setattr(read_apart.subprocesses, "command", lambda _, *limits: [sys.executable, "-c", spins, *limits])
    with pytest.raises(CorpusError, match="took more than 1 second of the processor"):
        read_apart.read("table:x", tmp_path / "x.csv", None, read_apart.Limits(seconds=1))


def test_what_a_visitor_brings_may_hold_less_than_other_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path))
    assert read_apart.OF_UPLOADS.contents < read_apart.Limits().contents
    assert read_apart.OF_UPLOADS.contents > access.LARGEST_UPLOAD, "plain text fits whole"
    monkeypatch.setattr(read_apart, "OF_UPLOADS", read_apart.Limits(contents=5000))
    (tmp_path / "uploads").mkdir()
    pd.DataFrame({code: [f"{code} {row} " + "x" * 400 for row in range(10)] for code in ("en", "de")}).to_parquet(
        tmp_path / "listed.parquet"
    )
    (tmp_path / "uploads" / "own.parquet").write_bytes((tmp_path / "listed.parquet").read_bytes())
    with pytest.raises(CorpusError, match="it holds more than 5,000 bytes of text"):
        read_apart.read("upload:x", tmp_path / "uploads" / "own.parquet", "mine")
    corpus = read_apart.read("table:x", tmp_path / "listed.parquet", None)
    assert corpus.languages == ("en", "de")


def test_a_table_is_decoded_before_another_one_is_read(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = threading.BoundedSemaphore(1)
    held: list[bool] = []
    real: Callable[..., Any] = read_apart.serialisation.decode
    monkeypatch.setattr(read_apart, "_at_once", alone)
    monkeypatch.setattr(
        read_apart.serialisation, "decode", lambda *said: held.append(not alone.acquire(blocking=False)) or real(*said)
    )
    read_apart.read(f"table:{table}", table, None)
    assert set(held) == {True}  # of the whole, and of what is in it


def test_a_process_that_dies_is_said_in_words(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = ["-c", "import os; os.kill(os.getpid(), 11)"]
    monkeypatch.setattr(read_apart.subprocesses, "command", lambda *_: [sys.executable, *killed])
    with pytest.raises(CorpusError, match="was ended by the signal SIGSEGV"):
        read_apart.read(f"table:{table}", table, None)


@pytest.mark.parametrize(
    ("name", "size", "due"),
    [("a.csv", 10, False), ("a.csv", read_apart.LARGE + 1, True), ("a.parquet", 10, True), ("a.tsv.gz", 10, True)],
)
def test_a_server_reads_apart_what_may_take_long(
    name: str, size: int, due: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(b"x" * size)
    assert not read_apart.is_due(path)
    monkeypatch.setenv(access.TABLES, "apart")
    assert read_apart.is_due(path) is due
    assert not read_apart.is_due(tmp_path / "nowhere.parquet")


def test_a_table_is_read_apart_where_the_server_says_so(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    real: Callable[..., Any] = read_apart.read
    monkeypatch.setattr(read_apart, "read", lambda spec, path, name: read.append(path) or real(spec, path, name))
    monkeypatch.setenv(access.TABLES, "apart")
    corpus = table_corpus.load_table(f"table:{table}", table)
    assert corpus.languages == ("en", "de")
    assert read == ([table] if table.suffix == ".parquet" else [])
