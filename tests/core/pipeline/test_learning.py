"""A learned method as a stage: learned once for a set of experts, kept, mixed by the strength, refused early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.neurons.interventions import Intervention
from core.pipeline.engine import Engine
from core.pipeline.learning import _spec as learned_spec
from core.pipeline.run import Run


def built(engine: Engine, asked: Experiment) -> Intervention:
    return engine.answer(asked, lambda run: run.stages.intervention(run.experts()))


def test_it_is_learned_once_and_its_strength_is_free(asked: Experiment, engine: Engine) -> None:
    asked = replace(asked, method="lineas", strength=1.0)
    assert engine.estimate(asked)["learn"] > 0
    assert engine.known(asked) is None
    result = engine.run(asked)
    assert "learn" in result.computed
    assert result.seconds["learn"] > 0
    half, control = replace(asked, strength=0.5), replace(asked, control="random")
    for other in (half, control, replace(asked, strength=0.0)):
        assert engine.estimate(other)["learn"] == 0
        assert "learn" not in engine.run(other).computed
    full, halved, moved = built(engine, asked), built(engine, half), built(engine, control)
    assert (full.scale != 1).any()
    np.testing.assert_allclose(halved.scale, 0.5 + 0.5 * full.scale, rtol=1e-6)
    np.testing.assert_allclose(halved.shift, 0.5 * full.shift, rtol=1e-6)
    np.testing.assert_array_equal(moved.shift, full.shift)
    assert engine.known(asked) is not None
    for change in ({"seed": 6}, {"tokens": "last"}, {"experts": 20}):
        assert engine.estimate(replace(asked, **change))["learn"] > 0  # type: ignore[arg-type]
    for entry in engine.store.entries():
        if entry.stage == "learned-map":
            engine.store.remove(entry)
    assert engine.known(asked) is None
    assert built(engine, asked).digest == full.digest  # learned again, it is the same


def test_it_brings_responses_near_those_to_the_target(asked: Experiment, engine: Engine) -> None:
    asked = replace(asked, method="lineas", strength=1.0)

    def facts(run: Run) -> dict[str, float]:
        run.stages.intervention(run.experts())
        (kept,) = (entry for entry in run.stages.store.entries() if entry.stage == "learned-map")
        return {name: float(str(kept.facts[name])) for name in ("before", "after")}

    found = engine.answer(asked, facts)
    assert found["after"] < 0.7 * found["before"]


def test_its_sentences_steps_and_penalty_are_settings(asked: Experiment, engine: Engine) -> None:
    asked = replace(asked, method="lineas")

    def learning(run: Run) -> object:
        return learned_spec(run.stages, run.experts().neurons)["learning"]

    # What learned before these were settings is still found.
    assert engine.answer(asked, learning) == {"sentences": 64, "steps": 20, "rate": 0.2, "penalty": 0.2}
    few = engine.answer(replace(asked, learning_sentences=32), learning)
    assert few == {"sentences": 32, "steps": 20, "rate": 0.2, "penalty": 0.2}
    short = replace(asked, learning_steps=3)
    changed = [int((built(engine, replace(short, learning_penalty=p)).scale != 1).sum()) for p in (0.0, 1.5, 1e6)]
    assert changed[0] == short.experts > changed[1] > changed[2] == 0
    passed = [engine.estimate(replace(asked, learning_steps=steps))["learn"] for steps in (10, 20)]
    assert 1.5 < passed[1] / passed[0] < 2
    assert engine.estimate(replace(short, learning_penalty=0))["learn"] == 0  # 0 and 0.0 are one


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("learning_sentences", 31, r"learning sentences 31.*whole number from 32 to 200"),
        ("learning_sentences", 201, r"whole number from 32 to 200"),
        ("learning_steps", 0, r"learning steps 0.*whole number from 1 to 1000"),
        ("learning_steps", 1001, r"whole number from 1 to 1000"),
        ("learning_penalty", -0.1, r"learning penalty -0\.1.*Use a number from 0 on"),
        ("learning_penalty", float("nan"), r"learning penalty nan"),
    ],
)
def test_bad_values_are_refused(asked: Experiment, setting: str, value: float, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        plan(replace(asked, method="lineas", **{setting: value}))  # type: ignore[arg-type]


def test_packed_weights_are_refused_before_any_work(asked: Experiment) -> None:
    with pytest.raises(SettingError, match=r"lineas.*int4.*gradient.*linear-act"):
        plan(replace(asked, method="lineas", dtype="int4"))
