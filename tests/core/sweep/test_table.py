"""The settings of a sweep come back from its table as they were, and what is no such table is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.sweep import cells, table
from core.sweep.cells import CellMeasures, Value

CONDITIONS = dict.fromkeys(("model_revision", "model_digest", "corpus_digest", "probe_corpus_digest"), "x")


def measured(setting: Experiment, layer: int, dtype: str, device: str = "cpu") -> tuple[Experiment, CellMeasures]:
    values = tuple(Value("target_top1", space, 0.5, 0.4, 0.6, 7) for space in (cells.PRE, cells.POST))
    return setting, CellMeasures("d", {**CONDITIONS, "layer": layer, "dtype": dtype, "device": device}, values)


def test_every_setting_comes_back_once_from_all_parts(tmp_path: Path) -> None:
    usual = Experiment(layer=18, dtype="bfloat16", device="cpu")
    settings = [
        usual,
        replace(usual, target="es", languages=("en", "es"), neurons=("mlp", "attention"), probe_sentences=40),
        replace(usual, strength=0.25, min_score=0.7, prompt="a, b", chat_template=True, revision="main", seed=3),
    ]
    cells.write(tmp_path / "cells-1-of-2.parquet", [measured(each, 18, "bfloat16") for each in settings[:2]])
    cells.write(tmp_path / "cells-2-of-2.parquet", [measured(each, 18, "bfloat16") for each in settings[1:]])
    (tmp_path / "other.parquet").write_bytes(b"not a table of this")
    found = table.settings(tmp_path)
    assert found == settings
    assert [type(getattr(found[1], name)) for name in ("experts", "probe_sentences", "layer")] == [int, int, int]


def test_a_control_is_a_cell_of_its_own(tmp_path: Path) -> None:
    usual = Experiment(layer=18, dtype="bfloat16", device="cpu")
    settings = [usual, replace(usual, strength=0.5), replace(usual, control="random")]
    cells.write(tmp_path / "cells.parquet", [measured(each, 18, "bfloat16") for each in settings])
    assert cells.count(tmp_path / "cells.parquet") == 3
    assert cells.count(tmp_path / "none.parquet") == 0


def test_it_says_which_numbers_and_not_how_they_were_asked_for() -> None:
    """As the digest does: the same numbers, asked for on one machine and on another, give the same rows."""
    asked = [Experiment(), Experiment(device="cuda"), Experiment(device="cuda:1", dtype="bfloat16")]
    rows = [
        cells.frame([measured(each, 18, "bfloat16", device)])
        for each, device in zip(asked, ("cuda", "cuda:0", "cuda:1"), strict=True)
    ]
    assert rows[0].equals(rows[1])
    assert rows[0].equals(rows[2])
    assert set(rows[0].device) == {"cuda"}


def test_a_setting_is_named_as_whoever_asks_names_it(asked: Experiment, engine: Engine) -> None:
    plan = engine.plan(asked)
    of_table = replace(asked, layer=plan.layer, dtype=plan.resolved.dtype)
    named = table.as_asked(engine, replace(of_table, device=plan.resolved.device))
    assert (named.layer, named.device) == ("last", "auto")
    assert engine.plan(named).resolved == plan.resolved
    assert table.as_asked(engine, replace(of_table, layer=1)).layer == 1
    half = replace(of_table, dtype="float16")
    assert table.as_asked(engine, half).dtype == "float16"  # which no machine takes unasked
    there = table.as_asked(engine, replace(of_table, device="mps", dtype="float32"))
    assert engine.plan(there).resolved.device == there.device == "mps"  # of another machine, whatever this one has


def spoiled(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    def write(folder: Path) -> object:
        return change(cells.frame([measured(Experiment(), 18, "bfloat16")])).to_parquet(folder / "cells.parquet")

    return write


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: folder.rmdir(), "No such file"),
        (lambda folder: (folder / "notes.txt").touch(), "there is no cells.parquet"),
        (lambda folder: (folder / "cells.parquet").write_bytes(b"PAR1 and no more"), "it cannot be read"),
        (spoiled(lambda frame: frame.iloc[:0]), "no cell of it is measured yet"),
        (spoiled(lambda frame: frame.drop(columns=["target", "layer"])), "it has no column target, layer"),
        (spoiled(lambda frame: frame.assign(experts="many")), 'experts is "many"'),
        (spoiled(lambda frame: frame.assign(languages=3)), "it holds no settings"),
    ],
)
def test_what_is_no_table_of_a_sweep_is_refused(make: Callable[[Path], object], why: str, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    make(folder)
    with pytest.raises(SettingError) as refused:
        table.settings(folder)
    assert why in refused.value.why
    assert str(folder) in refused.value.what
    assert refused.value.instead
