"""The affine rewrite: its formula, its identity, its digest, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingError
from core.neurons.interventions import Intervention
from tests.helpers.passes import set_value

numbers = st.floats(-1e6, 1e6, width=32)


@given(st.lists(numbers, min_size=1, max_size=5), numbers, st.floats(-3, 3))
def test_set_value_is_the_formula(values: list[float], z: float, strength: float) -> None:
    asked = set_value(np.arange(len(values)), np.array(values), strength)
    expected = (1 - strength) * z + strength * np.array(values)
    scale = 1 + abs(z) + np.abs(values).max()
    np.testing.assert_allclose(asked.scale.astype(float) * z + asked.shift, expected, atol=1e-6 * scale)


def test_only_strength_0_is_the_identity() -> None:
    neurons, values = np.array([4, 2]), np.array([0.5, -1.0])
    assert set_value(neurons, values, 0.0).is_identity
    assert set_value(neurons, values, -0.0).is_identity
    for strength in (1e-3, 0.5, 1.0, -1.0, 2.0):
        assert not set_value(neurons, values, strength).is_identity


def test_the_digest_tells_interventions_apart() -> None:
    def digest(neurons: list[int], values: list[float], strength: float) -> str:
        return set_value(np.array(neurons), np.array(values), strength).digest

    first = digest([1, 2], [0.5, 1.5], 1.0)
    assert first == digest([1, 2], [0.5, 1.5], 1.0)
    others = [digest([1, 3], [0.5, 1.5], 1.0), digest([1, 2], [0.5, 1.6], 1.0), digest([1, 2], [0.5, 1.5], 0.9)]
    assert len({first, *others}) == 4


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), -float("inf"), 1e39])
def test_a_strength_that_is_no_number_is_refused(strength: float) -> None:
    with pytest.raises(SettingError) as caught:
        set_value(np.array([1]), np.array([1.0]), strength)
    assert str(strength) in caught.value.what
    assert caught.value.why
    assert caught.value.instead


@pytest.mark.parametrize(
    ("neurons", "scale", "shift", "why"),
    [
        ([1, 1], [1, 1], [0, 0], "named twice"),
        ([1, 2], [1], [0, 0], "one scale and one shift a neuron"),
        ([1], [np.nan], [0], "must be finite"),
        ([1], [1], [np.inf], "must be finite"),
    ],
    ids=["twice", "shapes", "nan", "infinite"],
)
def test_an_impossible_intervention_is_refused(
    neurons: list[int], scale: list[float], shift: list[float], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Intervention(np.array(neurons), np.array(scale, dtype=np.float32), np.array(shift, dtype=np.float32))
