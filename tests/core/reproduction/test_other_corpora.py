"""Paraphrases and BUCC through the whole command, from folders in their published layouts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.reproduction import ReproductionCase
from tests.helpers.tiny import sentences


def _pawsx(folder: Path) -> Path:
    (folder / "es").mkdir(parents=True)
    rows = ["id\tsentence1\tsentence2\tlabel"]
    for number, (one, other) in enumerate(zip(sentences("es", 10, 30), sentences("en", 10, 30), strict=True)):
        rows.append(f"{number}\t{one}\t{other}\t{int(number % 3 > 0)}")
    (folder / "es" / "test_2k.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def _bucc(folder: Path) -> Path:
    folder.mkdir()
    texts = {"es": sentences("es", 9, 20), "en": sentences("en", 9, 20)}
    for code, lines in texts.items():
        text = "".join(f"{code}-{number:09}\t{line}\n" for number, line in enumerate(lines, start=1))
        (folder / f"es-en.training.{code}").write_text(text, encoding="utf-8")
    gold = "".join(f"es-{number:09}\ten-{number:09}\n" for number in range(1, 8))
    (folder / "es-en.training.gold").write_text(gold, encoding="utf-8")
    return folder


def test_paraphrases_and_bucc(asked_for: ReproductionCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, folders = tmp_path / "report", ("--pawsx", str(_pawsx(tmp_path / "p")), "--bucc", str(_bucc(tmp_path / "b")))
    folders = (*folders, "--bucc-distractors", "all")
    assert asked_for.run(out, tmp_path / "cache", *folders) == 0
    said = capsys.readouterr().out
    frame = pd.read_csv(out / "paraphrase.csv")
    assert set(frame["target"]) == {"es"}
    assert set(frame["control"]) == {"none", "random"}
    assert set(frame["metric"]) == {"cosine", "centred", "csls"}
    ways = len(frame[["metric", "layer"]].drop_duplicates())
    assert frame["comparison"].tolist() == ["pre", "post", "mixed"] * ways * 2
    assert (frame["n"] == 6).all()  # of ten pairs those that are paraphrases
    pairs = pd.read_csv(out / "bucc.csv")
    assert (pairs["n"] == 7).all()
    assert set(zip(pairs["query"], pairs["candidate"], strict=True)) == {("es", "en"), ("en", "es")}
    rivals = pd.read_csv(out / "rivals.csv")
    assert set(zip(rivals["corpus"], rivals["distractors"].fillna("none"), strict=True)) == {
        *((corpus, "none") for corpus in ("multi-parallel", "tatoeba")),
        ("bucc", "all"),
    }
    assert rivals["mining_f1_all"].between(0, 1).all()
    items = json.loads((out / "report.json").read_text(encoding="utf-8"))["items"]
    missing = {name for name, item in items.items() if item["state"] != "measured"}
    assert missing == {"transfer", "footing"}  # there are no labels
    compared = pd.read_csv(out / "comparison.csv")
    assert set(compared["item"]) == {"experts", "distances", "retrieval", "tatoeba", "paraphrase"}
    assert "Paraphrases are found as well after as before" in said
    assert "BUCC retrieval with English" in said


def test_distractors_without_bucc(
    asked_for: ReproductionCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked_for.run(tmp_path / "out", tmp_path / "cache", "--bucc-distractors", "5") == 2
    assert "Name its folder with --bucc." in capsys.readouterr().err


def test_no_paraphrases_of_a_target(
    asked_for: ReproductionCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _pawsx(tmp_path / "p")
    assert asked_for.run(tmp_path / "out", tmp_path / "cache", "--pawsx", str(folder), "--targets", "ja") == 2
    assert "none in a target language (ja)" in capsys.readouterr().err
