"""Experiments as files: what is written is read back, and what cannot be read is refused in words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.errors import SettingError
from core.experiment.file import file_stem, read_experiment, write_experiment
from core.experiment.settings import Experiment

CHANGED = Experiment(
    model="owner/name",
    target="es",
    neurons=("mlp", "attention"),
    experts=7,
    strength=0.5,
    languages=("en", "es"),
    expert_layers="0-3",
    expert_sites=("down_proj",),
    min_score=1,
    layer=3,
    seed=9,
)


@pytest.mark.parametrize("experiment", [Experiment(), CHANGED])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"], ids=["as written", "as some editors save it"])
def test_what_is_written_is_read_back(tmp_path: Path, experiment: Experiment, encoding: str) -> None:
    path = tmp_path / "experiment.json"
    path.write_text(write_experiment(experiment), encoding=encoding)
    assert read_experiment(path) == experiment


def test_files_of_two_settings_have_two_names_that_any_system_takes() -> None:
    settings = [Experiment(), CHANGED, Experiment(seed=1), Experiment(control="random"), Experiment(target="zh/../x")]
    names = [file_stem(experiment) for experiment in settings]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)
    assert file_stem(Experiment()) == names[0]


def test_a_bare_object_and_what_a_result_says_besides(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"target": "es", "model_digest": "abc", "layer": 18}), encoding="utf-8")
    assert read_experiment(path) == Experiment(target="es", layer=18)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"target": ' + '{"a": ' * 100_000, "it is not JSON"),
        ('{"experts": 1' + "0" * 5000 + "}", "it is not JSON"),
        ("[]", "it names no setting"),
        ('{"schema": 1}', "it names no setting"),
        ('{"experts": "many"}', 'experts is "many"'),
        ('{"experts": true}', "experts is true"),
        ('{"experts": 1.5}', "experts is 1.5"),
        ('{"strength": null}', "strength is null"),
        ('{"languages": "en"}', 'languages is "en"'),
        ('{"languages": [1]}', "languages is [1]"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "experiment.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingError) as caught:
        read_experiment(path)
    assert str(path) in caught.value.what
    assert why in caught.value.why
    assert caught.value.instead


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="No such file"):
        read_experiment(tmp_path / "none.json")
