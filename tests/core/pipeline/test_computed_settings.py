"""What is measured is listed with the figures of its result, whoever asked for it: a page, a sweep, a command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.analyses import grid
from core.experiment.settings import Experiment
from core.pipeline.computed_settings import listed, strengths
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES
from core.store.store import Store


def test_results_and_cells_are_listed_once_with_all_that_is_known(asked: Experiment, engine: Engine) -> None:
    assert listed(engine.store) == []
    swept = replace(asked, strength=0.5)
    engine.answer(swept, grid.cell)
    result = engine.run(asked)
    newest, older = listed(Store(engine.store.root))  # as another process reads it
    assert (newest.experiment, older.experiment) == (asked, swept)
    assert set(older.values) == {name for name, measure in MEASURES.items() if not measure.reads_layers}
    for name, measure in MEASURES.items():
        expected = measure.read(result)
        assert newest.values[name].pre == pytest.approx(expected.pre, nan_ok=True), name
        assert newest.values[name].post == pytest.approx(expected.post, nan_ok=True), name
    assert newest.n == len(result.plan.groups[0])
    assert newest.conditions == result.plan.describe()
    assert strengths([newest, older], replace(asked, strength=2.0)) == (asked.strength,)  # a cell has no map
    assert strengths([newest, older], replace(asked, seed=asked.seed + 1)) == ()
    engine.run(swept)  # the cell becomes a whole result: it is still one setting
    engine.answer(swept, grid.cell)
    both = listed(engine.store)
    assert len(both) == 2
    assert all(set(setting.values) == set(MEASURES) for setting in both)


def test_a_cache_of_before_lists_what_is_opened_again(asked: Experiment, engine: Engine) -> None:
    engine.run(asked)
    for entry in engine.store.entries("setting"):
        engine.store.remove(entry)
    assert listed(engine.store) == []
    assert engine.known(asked) is not None
    assert [setting.experiment for setting in listed(engine.store)] == [asked]


def test_a_note_that_cannot_be_written_stops_nothing(asked: Experiment, engine: Engine) -> None:
    engine.run(asked)
    for entry in engine.store.entries("setting"):
        engine.store.remove(entry)
    (engine.store.root / "setting").rmdir()
    (engine.store.root / "setting").write_text("in the way", encoding="utf-8")
    assert engine.known(asked) is not None
