"""Chosen pairs alone: their ranks, their meanings and every layer, against the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from core.analyses import translation_ranks
from core.analyses.chosen_pairs import ChosenSentences, by_layer, meanings_of, ranks_of
from core.analyses.translation_ranks import Ranks
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.spaces.retrieval import correct
from core.spaces.similarity import CENTRED


def mask(n: int, *rows: int) -> np.ndarray:
    return np.isin(np.arange(n), rows)


def test_a_pair_counts_where_either_sentence_is_chosen_and_a_language_without_any_is_left_out() -> None:
    first = {"ja": mask(4, 0), "en": mask(4, 2), "de": mask(4)}
    second = {"ja": mask(3), "en": mask(3, 1), "fr": mask(3)}
    chosen = ChosenSentences([first, second])
    assert chosen.counts == {"en": 2, "ja": 1}
    assert [rows.tolist() for rows in chosen.meanings] == [[True, False, True, False], [False, True, False]]
    arrays = [np.arange(4), 10 + np.arange(4), 20 + np.arange(3), 30 + np.arange(3)]
    ranks = Ranks(2, ((0, "en"), (0, "de"), (1, "en"), (1, "fr")), {("cosine", "from"): arrays})
    found = ranks_of(ranks, "ja", chosen)
    assert found.candidates == ((0, "en"), (0, "de"), (1, "en"))
    assert found.of("en").tolist() == [0, 2, 21]
    assert found.of("de").tolist() == [10]
    assert meanings_of(ranks, "ja", chosen).tolist() == [0, 2, 0, 5]


def test_every_layer_of_chosen_pairs_is_retrievals(asked: Experiment, engine: Engine) -> None:
    result = engine.run(asked)
    (group,), target = result.plan.groups, result.plan.target
    n = len(group)
    chosen = ChosenSentences(
        [{code: mask(n, *range(0, n, 2)) if code == "en" else mask(n) for code in group.languages}]
    )
    found = engine.answer_known(asked, lambda run: by_layer(run, chosen))  # nothing is embedded for it
    assert found is not None

    def spaces(run: Run) -> list[list[np.ndarray]]:
        _, intervention = run.spaces()
        layers = range(run.plan.outline.n_layers + 1)
        return [[run.stages.embeddings(0, of, layer) for layer in layers] for of in (None, intervention)]

    at, to = group.languages.index(target), group.languages.index("en")
    for end, by_layers in zip(("pre", "post"), engine.answer(asked, spaces), strict=True):
        for layer, space in enumerate(by_layers):
            assert found[f"top1_{end}"][layer] == correct(space)[at, to, ::2].mean()
            assert found[f"centred_{end}"][layer] == correct(space, CENTRED)[at, to, ::2].mean()
    assert set(found["n"]) == {len(range(0, n, 2))}
    ranks = engine.answer(asked, translation_ranks.both)[1]
    last = ranks_of(ranks, target, chosen).of("en")
    assert found["top1_post"][result.plan.layer] == pytest.approx((last == 1).mean())
