"""What the choice of k rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core.experiment.plan import plan
from core.inference.perplexity import likelihoods
from core.pipeline.engine import Engine
from core.reproduction.items.choice import CHOICE
from core.reproduction.settings import Settings, paragraphs
from core.reproduction.study import Study
from core.store.store import Store
from tests.helpers.reproduction import K
from tests.helpers.tiny import sentences


def test_perplexity_on_paragraphs_of_a_file(asked_settings: Settings, store: Store, tmp_path: Path) -> None:
    long = [" ".join(sentences("es", 4, start)) for start in (0, 4, 8)]
    assert min(map(len, long)) >= 100
    (tmp_path / "es.txt").write_text("Corto.\n" + "\n\n".join(long) + "\n", encoding="utf-8")
    settings = replace(asked_settings, perplexity_texts=tmp_path, perplexity_sentences=2)
    assert paragraphs(settings, "es") == tuple(long[:2])
    study = Study(
        Engine(store), replace(settings, sweep=(K,), texts=2, seeds=1, text_tokens=2), plan(settings.experiment("es"))
    )
    frame = CHOICE.tables(study)["choice_of_k"]
    row = frame[(frame["measure"] == "perplexity") & (frame["space"] == "pre")].iloc[0]
    model = study.engine.models.get(study.plan.resolved)
    expected = likelihoods(model, long[:2]).pooled  # which is tested by itself, in windows too
    assert row["value"] == pytest.approx(expected.value, rel=1e-6)
    assert row["n"] == 2


def test_the_choice_of_k_says_what_it_rests_on(report: Path) -> None:
    frame = pd.read_csv(report / "choice_of_k.csv")
    assert sorted(frame["k"].unique()) == [0, 5, K]
    share = frame[frame["measure"] == "probability"]
    assert (share["n"] == 6).all()  # two seeds of three texts
    assert share["value"].between(0, 1).all()
    assert (frame.loc[frame["measure"] == "perplexity", "n"] == 4).all()
    for _, part in frame[frame["k"] == 0].groupby("target"):
        assert set(part["space"]) == {"pre"}
