"""What an earlier version wrote still opens: its cache, experiment file, link and upload.

``data/before_packages.zip`` was written by the version before `core` and `dashboard` became packages of packages: a
tiny model and table, an experiment saved by its dashboard, a link as it wrote them, and the cache after every question
that it could answer. What is read from the cache is not computed again, but for maps: these are laid out anew.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from core.analyses import grid, map_stability, strength_path, translation_ranks
from core.analyses.texts import written
from core.corpora.load import load_corpus
from core.experiment.file import read_experiment
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.store import Store
from dashboard.state import link

ARCHIVE = Path(__file__).parent / "data" / "before_packages.zip"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("before")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(root)
    return root


@pytest.fixture(scope="module")
def experiment(folder: Path) -> Experiment:
    """The saved settings; the folder they name is wherever the archive was unpacked."""
    saved = read_experiment(folder / "saved.json")
    return replace(saved, model=str(folder / "model"), corpus=f"table:{folder / 'sentences.tsv'}")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    engine = Engine(Store(folder / "cache"))
    yield engine
    assert engine.store.damaged == []


def test_a_saved_experiment_means_what_it_meant(folder: Path) -> None:
    written = json.loads((folder / "saved.json").read_text(encoding="utf-8"))["experiment"]
    read = read_experiment(folder / "saved.json").to_dict()
    assert {name: read[name] for name in written} == written


def test_a_result_needs_no_pass_and_has_the_same_numbers(folder: Path, engine: Engine, experiment: Experiment) -> None:
    result = engine.run(experiment)  # draws the map, which is laid out in another way by now
    assert not engine.models.is_loaded(result.plan.resolved)
    assert engine.known(experiment) is not None
    before, now = json.loads((folder / "result.json").read_text(encoding="utf-8")), result.to_json()
    assert {name: now["summary"][name] for name in before["summary"]} == before["summary"]  # it may have more by now
    for part in ("experts", "retrieval", "distance", "baselines", "notes"):
        assert now[part] == before[part], part
    assert now["computed"] == []


def test_every_question_is_answered_from_the_cache(folder: Path, engine: Engine, experiment: Experiment) -> None:
    def texts(run: Run) -> list[tuple[str, ...]]:
        writing, intervention = Writing("", 6, 2), run.stages.intervention(run.experts())
        return [written(run, writing, None), written(run, writing, intervention)]

    for drawn in (strength_path.along, map_stability.movement):  # maps: drawn again, from what is there
        assert engine.answer(experiment, drawn) is not None
    assert engine.answer_known(experiment, translation_ranks.both) is not None
    before, cell = json.loads((folder / "cell.json").read_text()), engine.answer_known(experiment, grid.cell_with_text)
    assert cell is not None
    assert {name: cell[name] for name in before} == before
    stored = engine.answer_known(experiment, texts)
    assert stored is not None
    assert not engine.models.is_loaded(plan(experiment).resolved)
    assert [list(side) for side in stored] == json.loads((folder / "texts.json").read_text(encoding="utf-8"))


def test_a_link_of_before_opens(folder: Path) -> None:
    query = dict(parse_qsl((folder / "link.txt").read_text(encoding="utf-8").strip()))
    opened, problems = link.from_query(query)
    assert problems == []
    assert opened == replace(
        read_experiment(folder / "saved.json"),
        device="auto",  # no link has it
        control="random",
        expert_layers="0-2",
        neurons=("mlp", "attention"),
        probe_corpus="embedded",
        probe_sentences=5,
        eval_sentences=4,
        min_score=0.6,
    )


def test_an_upload_of_before_opens(folder: Path, experiment: Experiment) -> None:
    (upload,) = (folder / "cache" / "uploads").iterdir()
    assert load_corpus(f"table:{upload}").digest == load_corpus(experiment.corpus).digest
