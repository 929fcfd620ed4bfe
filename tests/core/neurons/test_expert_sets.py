"""Experts of several languages together, against the sets of each language alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from core.cli import options
from core.cli.main import parser
from core.errors import SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.neurons.selection import EXPERT_SETS, HELD_AT
from core.pipeline.engine import Engine
from core.pipeline.run import Run

TARGETS = ("ja", "en", "de")


@pytest.fixture
def several(asked: Experiment) -> Experiment:
    """Three of the four probe languages held together."""
    return replace(asked, experts=150, targets=("en", "de"))  # of so many, some are shared


def wanted(combine: str, sets: list[set[int]]) -> set[int]:
    first, *others = sets
    if combine == "union":
        return first.union(*others)
    if combine == "intersection":
        return first.intersection(*others)
    if combine == "difference":
        return first.difference(*others)
    return {neuron for neuron in first.union(*others) if sum(neuron in one for one in sets) == 1}


@pytest.mark.parametrize("held_at", HELD_AT)
@pytest.mark.parametrize("combine", EXPERT_SETS)
def test_sets_and_values_equal_those_of_single_languages(
    combine: str, held_at: str, several: Experiment, engine: Engine
) -> None:
    bound, experts = engine.experts(replace(several, combine=combine, held_at=held_at))
    assert bound.targets == TARGETS
    alone = {code: engine.experts(replace(several, targets=None, target=code))[1] for code in TARGETS}
    sets = [set(alone[code].neurons.tolist()) for code in TARGETS]
    assert set(experts.neurons.tolist()) == wanted(combine, sets)
    assert (np.diff(experts.scores) <= 0).all()
    means = engine.answer(several, lambda run: (run.experts(), run.stages.expertise())[1])
    for neuron, score, value in zip(experts.neurons, experts.scores, experts.values, strict=True):
        its = [code for code, members in zip(TARGETS, sets, strict=True) if neuron in members]
        over = its if held_at == "own" else TARGETS
        mean = np.mean([float(means.means[means.languages.index(code), neuron]) for code in over])
        assert math.isclose(value, mean, rel_tol=1e-5, abs_tol=1e-6)
        assert score == max(means.scores[means.languages.index(code), neuron] for code in its)


def test_what_is_written_goes_by_all_sentences_of_the_targets(several: Experiment, engine: Engine) -> None:
    several = replace(several, strength=1.0)

    def build(run: Run) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        built = run.stages.intervention(run.experts())
        responses = run.stages.responses_of(built.neurons)
        return built.neurons, built.shift, dict(zip(run.plan.probe.languages, responses, strict=True))

    neurons, shift, responses = engine.answer(replace(several, method="set-median", held_at="joint"), build)
    medians = np.median(np.concatenate([responses[code] for code in TARGETS], axis=1), axis=1)
    unused = "has one value over the sentences of all targets"
    for held_at, is_said in (("own", True), ("joint", False)):
        notes = plan(replace(several, method="set-median", held_at=held_at)).notes
        assert any(unused in note for note in notes) == is_said
    np.testing.assert_allclose(shift, medians, rtol=1e-4, atol=1e-5)
    again, shift, responses = engine.answer(replace(several, method="additive", held_at="joint"), build)
    np.testing.assert_array_equal(again, neurons)
    joint = np.mean([responses[code].mean(1) for code in TARGETS], axis=0)
    np.testing.assert_allclose(shift, joint - responses["es"].mean(1), rtol=1e-3, atol=1e-4)
    assert engine.run(replace(several, targets=("all",), method="set-mean")).experts.neurons.size


def test_families_and_all_stand_for_their_members(asked: Experiment) -> None:
    free = replace(asked, probe_languages=None)
    assert plan(replace(free, targets=("Germanic",))).targets == ("ja", "en", "de")
    assert plan(replace(free, targets=("indo-european",))).targets == ("ja", "en", "de", "es", "ru")
    everyone = plan(replace(free, targets=("all",)))
    assert set(everyone.targets) == set(everyone.probe.languages) == {"ja", "en", "de", "es", "ru"}
    assert plan(replace(free, targets=("ja",))).targets == ()
    assert plan(everyone.experiment) == everyone


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"targets": ("Uralic",)}, "have none of them"),
        ({"targets": ("fr",)}, "probe sentences of .* are in"),
        ({"targets": ("all",), "method": "additive"}, "none is left"),
        ({"targets": ("en",), "method": "recover"}, "--targets or --method recover"),
        ({"targets": ("en",), "experts_from": "experts.csv"}, "a file names its experts"),
        ({"targets": ("en",), "combine": "xor"}, "union or intersection"),
    ],
)
def test_what_cannot_be_held_together_is_refused(changes: dict[str, object], words: str, asked: Experiment) -> None:
    with pytest.raises(SettingError, match=words):
        plan(replace(asked, probe_languages=None, **changes))  # type: ignore[arg-type]


def test_no_common_expert_is_said_in_words(asked: Experiment, engine: Engine) -> None:
    with pytest.raises(SettingError, match=r"no neuron is left.*--combine union"):
        engine.experts(replace(asked, experts=1, targets=("en", "de"), combine="intersection"))


def test_the_command_line_splits_targets() -> None:
    arguments = parser().parse_args(["run", "--target", "es,fr,it", "--held-at", "joint"])
    experiment = options.experiment(arguments)
    assert (experiment.target, experiment.targets) == ("es", ("es", "fr", "it"))
    assert experiment.held_at == "joint"
