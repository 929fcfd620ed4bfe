"""The experts of a run, and one neuron's responses, against the model by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.analyses import experts
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.store import Store
from tests.helpers.tiny import FAMILIES, Plain, save_tiny, sentences, write_table


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Experiment]:
    folder = tmp_path_factory.mktemp("anatomy")
    model, corpus = save_tiny(folder / "model", "gemma3"), write_table(folder / "sentences.tsv")
    return model, Experiment(model=str(model), corpus=corpus, target="ja", experts=20, dtype="float32")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    return Engine(Store(tmp_path / "cache"))


def test_reads_the_experts_without_embedding_anything(engine: Engine, tiny: tuple[Path, Experiment]) -> None:
    assert engine.answer_known(tiny[1], experts.read) is None
    found = engine.answer(tiny[1], experts.read)
    assert {entry.stage for entry in engine.store.entries()} == {"responses", "expertise"}
    plan, chosen = engine.experts(tiny[1])
    assert found.plan == plan
    assert found.experts.neurons.tolist() == chosen.neurons.tolist()
    again = engine.answer_known(tiny[1], experts.read)
    assert again is not None
    assert again.key == found.key
    assert {entry.digest for entry in engine.store.entries() if entry.stage == "expertise"} == {found.key}
    # another target, k and strength have the same expertise; another score has not
    assert engine.answer(replace(tiny[1], target="de", experts=7, strength=0.5), experts.read).key == found.key
    assert engine.answer(replace(tiny[1], score="ap"), experts.read).key != found.key


def test_responses_are_those_of_the_model_and_read_again_if_they_were_removed(
    engine: Engine, tiny: tuple[Path, Experiment]
) -> None:
    model, experiment = tiny
    neuron = int(engine.answer(experiment, experts.read).experts.neurons[0])

    def ask(run: Run) -> np.ndarray:
        return experts.responses(run, neuron)

    found = engine.answer_known(experiment, ask)
    assert found is not None
    plan = engine.experts(experiment)[0]
    site, units, _ = next(plan.outline.neurons.by_site(np.array([neuron])))
    plain = Plain.read(model, "gemma3")
    for code, row in zip(plan.probe.languages, found, strict=True):
        slow = plain.responses(sentences(code, 8), FAMILIES["gemma3"].paths, "mean")[site.path][units[0]]
        np.testing.assert_allclose(row, slow, rtol=1e-4, atol=1e-5)

    for entry in engine.store.entries():
        if entry.stage == "responses":
            engine.store.remove(entry)
    assert engine.answer_known(experiment, experts.read) is not None
    assert engine.answer_known(experiment, ask) is None
    np.testing.assert_array_equal(engine.answer(experiment, ask), found)


def test_responses_that_were_removed_are_read_again_in_every_language_that_sentences_come_from(
    engine: Engine, tiny: tuple[Path, Experiment]
) -> None:
    by_source = replace(tiny[1], method="diff-mean", probe_languages=("en", "ja"))

    def ask(run: Run) -> np.ndarray:
        return experts.responses(run, 3)

    found = engine.answer(by_source, ask)
    assert len(found) == 2
    for entry in engine.store.entries():
        if entry.stage == "responses":
            engine.store.remove(entry)
    np.testing.assert_array_equal(engine.answer(by_source, ask), found)


def test_a_neuron_that_the_model_has_not_is_refused(engine: Engine, tiny: tuple[Path, Experiment]) -> None:
    engine.answer(tiny[1], experts.read)
    with pytest.raises(SettingError, match="numbered from 0"):
        engine.answer(tiny[1], lambda run: experts.responses(run, 10**6))
