"""Interventions compared, in the report where they are asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.analyses import method_comparison, steering, transfer, transfer_table
from core.cli.main import parser
from core.corpora.prompts.read import Prompt
from core.errors import SettingError
from core.experiment.plan import plan
from core.pipeline.engine import Engine
from core.progress import Progress
from core.reproduction.items.methods_compared import METHODS_COMPARED
from core.reproduction.settings import Settings
from core.reproduction.study import Study
from core.store.store import Store
from tests.helpers.labelled import write_labelled

PROMPTS = (Prompt("dog", "en", "The dog sleeps today in the small house."),)


def test_the_table_is_that_of_the_command(
    asked_settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "default_prompts", lambda: PROMPTS)
    labelled = write_labelled(tmp_path / "labelled.tsv", languages=("de", "en", "es", "ja"))
    settings = replace(asked_settings, method_sentences=7, methods_compared=("diff-mean",), transfer_corpus=labelled)
    study = Study(Engine(store), settings, plan(settings.experiment("es")))
    assert METHODS_COMPARED.why_not(study) == ""
    for step in METHODS_COMPARED.steps(study):
        step.work(Progress())
    tables = METHODS_COMPARED.tables(study)
    frame = tables["footing"].set_index("condition")
    experiment = replace(settings.experiment(frame["target"].iloc[0]), eval_sentences=7)
    asked = steering.SteeringSettings(PROMPTS, tokens=settings.text_tokens, seed=settings.seed)
    alone = method_comparison.table(
        method_comparison.compare(study.engine.answer, experiment, ["diff-mean"], asked, timed=False)
    ).set_index("condition")
    for name in ("top1_all", "mexa_all", "language_id", "perplexity", "mean_rank"):
        assert frame.loc["diff-mean", name] == alone.loc["diff-mean", name], name
    assert frame.loc[["diff-mean", "random"], "time"].gt(0).all()
    held = replace(experiment, method="diff-mean", corpus=labelled, probe_corpus=settings.corpus, eval_sentences=None)
    held = replace(held, languages=("de", "en", "es", "ja"))
    found = study.engine.answer(held, partial(transfer.transfer, asked=transfer.Settings(("en",), None, ())))
    for condition, side in (("unmodified", "pre"), ("diff-mean", "post")):
        mean = transfer_table.mean_of(found, "en", transfer.Space(side, study.plan.layer))
        assert mean is not None
        assert frame.loc[condition, "transfer"] == mean.value
    assert alone["transfer"].isna().all()  # the sentences themselves have no labels
    (figure,) = METHODS_COMPARED.figures(tables)
    assert figure.name == "footing"
    assert "n = 7 sentences, for transfer 12 with labels" in figure.caption


def test_it_is_left_out_unless_asked_for(asked_settings: Settings, store: Store) -> None:
    study = Study(Engine(store), asked_settings, plan(asked_settings.experiment("es")))
    assert "--compare-methods" in METHODS_COMPARED.why_not(study)
    study.settings = replace(asked_settings, methods_compared=("nonsense",))
    with pytest.raises(SettingError, match="nonsense"):
        METHODS_COMPARED.steps(study)


@pytest.mark.parametrize("option", ["--compare-methods", "--footing"])
def test_it_is_asked_for_by_the_name_it_had_too(option: str) -> None:
    arguments = parser().parse_args(["reproduce", "--out", "report", option, "set-mean,aura"])
    assert arguments.methods_compared == ("set-mean", "aura")
    assert parser().parse_args(["reproduce", "--out", "report"]).methods_compared == ()
