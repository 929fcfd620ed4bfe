"""The cells of a sweep in one pack: from measures alone, without a pass, and shown where the model is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core.analyses import grid, kept_texts
from core.analyses.texts import written
from core.cli.main import main
from core.errors import ModelError
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from core.packs.pack_folder import PackFolder
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES
from core.pipeline.run import Run
from core.store.artefact import Artefact
from core.store.store import Store
from core.sweep import run
from core.sweep.settings import Sweep

DOG = Writing("The dog", tokens=4)
STAGES_OF_PASSES = ("responses", "embeddings", "written")


@pytest.fixture(scope="module")
def swept(asked: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache ``cache`` of which a sweep kept the measures alone, and its table in ``sweep``: the unmodified model, and
    two numbers of neurons; of one cell something is written."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "sweep").mkdir()
    engine = Engine(Store(folder / "cache"))
    base = replace(asked, languages=("en", "es", "ja"))
    cells = Sweep(base, (base.model,), ("ja",), ("set-mean",), (10, 30), (0.0, 0.5)).cells()
    run.sweep(engine, cells, "measures", folder / "sweep" / "cells.parquet")
    engine.answer(cells[-1], lambda of: [written(of, DOG, side) for side in (None, of.intervention())])
    assert not list(engine.store.entries("embeddings"))
    return folder


@pytest.fixture
def packed(swept: Path, tmp_path: Path) -> Path:
    """The pack of the sweep."""
    arguments = ["--sweep", str(swept / "sweep"), "--cache", str(swept / "cache"), "--out", str(tmp_path / "a.pack")]
    arguments += ["--parts", "cell,texts,measures"]
    before, listed, entries = made(swept), [], Store.entries

    def counted(store: Store, stage: str | None = None) -> list[Artefact]:
        listed.append(stage)
        return entries(store, stage)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "entries", counted)
        assert main(["pack", *arguments]) == 0
    assert listed.count("written") == 1  # for all three cells
    assert made(swept) == before  # no pass was made for it
    return tmp_path / "a.pack"


def made(swept: Path) -> list[str]:
    return [entry.digest for stage in STAGES_OF_PASSES for entry in Store(swept / "cache").entries(stage)]


def test_every_cell_is_known_where_the_model_is_not(
    packed: Path, swept: Path, asked: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["unpack", str(packed), "--cache", str(tmp_path / "other")]) == 0
    said = capsys.readouterr().out
    assert "From a pack: computed on " in said
    assert "with: cell, texts, measures" in said
    assert packed.stat().st_size < 100_000

    packs = PackFolder(tmp_path / "other", opening=None)
    here, there = Engine(Store(swept / "cache")), Engine(Store(tmp_path / "other"), packs)
    table = pd.read_parquet(swept / "sweep" / "cells.parquet")
    cells = packs.cells()
    assert [(cell.experts, cell.strength) for cell, *_ in cells] == [(10, 0.0), (10, 0.5), (30, 0.5)]
    assert packs.results() == []
    for cell, summary, origin in cells:
        assert str(origin).startswith("computed on ")
        of = table[(table.experts == cell.experts) & (table.strength == cell.strength)]
        for name in MEASURES:
            values = of[of.measure == name].set_index("space").value
            assert (summary.values[name].pre, summary.values[name].post) == (values["pre"], values["post"])
        assert (summary.n, summary.conditions["layer"]) == (7, of.layer.iloc[0])
        own = replace(cell, model=asked.model, corpus=asked.corpus)
        assert there.answer_known(cell, grid.cell) == here.answer_known(own, grid.cell)
        with pytest.raises(ModelError, match="Open Results or What if"):
            there.known(cell)
    unmodified = cells[0][0]
    assert there.answer_known(replace(unmodified, experts=77), grid.cell) == there.answer_known(unmodified, grid.cell)
    texts = there.answer_known(cells[-1][0], kept_texts.kept)
    assert texts is not None
    assert [each.writing for each in texts.texts] == [DOG]
    own = replace(cells[-1][0], model=asked.model, corpus=asked.corpus)
    assert texts == here.answer_known(own, kept_texts.kept)


def test_a_pack_of_cells_answers_for_its_own_sentences_alone(
    packed: Path, asked: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = PackFolder(tmp_path / "other", opening=None)
    packs.put(packed.read_bytes(), "a.pack")
    (cell, *_), *_ = packs.cells()
    there, folder = Engine(Store(tmp_path / "other"), packs), tmp_path / "there"
    shutil.copytree(asked.model, folder / cell.model)
    copy = Path(shutil.copy(asked.corpus.partition(":")[2], folder / cell.corpus.partition(":")[2]))
    monkeypatch.chdir(folder)
    assert there.answer_known(cell, grid.cell) is not None
    assert there.answer_known(cell, Run.result) is None  # to be computed here
    copy.write_text(f"{copy.read_text(encoding='utf-8').rstrip()}!\n", encoding="utf-8")
    assert there.answer_known(cell, grid.cell) is None


def test_what_the_cache_has_of_other_parts_is_packed_too(swept: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(swept / "cache", cache)
    engine, out = Engine(Store(cache)), tmp_path / "all.pack"
    arguments = ["pack", "--sweep", str(swept / "sweep"), "--cache", str(cache), "--out", str(out), "--parts", "all"]
    assert main(arguments) == 0
    packs = PackFolder(tmp_path / "other", opening=None)
    whole = packs.put(out.read_bytes(), "all.pack")
    assert not any(map(whole.has_result, range(3)))
    own = replace(whole.settings[-1], model=engine_model(swept), corpus=engine_corpus(swept))
    engine.run(own)  # which makes the passes again, and keeps the embeddings
    assert main(arguments) == 0
    whole = packs.put(out.read_bytes(), "all.pack")
    assert [whole.has_result(number) for number in range(3)] == [False, False, True]
    assert "measures" not in whole.parts(2)
    assert {"result", "ranks", "cell", "experts", "texts"} <= set(whole.parts(2))


def engine_model(swept: Path) -> str:
    return str(pd.read_parquet(swept / "sweep" / "cells.parquet").model.iloc[0])


def engine_corpus(swept: Path) -> str:
    return str(pd.read_parquet(swept / "sweep" / "cells.parquet").corpus.iloc[0])


REFUSED: dict[str, tuple[Callable[[Path, Path], list[str]], str]] = {
    "no folder": (lambda swept, _: ["--sweep", str(swept / "none"), "--cache", str(swept / "cache")], "No such file"),
    "no table": (lambda swept, _: ["--sweep", str(swept), "--cache", str(swept / "cache")], "no cells.parquet"),
    "settings too": (
        lambda swept, cache: ["--sweep", str(swept / "sweep"), "--experiment", "a.json", "--cache", str(cache)],
        "a sweep names its settings itself",
    ),
    "another cache": (
        lambda swept, cache: ["--sweep", str(swept / "sweep"), "--cache", str(cache)],
        "the measures of 3 are not in the cache",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_packed_is_refused_in_words(
    case: str, swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, why = REFUSED[case]
    assert main(["pack", *arguments(swept, tmp_path / "empty"), "--out", str(tmp_path / "a.pack")]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "instead:" in said
    assert not (tmp_path / "a.pack").exists()
