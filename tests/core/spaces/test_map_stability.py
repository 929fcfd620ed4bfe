"""A movement is told from a refit's noise, on constructed movements."""

from __future__ import annotations

import numpy as np
import pytest

from core.spaces import map_stability


def turned(points: np.ndarray) -> np.ndarray:
    """The same points mirrored, turned, scaled and shifted: a refit may do all of that."""
    angle = 2.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return 1.7 * (points * [1, -1]) @ turn + [30.0, -4.0]


def test_laying_on_undoes_any_similarity() -> None:
    points = np.random.default_rng(1).normal(size=(40, 2))
    np.testing.assert_allclose(map_stability.laid_onto(turned(points), points), points, atol=1e-9)


def test_a_movement_is_told_from_a_refits_noise() -> None:
    rng = np.random.default_rng(2)
    pre = 10 * rng.normal(size=(300, 2))
    post = pre + np.array([3.0, 4.0])  # every sentence moves by five
    refit = [turned(side + rng.normal(scale=0.1, size=side.shape)) for side in (pre, post)]
    found = map_stability.compare(pre, post, *refit)
    assert found.moved == pytest.approx(5.0)
    assert found.noise == pytest.approx(0.1 * np.sqrt(2 * np.log(2)), rel=0.1)  # median of a Rayleigh distribution
    assert found.beyond == 1.0
    assert found.n == 300
    still = map_stability.compare(pre, pre + rng.normal(scale=0.001, size=pre.shape), *refit)
    assert still.moved < still.noise
    assert still.beyond == 0.0
