"""Neighbours against a plain loop over cosines."""

from __future__ import annotations

import numpy as np
import pytest

from core.spaces.neighbours import nearest
from core.spaces.similarity import COSINE


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(2)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_nearest_by_cosine_in_order(random: np.random.Generator) -> None:
    query, candidates = random.normal(size=6).astype(np.float32), random.normal(size=(20, 6)).astype(np.float32)
    found = nearest(COSINE.of_row(query[None], candidates, 0), row=7, k=4)
    order = sorted(range(20), key=lambda i: -cosine(query, candidates[i]))
    assert found.rows.tolist() == order[:4]
    assert found.similarity == pytest.approx([cosine(query, candidates[i]) for i in order[:4]], abs=1e-6)
    assert found.own_rank == order.index(7) + 1
    assert found.own_similarity == pytest.approx(cosine(query, candidates[7]), abs=1e-6)


def test_of_equal_candidates_the_first_is_nearer() -> None:
    found = nearest(np.ones(5, dtype=np.float32), row=3, k=5)
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    assert found.own_rank == 4
