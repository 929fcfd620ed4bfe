"""A sentence's neighbours in both spaces, against plain loops over the same embeddings."""

from __future__ import annotations

import pytest

from core.analyses.sentence_neighbours import of_sentence
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.spaces.similarity import COMPARISONS
from tests.helpers.slow_reproduction import adjusted_similarity, similarity


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_the_nearest_in_both_spaces_of_a_run(asked: Experiment, engine: Engine, comparison: str) -> None:
    result = engine.run(asked)
    found = engine.answer_known(asked, lambda run: of_sentence(run, 0, "en", 2, comparison, k=3))
    assert found is not None
    slow = {"cosine": similarity, "centred": similarity, "csls": adjusted_similarity}
    assert set(found.found) == set(result.plan.languages) - {"en"}

    def spaces(run):
        _, intervention = run.spaces()
        return [run.stages.embeddings(0, which, run.plan.layer) for which in (None, intervention)]

    for number, space in enumerate(engine.answer(asked, spaces)):
        moved = space - space.mean(axis=1, keepdims=True) if comparison == "centred" else space
        english = moved[result.plan.languages.index("en")]
        for code, pair in found.found.items():
            table = slow[comparison](english, moved[result.plan.languages.index(code)])
            order = sorted(range(len(table)), key=lambda i: -table[2, i])
            assert pair[number].own_rank == order.index(2) + 1
            assert pair[number].rows.tolist() == order[:3]
            assert pair[number].own_similarity == pytest.approx(table[2, 2], abs=1e-5)
