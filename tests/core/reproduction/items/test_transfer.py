"""The item on transfer: its tables are the analysis's, its figure and its verdict say what they hold."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.analyses import transfer_table
from core.analyses.transfer import transfer
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.reproduction.items.transfer import TRANSFER, settings
from core.reproduction.settings import Settings, bound
from core.reproduction.study import Study
from core.reproduction.verdicts import verdicts
from core.spaces.rivals import RIVALS
from tests.helpers.labelled import write_labelled
from tests.helpers.tiny import write_table


def study_of(asked: Experiment, engine: Engine, corpus: str, labelled: str | None = None) -> Study:
    requested = Settings(
        **{"model": asked.model, "dtype": "float32", "device": "cpu", "experts": asked.experts},
        corpus=corpus,
        transfer_corpus=labelled,
        targets=("ja", "es") if labelled is None else ("ja",),
    )
    return Study(engine, *bound(requested))


def test_tables_figure_and_verdict_hold_the_analysiss_figures(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    study = study_of(asked, engine, write_labelled(tmp_path / "t.tsv"))
    assert TRANSFER.why_not(study) == ""
    assert len(TRANSFER.steps(study)) == 2
    tables = dict(TRANSFER.tables(study))
    experiment = study.settings.experiment("ja")
    found = engine.answer(experiment, partial(transfer, asked=settings()))
    assert {space.rival for space in found.spaces} == {None, *(n for n, r in RIVALS.items() if not r.supervised)}
    means = tables["transfer_means"]
    expected = transfer_table.means(found)
    assert means[means["target"] == "ja"]["accuracy"].tolist() == expected["accuracy"].tolist()
    (figure,) = TRANSFER.figures(tables)
    drawn = figure.chart.to_dict()["datasets"]
    assert max(map(len, drawn.values())) == 2 * 3  # two targets; before, after and the best that is free
    said = transfer_table.lesson(found, "en", study.plan.layer)
    assert said is not None
    (verdict,) = verdicts({"transfer_lessons": tables["transfer_lessons"]})
    (lesson,) = [row for row in tables["transfer_lessons"].to_dict("records") if row["target"] == "ja"][:1]
    assert (lesson["train"], lesson["sentence"]) == ("en", transfer_table.sentence(said))
    free = said.fair or said.best
    assert free is not None
    assert f"Japanese, trained on English: {said.before.value:.3f} -> {said.after.value:.3f} (" in verdict.text
    assert f", free {free.mean.value:.3f} by {free.rival.name}" in verdict.text
    assert set(tables["transfer_profit"]["kind"]) == {"transfer", "retrieval"}


def test_sentences_without_labels_are_left_out_with_the_reason(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    study = study_of(asked, engine, write_table(tmp_path / "t.tsv", 10, 7))
    assert "no labels" in TRANSFER.why_not(study)


def test_transfer_is_measured_on_other_sentences_with_the_experts_of_the_corpus(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    plain, labelled = write_table(tmp_path / "plain.tsv", 10, 7), write_labelled(tmp_path / "labelled.tsv")
    study = study_of(asked, engine, plain, labelled)
    assert TRANSFER.why_not(study) == ""
    means = TRANSFER.tables(study)["transfer_means"]
    experiment = replace(study.settings.experiment("ja"), corpus=labelled, probe_corpus=plain, languages=None)
    expected = transfer_table.means(engine.answer(experiment, partial(transfer, asked=settings())))
    assert means["accuracy"].tolist() == expected["accuracy"].tolist()
    with pytest.raises(SettingError, match="no labels"):  # at once: it was asked for
        study_of(asked, engine, plain, plain)
