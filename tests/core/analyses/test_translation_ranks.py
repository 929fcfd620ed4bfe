"""Ranks and CSLS against plain loops; the stage against retrieval on the same spaces."""

from __future__ import annotations

import numpy as np
import pytest

from core.analyses import translation_ranks
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.spaces import retrieval
from core.spaces.similarity import csls

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("levels", [3, 10**6])
def test_ranks_are_a_plain_loops(levels: int) -> None:
    similarity = (RANDOM.integers(levels, size=(17, 17)) / levels).astype(np.float32)  # few levels: many ties
    for query, found in enumerate(retrieval.ranks(similarity)):
        order = sorted(range(17), key=lambda c, q=query: (-similarity[q, c], c))
        assert found == order.index(query) + 1


def test_csls_is_a_plain_loops() -> None:
    similarity = RANDOM.normal(size=(9, 9)).astype(np.float32)
    found = csls(similarity, k=4)
    for query in range(9):
        for candidate in range(9):
            near = np.sort(similarity[query])[-4:].mean() + np.sort(similarity[:, candidate])[-4:].mean()
            assert found[query, candidate] == pytest.approx(2 * similarity[query, candidate] - near, abs=1e-5)


def test_csls_with_fewer_sentences_than_neighbours() -> None:
    similarity = RANDOM.normal(size=(3, 3)).astype(np.float32)
    np.testing.assert_allclose(csls(similarity, k=10), csls(similarity, k=3))


def test_hits_and_reciprocal_ranks() -> None:
    found = np.array([1, 2, 5, 6], dtype=np.int32)
    assert retrieval.hits_at(found, 5).tolist() == [True, True, True, False]
    assert retrieval.reciprocal(found).tolist() == [1, 0.5, 0.2, 1 / 6]


def test_the_stage_agrees_with_retrieval_in_both_spaces_and_directions(asked: Experiment, engine: Engine) -> None:
    result = engine.run(asked)
    assert engine.answer_known(asked, translation_ranks.both) is not None  # the spaces are there: nothing is embedded
    pairs = result.pairs.set_index(["query", "candidate"])
    for name, found in zip(("pre", "post"), engine.answer(asked, translation_ranks.both), strict=True):
        for code in result.plan.candidates:
            for direction, pair in (("from", (asked.target, code)), ("to", (code, asked.target))):
                hits = retrieval.hits_at(found.of(code, "cosine", direction), 1)
                assert hits.mean() == pytest.approx(pairs.loc[pair, f"top1_{name}"])
                centred = retrieval.hits_at(found.of(code, "centred", direction), 1)
                assert centred.mean() == pytest.approx(pairs.loc[pair, f"centred_{name}"])


def test_ranks_at_another_layer(asked: Experiment, engine: Engine) -> None:
    result = engine.run(asked)
    layer = result.best_layer[0]
    found = engine.answer(asked, lambda run: translation_ranks.target_ranks(run, None, layer))
    means = [retrieval.hits_at(found.of(code), 1).mean() for code in result.plan.candidates]
    assert np.mean(means) == pytest.approx(result.best_layer[1].pre)


def test_nothing_is_ranked_before_the_spaces_are_embedded(asked: Experiment, engine: Engine) -> None:
    assert engine.answer_known(asked, translation_ranks.both) is None
    assert not engine.store.root.joinpath("embeddings").exists()


def test_a_collapsed_space_ranks_by_row() -> None:
    same = np.ones((4, 4), dtype=np.float32)
    assert retrieval.ranks(same).tolist() == [1, 2, 3, 4]
    space = np.ones((2, 4, 3), dtype=np.float32)
    assert (retrieval.ranks(same) == 1).tolist() == retrieval.correct(space)[0, 1].tolist()
