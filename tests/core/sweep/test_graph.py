"""The graph of a sweep's tasks: what is refused takes no other cell with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.analyses.grid import GridAnalysis, cell
from core.errors import AskError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.models import hub
from core.pipeline.backend import LocalBackend
from core.pipeline.engine import Engine
from core.store.store import Store
from core.sweep.graph import build
from core.sweep.on_backend import CellTasks
from tests.helpers import families


def test_a_bound_that_no_neuron_meets_is_refused_where_the_ranking_is_known(asked: Experiment, filled: Store) -> None:
    engine, bounded, other = Engine(filled), replace(asked, min_score=1.1), replace(asked, strength=0.3)
    with pytest.raises(AskError, match="score at least"):
        engine.answer_known(bounded, cell)
    made = build(engine, [bounded, other], "embeddings", GridAnalysis())
    assert (list(made.refused), list(made.cells)) == ([bounded], [other])
    assert "score at least" in made.refused[bounded].what
    work = CellTasks(LocalBackend(engine), [bounded, other], GridAnalysis())
    assert (list(work.failures), work.left) == ([bounded], 1)


def test_text_is_refused_to_an_encoder_whose_cell_is_measured(
    asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    folder = families.save_family(tmp_path / "encoder", families.FAMILIES["xlm-r"])
    encoder = replace(asked, model=str(folder), experts=10)
    assert engine.answer(encoder, cell)
    made = build(engine, [encoder], "embeddings", GridAnalysis(text=True))
    assert (list(made.refused), made.tasks, made.known) == ([encoder], (), {})
    assert list(build(engine, [encoder], "embeddings", GridAnalysis()).known) == [encoder]


def test_the_commit_of_one_cell_s_patch_is_none_of_the_model_itself(
    asked: Experiment, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exported patch names its model's commit for good; the model beside it is at what its name means now."""
    pinned, now, plan = "1" * 40, "2" * 40, engine.plan
    meant: list[str] = []

    def planned(experiment: Experiment) -> Plan:
        commit = hub.commit("some/model-with-a-patch", pinned if experiment.strength == asked.strength else None)
        meant.append(commit)
        bound = plan(experiment)
        return replace(bound, resolved=replace(bound.resolved, location="some/model-with-a-patch", revision=commit))

    monkeypatch.setattr(hub, "_ask_commit", lambda _, revision: revision or now)
    monkeypatch.setattr(engine, "plan", planned)
    made = build(engine, [asked, replace(asked, strength=0.3)], "measures")
    assert meant == [pinned, now]
    assert {dict(task.commits)["some/model-with-a-patch"] for task in made.tasks} == {pinned, now}
