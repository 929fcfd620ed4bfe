"""The command ``transfer``: its JSON is the session's table, its text says the same figures; refusals are in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.analyses.profit import sentence
from core.cli.main import main
from core.cli.transfer_result import summary
from core.experiment.file import write_experiment
from core.experiment.settings import Experiment
from core.session import Session
from tests.helpers.labelled import N_TEST, N_TRAIN, POST, PRE, found, labelled
from tests.helpers.results import make_plan
from tests.helpers.tiny import LANGUAGES


def test_the_json_is_the_sessions_table_and_the_text_says_what_it_holds(
    asked: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, out, cache = labelled(asked, tmp_path / "t.tsv"), tmp_path / "out.json", tmp_path / "cache"
    (tmp_path / "asked.json").write_text(write_experiment(experiment), encoding="utf-8")
    arguments = ["transfer", "--experiment", str(tmp_path / "asked.json"), "--cache", str(cache), "--layers", "1,last"]
    assert main([*arguments, "--rivals", "own-means,subspace", "--json", str(out)]) == 0
    said = capsys.readouterr().out
    report = json.loads(out.read_text(encoding="utf-8"))

    frame = Session(cache, progress=False).transfer(
        experiment, layers="1,last", rivals=["own-means", "subspace"], train_languages="en,ja"
    )
    assert len(frame) == len(report["transfer"]) == 2 * len(LANGUAGES) * 2 * 2 * 3
    for row, written in zip(frame.to_dict("records"), report["transfer"], strict=True):
        for key in ("train", "test", "space", "layer", "rival", "n", "accuracy", "low", "high"):
            assert row[key] == written[key]
    assert (report["task"]["n_train"], report["task"]["n_test"]) == (N_TRAIN, N_TEST)
    assert report["experiment"]["target"] == "ja"
    assert f"trained on {N_TRAIN} rows of one language, tested on {N_TEST} of each" in said
    assert len(report["lessons"]) == 4  # two languages to train on, at two layers
    for lesson in report["lessons"]:
        assert lesson in said
    assert report["means"]
    for mean in report["means"]:
        assert f"{mean['accuracy']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})" in said


def test_who_profits_is_a_block_of_the_json_and_sentences_of_the_text(
    asked: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, out, cache = labelled(asked, tmp_path / "t.tsv"), tmp_path / "out.json", tmp_path / "cache"
    (tmp_path / "asked.json").write_text(write_experiment(experiment), encoding="utf-8")
    arguments = ["transfer", "--experiment", str(tmp_path / "asked.json"), "--cache", str(cache), "--layers", "1"]
    assert main([*arguments, "--profit", "--json", str(out)]) == 0
    said, report = capsys.readouterr().out, json.loads(out.read_text(encoding="utf-8"))
    assert {row["layer"] for row in report["transfer"]} == {1}  # profit is at the experiment's, which is another
    found = Session(cache, progress=False).profit(experiment)
    assert report["profit"] == found.to_json()
    assert len(report["profit"]["points"]) == 3 * (len(LANGUAGES) - 1)
    assert len(found.correlations) > 0
    for row in found.correlations.to_dict("records"):
        assert sentence(row).replace("**", "") in said
    assert "which languages profit in retrieval from Japanese" in said
    assert main([*arguments, "--json", str(out)]) == 0
    assert "profit" not in json.loads(out.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Spanish, 20 experts, strength 0.5, set-mean, made, made"),
        ({"experts": 1}, "Spanish, 1 expert, strength 0.5, set-mean, made, made"),
        ({"control": "random"}, "Spanish, 20 random neurons, strength 0.5, set-mean, made, made"),
        ({"experts_from": "/there/mine.csv"}, "Spanish, experts from mine.csv, strength 0.5, set-mean, made, made"),
        ({"select": "all"}, "Spanish, all neurons, strength 0.5, set-mean, made, made"),
        ({"select": "layer"}, "Spanish, 20 experts, strength 0.5, select layer, set-mean, made, made"),
    ],
)
def test_the_heading_says_which_neurons_are_held(changes: dict[str, Any], said: str) -> None:
    asked = Experiment(model="made", corpus="made", **{"target": "es", "experts": 20, "strength": 0.5, **changes})
    text = summary(make_plan(asked), found({PRE: (0.9, 0.5, 0.2), POST: (0.9, 0.8, 0.4)}))
    assert text.splitlines()[1] == said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--train-languages", "fi"], ["train on fi", "en, de, es, ru, ja"]),
        (["--rivals", "luck"], ["'luck'", "own-means"]),
        (["--layers", "9"], ["layers '9'", "0 (embeddings) to 3"]),
    ],
)
def test_refusals(
    arguments: list[str], words: list[str], asked: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = labelled(asked, tmp_path / "t.tsv")
    (tmp_path / "asked.json").write_text(write_experiment(experiment), encoding="utf-8")
    path, cache = str(tmp_path / "asked.json"), str(tmp_path / "cache")
    assert main(["transfer", "--experiment", path, "--cache", cache, *arguments]) == 2
    said = capsys.readouterr().err
    for part in ("error:", "why:", "instead:", *words):
        assert part in said


def test_no_rivals_are_no_rivals(asked: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = labelled(asked, tmp_path / "t.tsv")
    (tmp_path / "asked.json").write_text(write_experiment(experiment), encoding="utf-8")
    path, cache = str(tmp_path / "asked.json"), str(tmp_path / "cache")
    assert main(["transfer", "--experiment", path, "--cache", cache, "--rivals", "none"]) == 0
    assert "own means" not in capsys.readouterr().out.lower()
