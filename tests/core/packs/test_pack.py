"""What goes into a pack comes out of it, bit for bit, where neither the model nor the corpus is."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.analyses import grid, translation_ranks
from core.errors import PackError
from core.experiment.settings import Experiment
from core.packs.contents import QUESTIONS, WITHOUT_SENTENCES
from core.packs.pack import Pack, pack
from core.packs.parts import PARTS
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.store.store import Store
from tests.helpers.packs import CHANGES, altered


@pytest.fixture(scope="module")
def packed(finished: tuple[Result, Path], asked: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack of that experiment; to be read only."""
    folder = tmp_path_factory.mktemp("packed")
    path = folder / "results.pack"
    pack(Engine(Store(shutil.copytree(finished[1], folder / "cache"))), [asked], path)
    return path


def equal(a: object, b: object) -> bool:
    """Whether two values are the same, arrays and tables bit for bit."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if isinstance(a, pd.DataFrame):
        return isinstance(b, pd.DataFrame) and a.equals(b)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return a == b


def test_a_result_comes_out_as_it_went_in(packed: Path, filled: Store, asked: Experiment) -> None:
    stored = Engine(filled).known(asked)
    opened = Pack(packed.read_bytes(), "results.pack").result(0)
    assert stored is not None
    for name in ("pairs", "medoid", "layers", "maps"):
        assert equal(getattr(stored, name), getattr(opened, name)), name
    assert equal([*vars(stored.experts).values()], [*vars(opened.experts).values()])
    assert stored.to_json()["retrieval"] == opened.to_json()["retrieval"]
    assert opened.plan.corpus.digest == stored.plan.corpus.digest
    assert opened.plan.resolved.identity == stored.plan.resolved.identity


def test_ranks_and_experts_come_out_as_they_went_in(packed: Path, filled: Store, asked: Experiment) -> None:
    engine, opened = Engine(filled), Pack(packed.read_bytes(), "results.pack")
    inside = opened.settings[0]
    for stored, read in zip(
        engine.answer(asked, translation_ranks.both), opened.find(inside, "ranks") or (), strict=True
    ):
        assert stored.candidates == read.candidates
        assert all(equal(found, read.found[key]) for key, found in stored.found.items())
    scored = opened.find(inside, "experts")
    assert equal(scored.expertise.scores, engine.answer(asked, lambda run: run.stages.expertise().scores))


def test_the_numbers_of_a_cell_follow_from_a_result(filled: Store, asked: Experiment, tmp_path: Path) -> None:
    pack(Engine(filled), [asked], tmp_path / "alone.pack", ["result"])
    opened = Pack((tmp_path / "alone.pack").read_bytes(), "results")
    assert opened.parts(0) == ("result",)
    (setting,) = opened.settings
    found = opened.find(setting, "cell")
    assert found == Engine(filled).answer(asked, grid.cell)
    assert opened.find(setting, "cell") is found
    assert opened.find(replace(setting, strength=0.25), "cell") is None


def test_it_says_where_it_was_computed_and_names_no_folder(packed: Path, asked: Experiment) -> None:
    opened = Pack(packed.read_bytes(), "results.pack")
    assert opened.result(0).notes[0] == f"From a pack: {opened.made}."
    with zipfile.ZipFile(packed) as archive:
        everything = b"".join(map(archive.read, archive.namelist()))
    for folder in (Path(asked.model).parent, Path(asked.corpus.partition(":")[2]).parent, packed.parent):
        assert str(folder).encode() not in everything


def test_it_names_no_home_folder_where_the_table_was_named_from_there(
    filled: Store, asked: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Path(asked.corpus.partition(":")[2])
    monkeypatch.setenv("HOME", str(table.parent))
    path = tmp_path / "results.pack"
    pack(Engine(filled), [replace(asked, corpus=f"table:~/{table.name}")], path, ["result"])
    with zipfile.ZipFile(path) as archive:
        assert str(table.parent).encode() not in b"".join(map(archive.read, archive.namelist()))
    assert Pack(path.read_bytes(), "results.pack").result(0).plan.corpus.source == table.name


def test_sentences_stay_behind_where_no_licence_lets_them_go(packed: Path) -> None:
    result = Pack(packed.read_bytes(), "results.pack").result(0)  # a person's table states no licence
    assert {text for group in result.plan.groups for texts in group.texts.values() for text in texts} == {""}
    assert WITHOUT_SENTENCES in result.notes


def test_a_setting_is_found_by_what_determines_it(packed: Path) -> None:
    opened = Pack(packed.read_bytes(), "results.pack")
    inside = opened.settings[0]
    assert isinstance(opened.find(inside, "result"), Result)
    assert opened.find(replace(inside, device="auto", dtype="auto"), "result") is opened.find(inside, "result")
    for other in (replace(inside, dtype="bfloat16"), replace(inside, strength=0.7), replace(inside, revision="main")):
        assert opened.find(other, "result") is None
    assert opened.find(inside, "path") is None  # was not in the store
    assert opened.find(inside, "rivals") is not None  # was measured


def test_packing_twice_gives_the_same_bytes(filled: Store, asked: Experiment, tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        pack(Engine(filled), [asked], tmp_path / name, ["ranks"])
        with zipfile.ZipFile(tmp_path / name) as archive:
            listed = json.loads(archive.read("manifest.json"))["files"]
            del listed["answers.json"]  # has the seconds that each run took
            contents.append(listed)
    assert contents[0] == contents[1]


def test_a_table_that_unpacks_to_something_else_is_refused(packed: Path) -> None:
    opened = Pack(packed.read_bytes(), "results.pack")
    opened._entries[0]["answers"]["result"]["with"]["pairs"] = {"is": "Popen", "with": {"args": "true"}}
    with pytest.raises(PackError, match="cannot be understood"):
        opened.result(0)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_of_another_type_is_found_before_anything_uses_it(packed: Path, change: str) -> None:
    content = altered(packed, CHANGES[change])
    with pytest.raises(PackError, match="cannot be understood"):
        Pack(content, "altered.pack").verify()


def test_what_cannot_be_packed_is_refused_before_anything_is_written(
    filled: Store, asked: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUESTIONS, "cell", lambda run: {"a": {run.plan.target}})
    with pytest.raises(PackError, match="a pack holds no set"):
        pack(Engine(filled), [asked], tmp_path / "out.pack", ["cell"])
    assert not (tmp_path / "out.pack").exists()


def test_every_question_of_a_part_is_answered_from_a_run() -> None:
    assert list(QUESTIONS) == list(PARTS)
    assert QUESTIONS["result"] is Run.result
