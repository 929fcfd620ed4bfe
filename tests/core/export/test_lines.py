"""The lines of Python and of the command line have the setting that they were made of."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import core
from core.cli import options
from core.cli.main import parser
from core.experiment.settings import Experiment
from core.export import lines

ODD = Experiment(
    model="a folder/it's",
    target="ja",
    method="linear-act",
    strength=-0.5,
    neurons=("mlp", "attention"),
    expert_layers="0-2",
    languages=("en", "ja"),
    seed=7,
)


def test_the_lines_of_python_have_the_picture_again(
    asked: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(lines.python(asked), names)
    session = core.Session()
    assert session.run(asked).computed == ()
    assert names["result"].plan.experiment == session.run(asked).plan.experiment
    assert "vega" in (tmp_path / "map.html").read_text(encoding="utf-8")
    pd.testing.assert_frame_equal(names["table"], session.retrieval(asked))
    np.testing.assert_array_equal(names["after"], session.embeddings(asked).of("ja")[1])


@pytest.mark.parametrize("experiment", [Experiment(), ODD])
def test_the_command_line_says_the_setting(experiment: Experiment) -> None:
    words = shlex.split(lines.command("run", experiment, "--json", "out.json"))
    assert words[:4] == ["python", "-m", "core", "run"]
    assert options.experiment(parser().parse_args(words[3:])) == experiment
    words = shlex.split(lines.command("export", experiment, "--out", "x", groups=("model", "experts", "intervention")))
    read = options.experiment(parser().parse_args(words[3:]))
    assert read == replace(experiment, languages=None, seed=0)
