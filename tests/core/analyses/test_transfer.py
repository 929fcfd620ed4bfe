"""Zero-shot transfer through the stages gives what a plain loop over scikit-learn gives."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core.analyses.transfer import SIDES, Settings, Space, transfer
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from tests.helpers.labelled import N_TEST, N_TRAIN, labelled, topic, write_labelled
from tests.helpers.tiny import LANGUAGES, sentences


def embedded(run: Run, start: int, n: int) -> dict[str, dict[str, np.ndarray]]:
    """Rows by side and language at every layer, (n_layers + 1, n, hidden), passed one list at a time."""
    interventions = (None, run.stages.intervention(run.experts()))
    found: dict[str, dict[str, np.ndarray]] = {side: {} for side in SIDES}
    for side, intervention in zip(SIDES, interventions, strict=True):
        for code in LANGUAGES:
            tokens = tokenise(run.model(), sentences(code, n, start), code)
            states = forward(run.model(), tokens, embeddings=True, intervention=intervention).embeddings
            assert states is not None
            found[side][code] = states
    return found


def slowly(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Which test rows scikit-learn classifies rightly, trained on the others: (n_test,)."""
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    model = LogisticRegression(C=0.05, max_iter=5000)
    model.fit((train - mean) / deviation, [topic(row) for row in range(N_TRAIN)])
    truth = np.array([topic(N_TRAIN + row) for row in range(N_TEST)])
    return np.asarray(model.predict((test - mean) / deviation) == truth)


def less_mean(rows: np.ndarray, of: np.ndarray) -> np.ndarray:
    return rows - of.mean(axis=0, dtype=np.float64).astype(np.float32)


def stored(engine: Engine, stage: str) -> list[str]:
    return [entry.digest for entry in engine.store.entries() if entry.stage == stage]


@pytest.fixture
def experiment(asked: Experiment, tmp_path: Path) -> Experiment:
    return labelled(asked, tmp_path / "labelled.tsv")


def test_equals_a_plain_loop_in_every_space_and_is_computed_once(experiment: Experiment, engine: Engine) -> None:
    settings = Settings(("en", "ja"), "1,last", ("own-means", "probe-means"))
    question = partial(transfer, asked=settings)
    assert engine.answer_known(experiment, question) is None
    found = engine.answer(experiment, question)
    known = engine.answer_known(experiment, question)
    assert known is not None
    train, test = (
        engine.answer(experiment, lambda run, part=part: embedded(run, *part))
        for part in ((0, N_TRAIN), (N_TRAIN, N_TEST))
    )
    differs = 0
    for (language, space), hits in found.hits.items():
        assert list(hits) == list(LANGUAGES)
        taught = train[space.side][language][space.layer]
        for code, right in hits.items():
            rows = test[space.side][code][space.layer]
            if space.rival == "own-means":
                expected = slowly(less_mean(taught, taught), less_mean(rows, rows))
            elif space.rival == "probe-means":
                expected = slowly(less_mean(taught, taught), less_mean(rows, train[space.side][code][space.layer]))
            else:
                expected = slowly(taught, rows)
            differs += int((right != expected).sum())
            np.testing.assert_array_equal(known.hits[language, space][code], right)
    assert len(found.hits) == 2 * 2 * 2 * 3
    assert differs <= 2  # of 1,440: batches differ, and a row may lie on a boundary


def test_what_is_asked_for_unless_something_else_is(experiment: Experiment, engine: Engine) -> None:
    found = engine.answer(experiment, transfer)
    assert found.train_languages == ("en", "ja")
    assert found.spaces == tuple(Space(side, 3, rival) for rival in (None, "own-means") for side in SIDES)
    assert (found.task.n_train, found.task.n_test, found.task.majority) == (N_TRAIN, N_TEST, "people")
    everything = engine.answer(experiment, partial(transfer, asked=Settings(("all",), "all", ())))
    assert everything.train_languages == LANGUAGES
    assert {space.layer for space in everything.spaces} == {0, 1, 2, 3}


def test_other_labels_of_the_same_sentences_are_another_task(
    experiment: Experiment, engine: Engine, tmp_path: Path
) -> None:
    whole = engine.answer(experiment, transfer)
    fewer = engine.answer(labelled(experiment, tmp_path / "fewer.tsv", (0, 3, 21)), transfer)
    assert (fewer.task.n_train, fewer.task.n_test) == (N_TRAIN - 2, N_TEST - 1)
    assert len(fewer.hits["en", Space("pre", 3)]["de"]) == N_TEST - 1
    assert len(stored(engine, "embeddings")) == len(LANGUAGES) * 2 + 2 * 2  # nothing was embedded again
    assert whole.task.digest != fewer.task.digest


def test_the_neurons_may_come_from_another_corpus_that_lacks_a_language(
    asked: Experiment, experiment: Experiment, engine: Engine, tmp_path: Path
) -> None:
    few = write_labelled(tmp_path / "few.tsv", languages=("en", "de", "ja"))
    elsewhere = replace(experiment, probe_corpus=asked.corpus, corpus=write_labelled(tmp_path / "table.tsv"))
    found = engine.answer(elsewhere, transfer)
    assert found.task.n_train == N_TRAIN
    lacking = replace(elsewhere, probe_corpus=few, probe_languages=None)
    found = engine.answer(lacking, partial(transfer, asked=Settings(("es", "en"), None, ("probe-means", "subspace"))))
    assert ("es", Space("pre", 3, "probe-means")) not in found.hits
    assert list(found.hits["en", Space("pre", 3, "probe-means")]) == ["en", "de", "ja"]
    assert list(found.hits["es", Space("pre", 3, "subspace")]) == list(LANGUAGES)
    assert found.notes == (
        "Probe means needs the mean of each language over the probe sentences, which are not in es, ru.",
    )


def refused(engine: Engine, experiment: Experiment, settings: Settings | None = None) -> SettingError:
    with pytest.raises(SettingError) as caught:
        engine.answer(experiment, partial(transfer, asked=settings))
    assert stored(engine, "embeddings") == []  # before any work
    return caught.value


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(("en", "fi")), "train on fi: the rows to train on are in en, de, es, ru, ja"),
        (Settings(rivals=("own-means", "luck")), "rival 'luck'"),
        (Settings(layers="4"), "layers '4'.*0 .embeddings. to 3"),
        (Settings(layers=","), "no layers"),
    ],
)
def test_what_is_not_there_is_refused_before_any_work(
    settings: Settings, words: str, experiment: Experiment, engine: Engine
) -> None:
    with pytest.raises(SettingError, match=words):
        raise refused(engine, experiment, settings)


def test_sentences_without_labels_are_refused(asked: Experiment, engine: Engine) -> None:
    assert "no labels" in refused(engine, asked).why
