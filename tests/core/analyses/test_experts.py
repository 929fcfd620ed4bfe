"""Where experts are and what languages share, against plain loops and sets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.analyses import experts
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.neurons import overlap
from core.neurons.experts import Expertise
from core.neurons.neuron_map import NeuronMap, Site
from core.neurons.selection import Selection
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.store import Store
from tests.helpers.results import make_plan
from tests.helpers.tiny import FAMILIES, Plain, save_tiny, sentences, write_table

# Few values, so that ties abound; NaN, as a score that is not defined.
SCORES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan])
NEURONS = NeuronMap(
    (
        Site(0, "up", "layers.0.up", 5, 0),
        Site(0, "down", "layers.0.down", 3, 5),
        Site(1, "up", "layers.1.up", 4, 8),
        Site(1, "down", "layers.1.down", 3, 12),
    )
)


def chosen(scores: np.ndarray, selection: Selection) -> set[int]:
    """The experts as an experiment chooses them."""
    return set(selection.choose(scores, NEURONS).tolist())


def ranked(scores: np.ndarray, selection: Selection) -> overlap.Ranking:
    experiment = Experiment(
        select=selection.over, experts=selection.k, expert_layers=selection.layers, expert_sites=selection.sites
    )
    plan = make_plan(experiment)
    plan = replace(plan, outline=replace(plan.outline, neurons=NEURONS, n_layers=2))
    languages = tuple(f"l{n}" for n in range(len(scores)))
    return experts.ranking(Expertise(languages, scores, np.zeros(scores.shape, np.float32)), plan)


@settings(max_examples=60, deadline=None)
@given(
    scores=arrays(np.float64, st.tuples(st.integers(2, 4), st.just(NEURONS.total)), elements=SCORES),
    over=st.sampled_from(["model", "layer"]),
    limits=st.sampled_from([{}, {"layers": "1"}, {"sites": ("up",)}]),
)
def test_overlap_is_that_of_the_sets_that_are_chosen(scores: np.ndarray, over: str, limits: dict[str, object]) -> None:
    selection = Selection(1, over, **limits)  # type: ignore[arg-type]
    found = ranked(scores, selection)
    curve = found.curve().set_index("k")
    assert curve.index.tolist() == list(range(1, found.most + 1))
    for k in range(1, found.most + 1):
        if over == "layer" and k > min(found.sizes):
            # the selection takes what there is of a smaller layer; so does the ranking
            assert found.size(k) == sum(min(k, n) for n in found.sizes)
        sets = [chosen(row, replace(selection, k=k)) for row in scores]
        expected = [[len(one & other) for other in sets] for one in sets]
        assert found.shared(k).tolist() == expected
        shares = [len(one & other) / len(one) for one, other in combinations(sets, 2)]
        assert curve.loc[k, ["mean", "low", "high"]].tolist() == pytest.approx(
            [sum(shares) / len(shares), min(shares), max(shares)]
        )


def test_chance_is_what_sets_drawn_at_random_share() -> None:
    """Counted over all pairs of sets of a small model."""
    scores = np.zeros((2, NEURONS.total))
    curve = ranked(scores, Selection(1, sites=("down",))).curve().set_index("k")
    for k in (1, 2, 4, 6):
        draws = [set(drawn) for drawn in combinations(range(6), k)]
        expected = np.mean([len(one & other) / k for one in draws for other in draws])
        assert curve.loc[k, "chance"] == pytest.approx(expected) == pytest.approx(k / 6)
    by_layer = ranked(scores, Selection(1, "layer", sites=("up",))).curve().set_index("k")
    draws = [
        {*one, *(5 + n for n in other)} for one in combinations(range(5), 3) for other in combinations(range(4), 3)
    ]
    expected = np.mean([len(one & other) / 6 for one in draws for other in draws])
    assert by_layer.loc[3, "chance"] == pytest.approx(expected)


def test_experts_are_counted_at_every_site() -> None:
    chosen_ones = np.array([14, 0, 6, 12, 4])
    found = experts.by_site(NEURONS, chosen_ones)
    expected = pd.DataFrame(
        {
            "layer": [0, 0, 1, 1],
            "site": ["up", "down", "up", "down"],
            "experts": [2, 1, 0, 2],
            "width": [5, 3, 4, 3],
            "share": [2 / 5, 1 / 3, 0, 2 / 3],
        }
    )
    pd.testing.assert_frame_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.one_of(SCORES, st.floats(-2, 3, width=32)), min_size=2, max_size=40),
    bins=st.integers(1, 7),
    data=st.data(),
)
def test_every_finite_score_is_in_the_bin_that_holds_it(scores: list[float], bins: int, data: st.DataObject) -> None:
    best = data.draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    found = experts.histogram(np.array(scores), np.array(sorted(best)), bins)
    assert len(found) == bins
    for column, members in (("neurons", range(len(scores))), ("experts", best)):
        counts = [0] * bins
        for member in members:
            if math.isfinite(scores[member]):
                holds = [
                    n
                    for n, row in enumerate(found.itertuples())
                    if row.low <= scores[member] < row.high or (n == bins - 1 and scores[member] == row.high)
                ]
                assert len(holds) == 1
                counts[holds[0]] += 1
        assert found[column].tolist() == counts


# -- on a model ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Experiment]:
    folder = tmp_path_factory.mktemp("anatomy")
    model, corpus = save_tiny(folder / "model", "gemma3"), write_table(folder / "sentences.tsv")
    return model, Experiment(model=str(model), corpus=corpus, target="ja", experts=20, dtype="float32")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    return Engine(Store(tmp_path / "cache"))


def test_reads_the_experts_without_embedding_anything(engine: Engine, tiny: tuple[Path, Experiment]) -> None:
    assert engine.answer_known(tiny[1], experts.read) is None
    found = engine.answer(tiny[1], experts.read)
    assert {entry.stage for entry in engine.store.entries()} == {"responses", "expertise"}
    plan, chosen = engine.experts(tiny[1])
    assert found.plan == plan
    assert found.experts.neurons.tolist() == chosen.neurons.tolist()
    again = engine.answer_known(tiny[1], experts.read)
    assert again is not None
    assert again.key == found.key
    assert {entry.digest for entry in engine.store.entries() if entry.stage == "expertise"} == {found.key}
    # another target, k and strength have the same expertise; another score has not
    assert engine.answer(replace(tiny[1], target="de", experts=7, strength=0.5), experts.read).key == found.key
    assert engine.answer(replace(tiny[1], score="ap"), experts.read).key != found.key


def test_responses_are_those_of_the_model_and_read_again_if_they_were_removed(
    engine: Engine, tiny: tuple[Path, Experiment]
) -> None:
    model, experiment = tiny
    neuron = int(engine.answer(experiment, experts.read).experts.neurons[0])

    def ask(run: Run) -> np.ndarray:
        return experts.responses(run, neuron)

    found = engine.answer_known(experiment, ask)
    assert found is not None
    plan = engine.experts(experiment)[0]
    site, units, _ = next(plan.outline.neurons.by_site(np.array([neuron])))
    plain = Plain.read(model, "gemma3")
    for code, row in zip(plan.probe.languages, found, strict=True):
        slow = plain.responses(sentences(code, 8), FAMILIES["gemma3"].paths, "mean")[site.path][units[0]]
        np.testing.assert_allclose(row, slow, rtol=1e-4, atol=1e-5)

    for entry in engine.store.entries():
        if entry.stage == "responses":
            engine.store.remove(entry)
    assert engine.answer_known(experiment, experts.read) is not None
    assert engine.answer_known(experiment, ask) is None
    np.testing.assert_array_equal(engine.answer(experiment, ask), found)


def test_a_neuron_that_the_model_has_not_is_refused(engine: Engine, tiny: tuple[Path, Experiment]) -> None:
    engine.answer(tiny[1], experts.read)
    with pytest.raises(SettingError, match="numbered from 0"):
        engine.answer(tiny[1], lambda run: experts.responses(run, 10**6))
