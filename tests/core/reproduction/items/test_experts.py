"""Scores and places of the experts of a whole report are what plain loops give, from the model's own outputs on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import TARGETS, K


def test_experts(report: Path, slows: dict[str, slow.SlowReproduction]) -> None:
    frame = pd.read_csv(report / "experts.csv", keep_default_na=False)
    experts = {target: made.experts() for target, made in slows.items()}
    for target, made in slows.items():
        rows = frame[frame["target"] == target]
        score = rows[rows["measure"] == "mean score"]["value"].iloc[0]
        assert score == pytest.approx(made.scores()[experts[target]].mean(), abs=1e-9)
        for other in TARGETS:
            shared = rows[(rows["measure"] == "shared") & (rows["other"] == other)]["value"].iloc[0]
            assert shared == len(set(experts[target]) & set(experts[other]))
        assert rows[rows["measure"] == "experts at site"]["value"].sum() == K
