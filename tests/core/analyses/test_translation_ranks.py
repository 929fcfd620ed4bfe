"""Ranks against retrieval on the same spaces."""

from __future__ import annotations

import numpy as np
import pytest

from core.analyses import translation_ranks
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.spaces import retrieval


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
