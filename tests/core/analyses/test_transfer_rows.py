"""The rows and classes of a task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.analyses.transfer_rows import Task, task
from core.errors import SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.spaces.linear_probe import NO_CLASS
from tests.helpers.labelled import N_TEST, N_TRAIN, labelled, topic


def test_classes_are_those_of_the_training_rows(asked: Experiment, tmp_path: Path) -> None:
    found = task(plan(labelled(asked, tmp_path / "t.tsv", (1, 22))))
    assert found.classes == ("birds", "people", "pets")
    names = [found.classes[number] if number != NO_CLASS else "" for number in found.train_classes]
    assert names == ["" if row == 1 else topic(row) for row in range(N_TRAIN)]
    assert found.tested.tolist() == [row != 2 for row in range(N_TEST)]
    expected = [topic(N_TRAIN + row) == "people" for row in range(N_TEST) if row != 2]
    assert found.majority_hits.tolist() == expected


def test_a_class_that_is_only_tested_on_is_never_right(asked: Experiment, tmp_path: Path) -> None:
    spec = labelled(asked, tmp_path / "t.tsv").corpus
    path = Path(spec.removeprefix("table:"))
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[-1] = lines[-1].replace(topic(N_TRAIN + N_TEST - 1), "weather")
    path.write_text("\n".join(lines), encoding="utf-8")
    found = task(plan(replace(asked, corpus=spec)))
    assert "weather" not in found.classes
    assert (found.test_classes[-1], found.n_test) == (NO_CLASS, N_TEST)


def without(found: Path, label: str) -> None:
    text = found.read_text(encoding="utf-8")
    found.write_text(text.replace(f"\t{label}\t", "\tbirds\t"), encoding="utf-8")


def test_a_task_of_one_class_is_none(asked: Experiment, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    experiment = labelled(asked, path)
    without(path, "pets")
    without(path, "people")
    with pytest.raises(SettingError, match="all of its training rows have the label 'birds'"):
        task(plan(experiment))


def test_rows_that_cannot_be_trained_or_tested_on_are_refused(asked: Experiment, tmp_path: Path) -> None:
    untaught = labelled(asked, tmp_path / "a.tsv", range(N_TRAIN))
    with pytest.raises(SettingError, match="none of its rows to train on"):
        task(plan(untaught))
    untested = labelled(asked, tmp_path / "b.tsv", range(N_TRAIN, N_TRAIN + N_TEST))
    with pytest.raises(SettingError, match="no row to test on"):
        task(plan(untested))


def test_the_embedded_sentences_are_a_task() -> None:
    found: Task = task(plan(Experiment(target="ja")))
    assert (found.n_train, found.n_test, len(found.classes)) == (200, 200, 8)
    assert np.bincount(found.test_classes).min() >= 15
