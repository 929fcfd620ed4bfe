"""What is measured of one target's two spaces."""

from __future__ import annotations

import numpy as np
import pytest

from core.reproduction import measures


@pytest.mark.parametrize(("n", "seed"), [(7, 0), (30, 1)])
def test_each_sentences_distances(n: int, seed: int) -> None:
    space = np.random.default_rng(seed).normal(size=(4, n, 5)).astype(np.float32)
    everyone, to_target = measures.sentence_distances(space, 2)
    for row in range(n):
        unit = [v[row] / np.linalg.norm(v[row]) for v in space.astype(float)]
        apart = {(a, b): 1 - unit[a] @ unit[b] for a in range(4) for b in range(a)}
        assert everyone[row] == pytest.approx(np.mean(list(apart.values())), abs=1e-6)
        assert to_target[row] == pytest.approx(np.mean([v for k, v in apart.items() if 2 in k]), abs=1e-6)
