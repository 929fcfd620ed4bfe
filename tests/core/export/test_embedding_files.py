"""Sentences of a file with their embeddings: what is read, what is written, and that the numbers are the product's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import core
from core.cli.main import main
from core.errors import AskError, CorpusError
from core.experiment.file import write_experiment
from core.experiment.settings import Experiment
from core.export.embedding_files import check_out, embed_file, read_texts
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from tests.helpers.tiny import sentences


def test_a_file_is_written_with_its_columns_and_both_vectors(asked: Experiment, tmp_path: Path) -> None:
    texts = [*sentences("en", 3), *sentences("ja", 2)]
    table = pd.DataFrame({"topic": list("abcde"), "text": texts, "lang": ["eng", "en", "en", "jpn", "ja"]})
    table.to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "asked.json").write_text(write_experiment(asked), encoding="utf-8")
    cache = tmp_path / "cache"
    for name in ("out.parquet", "out.npy"):
        options = [
            "--experiment",
            str(tmp_path / "asked.json"),
            "--cache",
            str(cache),
            "--in",
            str(tmp_path / "in.csv"),
        ]
        assert main(["embed", *options, "--out", str(tmp_path / name)]) == 0
    written = pd.read_parquet(tmp_path / "out.parquet")
    assert list(written) == ["topic", "text", "lang", "vector_before", "vector_after"]
    assert list(written["topic"]) == list("abcde")
    assert list(written["lang"]) == ["en", "en", "en", "ja", "ja"]
    session = core.Session(cache, progress=False)
    for place, name in enumerate(("vector_before", "vector_after")):
        found = np.stack(written[name])
        expected = session.encoder(asked, before=place == 0).encode(texts)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy")[place], found)
    assert not np.allclose(np.load(tmp_path / "out.npy")[0], found)


def test_columns_without_name_and_content_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,language,,\nGood.,en,,\n", encoding="utf-8")
    assert list(read_texts(tmp_path / "in.csv").columns) == ["text", "language"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sentences\nGood.\n", "no column 'text'"),
        ("text\n", "no rows"),
        ("text,language\nGood.,klingon!\n", "klingon!"),
        ("text,vector_after\nGood.,1\n", "already"),
        ("text,language\n  ,en\nGood.,en\n", "blank"),
        ("text,topic,topic\nGood.,a,b\n", "more than one column 'topic'"),
    ],
)
def test_what_cannot_be_read_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(content, encoding="utf-8")
    with pytest.raises(AskError, match=words):
        read_texts(tmp_path / "in.csv")


@pytest.mark.parametrize("cell", [None, float("nan"), "", 3.5, "klingon!"])
def test_a_cell_that_names_no_language_is_refused_with_its_row(cell: object, tmp_path: Path) -> None:
    first = cell if isinstance(cell, float) else "en"
    cells = pa.array([first, cell], pa.float64() if isinstance(cell, float) else pa.string())
    pq.write_table(pa.table({"text": ["Good.", "Better."], "language": cells}), tmp_path / "in.parquet")
    row = 1 if isinstance(cell, float) else 2
    with pytest.raises(CorpusError, match=f"row {row} has .* in 'language'"):
        read_texts(tmp_path / "in.parquet")


def test_a_language_that_cannot_be_is_refused_before_the_sentences_are_embedded(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("text,language\nGood.,en\nBon.,fr\n", encoding="utf-8")
    said: list[str] = []

    def embed(run: Run) -> object:
        run.progress.stage = lambda title, *_: said.append(title)  # type: ignore[method-assign]
        return embed_file(run, tmp_path / "in.csv", tmp_path / "out.npy")

    by_source = replace(asked, method="diff-mean")
    with pytest.raises(AskError, match="'fr'"):
        engine.answer(by_source, embed)
    assert not any("embedding the sentences, before" in title for title in said)


def test_a_column_that_parquet_cannot_hold_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Good.", "n": 1}\n{"text": "Better.", "n": "two"}\n')
    with pytest.raises(CorpusError, match="column 'n' are not of one type"):
        embed_file(cast(Run, None), tmp_path / "in.jsonl", tmp_path / "out.parquet")


def test_other_kinds_of_files_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(AskError, match=r"Name a file that ends in \.parquet or \.npy"):
        check_out(tmp_path / "out.csv")
