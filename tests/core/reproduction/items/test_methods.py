"""Methods and scores are compared under the same conditions, with what plain loops give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.experiment.plan import plan
from core.pipeline.engine import Engine
from core.progress import Progress
from core.reproduction.items.methods import METHODS_ITEM
from core.reproduction.settings import Settings
from core.reproduction.study import Study
from core.store.store import Store
from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import LANGUAGES
from tests.helpers.tiny import N_LAYERS


def test_methods_on_the_first_rows(
    asked_settings: Settings, spaces: dict[str, tuple[np.ndarray, np.ndarray]], store: Store
) -> None:
    settings = replace(asked_settings, method_sentences=7)
    study = Study(Engine(store), settings, plan(settings.experiment("es")))
    for step in METHODS_ITEM.steps(study):
        step.work(Progress())
    frame = METHODS_ITEM.tables(study)["methods"].set_index(["method", "score", "control"])
    assert (frame["n"] == 7).all()
    at = LANGUAGES.index("es")
    for key, whole in ((("none", "none", "unmodified"), 0), (("set-mean", "auroc", "none"), 1)):
        space = spaces["es"][whole][:, :7]
        others = [number for number in range(len(LANGUAGES)) if number != at]
        for metric, name in (("cosine", "top1"), ("centred", "centred"), ("csls", "csls")):
            hits = [np.mean(slow.hits(space[at], space[other], metric)) for other in others]
            assert frame.loc[key, name] == pytest.approx(np.mean(hits)), (key, metric)
        apart = [slow.distance(space[a], space[b]) for a in range(len(LANGUAGES)) for b in range(a)]
        assert frame.loc[key, "distance"] == pytest.approx(np.mean(apart), abs=1e-5)
    assert frame.loc[("additive", "auroc", "none"), "top1"] == frame.loc[("mean-act", "auroc", "none"), "top1"]


def test_methods_are_compared_under_the_same_conditions(report: Path) -> None:
    methods, gains = pd.read_csv(report / "methods.csv"), pd.read_csv(report / "gains.csv")
    target = methods["target"].iloc[0]
    chosen = gains[
        (gains["target"] == target) & (gains["view"] == "target as query") & (gains["layer"] == N_LAYERS)
    ].set_index(["control", "metric"])
    paper = methods[(methods["method"] == "set-mean") & (methods["score"] == "auroc")].set_index("control")
    for control in ("none", "random"):
        assert paper.loc[control, "top1"] == pytest.approx(chosen.loc[(control, "cosine"), "post"])
        assert paper.loc[control, "gain"] == pytest.approx(chosen.loc[(control, "cosine"), "gain"])
        assert paper.loc[control, "gain_low"] == pytest.approx(chosen.loc[(control, "cosine"), "gain_low"])
        assert paper.loc[control, "centred"] == pytest.approx(chosen.loc[(control, "centred"), "post"])
    unmodified = methods[methods["control"] == "unmodified"].iloc[0]
    assert unmodified["top1"] == pytest.approx(chosen.loc[("none", "cosine"), "pre"])
    assert json.loads((report / "report.json").read_text())["items"]["methods"]["state"] == "measured"
