"""The command ``sweep``: what it says before, what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from core.cli.main import main
from core.experiment.settings import Experiment


@pytest.fixture
def arguments(asked: Experiment, tmp_path: Path) -> list[str]:
    return [
        *("sweep", "--models", asked.model, "--dtype", "float32", "--device", "cpu", "--corpus", asked.corpus),
        *("--targets", "ja,es,xx", "--experts", "10,20", "--strengths", "0.5", "--languages", "en,es,ja"),
        *("--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")),
    ]


def test_it_says_what_it_costs_computes_it_and_then_knows_it(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "6 cells: 0 known, 4 to measure, 2 impossible" in said
    assert "the bottleneck is" in said
    assert "reading neurons" in said
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--dry-run", "--gpus-per-model", "2"]) == 0
    assert "each model is spread over 2 processes" in capsys.readouterr().out

    assert main([*arguments, "--shard", "1/2"]) == 2  # since some of the cells cannot be
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert "6 cells: 2 known, 2 to measure" in said.out
    assert "2 of 6 cells" in said.err
    assert "'xx'" in said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "cells.parquet",
        "cells-1-of-2.parquet",
        "failed.json",
        "failed-1-of-2.json",
    }
    table = pd.read_parquet(tmp_path / "out" / "cells.parquet")
    assert list(table.columns[:5]) == ["model", "target", "method", "experts", "strength"]
    assert list(table[["target", "experts"]].drop_duplicates().itertuples(index=False, name=None)) == [
        ("ja", 10),
        ("ja", 20),
        ("es", 10),
        ("es", 20),
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (["--shard", "3/2"], "no part of a whole"),
        (["--strengths", ""], "nothing to combine"),
        (["--methods", "magic"], "the table of methods has"),
        (["--methods", "magic"], "with --help says what they are"),  # which lists them; `measures` does not
        (["--gpus-per-model", "-1"], "no number of"),
        (["--gpus-per-model", "2", "--device", "sharded"], "no GPU for each process"),
    ],
)
def test_what_it_refuses(
    arguments: list[str], changes: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, *changes]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "instead:" in said
