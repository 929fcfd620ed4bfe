"""Neighbours against a plain loop over cosines."""

from __future__ import annotations

import numpy as np
import pytest

from core.analyses.sentence_neighbours import COMPARISONS, of_sentence
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.spaces.neighbours import nearest

RANDOM = np.random.default_rng(2)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_nearest_by_cosine_in_order() -> None:
    query, candidates = RANDOM.normal(size=6).astype(np.float32), RANDOM.normal(size=(20, 6)).astype(np.float32)
    found = nearest(query, candidates, row=7, k=4)
    order = sorted(range(20), key=lambda i: -cosine(query, candidates[i]))
    assert found.rows.tolist() == order[:4]
    assert found.similarity == pytest.approx([cosine(query, candidates[i]) for i in order[:4]], abs=1e-6)
    assert found.own_rank == order.index(7) + 1
    assert found.own_similarity == pytest.approx(cosine(query, candidates[7]), abs=1e-6)


def test_of_equal_candidates_the_first_is_nearer() -> None:
    candidates = np.ones((5, 3), dtype=np.float32)
    found = nearest(np.ones(3, dtype=np.float32), candidates, row=3, k=5)
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    assert found.own_rank == 4


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_both_spaces_of_a_run(asked: Experiment, engine: Engine, comparison: str) -> None:
    result = engine.run(asked)
    found = engine.answer_known(asked, lambda run: of_sentence(run, 0, "en", 2, comparison, k=3))
    assert found is not None
    assert set(found.found) == set(result.plan.languages) - {"en"}

    def spaces(run):
        _, intervention = run.spaces()
        return [run.stages.embeddings(0, which, run.plan.layer) for which in (None, intervention)]

    for number, space in enumerate(engine.answer(asked, spaces)):
        moved = space - space.mean(axis=1, keepdims=True) if comparison == "centred" else space
        english = moved[result.plan.languages.index("en"), 2]
        for code, pair in found.found.items():
            candidates = moved[result.plan.languages.index(code)]
            order = sorted(range(len(candidates)), key=lambda i: -cosine(english, candidates[i]))
            assert pair[number].own_rank == order.index(2) + 1
            assert pair[number].rows.tolist() == order[:3]
