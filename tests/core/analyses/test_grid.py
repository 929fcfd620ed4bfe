"""Cells against results, the best against a plain loop."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from core.analyses import grid
from core.experiment.settings import Experiment
from core.inference.perplexity import likelihoods
from core.pipeline.engine import Engine
from core.pipeline.run import Run


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_a_cell_says_what_the_result_says_without_a_map(asked: Experiment, engine: Engine, strength: float) -> None:
    wanted = replace(asked, strength=strength)
    cell = engine.answer(wanted, grid.cell)
    assert not engine.store.root.joinpath("projection").exists()
    assert engine.answer_known(wanted, grid.cell) == cell
    result = engine.run(wanted)
    assert result.computed == ()  # what a cell computed is all that a result needs but the map
    expected = {
        "target_top1": result.target_top1.post,
        "gain": result.target_top1.difference,
        "all_top1": result.all_top1.post,
        "centred": result.centred.post,
        "distance": result.all_pairs_distance.post,
        "target_distance": result.target_distance.post,
        "target_medoid": result.to_medoid(of_target=True).post,
        "others_medoid": result.to_medoid(of_target=False).post,
    }
    assert cell == expected
    assert set(cell) == set(grid.measures()) - {"perplexity"}


def test_perplexity_is_that_of_the_targets_sentences_over_the_unmodified(asked: Experiment, engine: Engine) -> None:
    assert engine.answer_known(asked, grid.cell_with_text) is None
    found = engine.answer(asked, grid.cell_with_text)
    plain = engine.answer(asked, grid.cell)
    assert {name: value for name, value in found.items() if name != "perplexity"} == plain

    def by_hand(run: Run) -> float:
        texts = run.plan.groups[0].texts[run.plan.target][: grid.TEXTS]
        sides = [
            likelihoods(run.model(), texts, intervention=each, neurons=run.plan.outline.neurons).pooled
            for each in (None, run.stages.intervention(run.experts()))
        ]
        return math.exp((sides[1].nll - sides[0].nll) / sides[0].n_tokens)

    assert found["perplexity"] == pytest.approx(engine.answer(asked, by_hand), rel=1e-6)
    still = engine.answer(replace(asked, strength=0.0), grid.cell_with_text)
    assert still["perplexity"] == 1.0
    assert engine.answer_known(asked, grid.cell_with_text) == found
    best = grid.best({asked: plain, replace(asked, experts=7): found}, "perplexity", {})
    assert best == replace(asked, experts=7)  # what is not computed does not win


def test_a_grid_has_every_pair_once_and_one_cell_for_strength_0() -> None:
    cells = grid.grid(Experiment(target="es"), [200, 100, 100], [1.0, 0.0])
    assert [(each.experts, each.strength) for each in cells] == [(100, 0.0), (100, 1.0), (100, 0.0), (200, 1.0)]
    assert {each.target for each in cells} == {"es"}


@pytest.mark.parametrize("changes", [{"select": "all"}, {"experts_from": "1:down_proj:3=2.5"}])
def test_a_grid_has_one_row_where_k_says_nothing(changes: dict[str, str]) -> None:
    experiment = Experiment(target="es", experts=300, **changes)
    cells = grid.grid(experiment, [200, 100], [1.0, 0.0, 1.0])
    assert cells == [replace(experiment, strength=0.0), replace(experiment, strength=1.0)]


def test_the_best_is_a_plain_loops_and_never_a_missing_one() -> None:
    random = np.random.default_rng(4)
    for _ in range(50):
        cells = {
            Experiment(experts=k, strength=s): {
                name: float(random.integers(4)) if random.random() > 0.1 else math.nan for name in grid.measures()
            }
            for k in (100, 200)
            for s in (0.0, 0.5, 1.0)
        }
        for maximise, better in (("target_top1", 1), ("distance", -1)):
            expected = None
            for each in sorted(cells, key=lambda e: (e.strength, e.experts)):
                values = cells[each]
                if math.isnan(values[maximise]) or not values["centred"] >= 2:
                    continue
                if expected is None or better * values[maximise] > better * cells[expected][maximise]:
                    expected = each
            assert grid.best(cells, maximise, {"centred": ("at least", 2.0)}) == expected
    assert grid.best({}, "gain", {}) is None
