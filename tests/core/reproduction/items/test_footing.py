"""Interventions on one footing, in the report where they are asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.analyses import method_comparison, steering
from core.corpora.prompts.read import Prompt
from core.errors import SettingError
from core.experiment.plan import plan
from core.pipeline.engine import Engine
from core.progress import Progress
from core.reproduction.items.footing import FOOTING
from core.reproduction.settings import Settings
from core.reproduction.study import Study
from core.store.store import Store

PROMPTS = (Prompt("dog", "en", "The dog sleeps today in the small house."),)


def test_the_table_is_that_of_the_command(
    asked_settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "default_prompts", lambda: PROMPTS)
    settings = replace(asked_settings, method_sentences=7, footing=("diff-mean",))
    study = Study(Engine(store), settings, plan(settings.experiment("es")))
    assert FOOTING.why_not(study) == ""
    for step in FOOTING.steps(study):
        step.work(Progress())
    tables = FOOTING.tables(study)
    frame = tables["footing"].set_index("condition")
    experiment = replace(settings.experiment(frame["target"].iloc[0]), eval_sentences=7)
    asked = steering.Asked(PROMPTS, tokens=settings.text_tokens, seed=settings.seed)
    alone = method_comparison.table(
        method_comparison.compare(study.engine.answer, experiment, ["diff-mean"], asked, timed=False)
    ).set_index("condition")
    for name in ("top1_all", "mexa_all", "language_id", "perplexity", "mean_rank"):
        assert frame.loc["diff-mean", name] == alone.loc["diff-mean", name], name
    assert not [name for name in frame if name.startswith("time")]
    assert [figure.name for figure in FOOTING.figures(tables)] == ["footing"]


def test_it_is_left_out_unless_asked_for(asked_settings: Settings, store: Store) -> None:
    study = Study(Engine(store), asked_settings, plan(asked_settings.experiment("es")))
    assert "--footing" in FOOTING.why_not(study)
    study.settings = replace(asked_settings, footing=("nonsense",))
    with pytest.raises(SettingError, match="nonsense"):
        FOOTING.steps(study)
