"""Paraphrase retrieval is what plain loops give."""

from __future__ import annotations

import numpy as np
import pytest

from core.pipeline.engine import Engine
from core.reproduction.items.paraphrase import paraphrases, rows_of
from core.reproduction.settings import Settings
from core.store.store import Store
from tests.helpers import slow_reproduction as slow
from tests.helpers.tiny import sentences


def test_paraphrases(asked_settings: Settings, slows: dict[str, slow.SlowReproduction], store: Store) -> None:
    first, second = sentences("es", 8, 30), sentences("de", 8, 30)  # any two lists will do
    experiment = asked_settings.experiment("es")
    by_way = Engine(store).answer(experiment, lambda run: paraphrases(run, (first, second)))
    assert {metric for metric, _ in by_way} == {"cosine", "centred", "csls"}
    for (metric, layer), hits in by_way.items():
        expected = slow_paraphrases(*slows["es"].spaces([first, second], layer), metric)
        assert {name: found.tolist() for name, found in hits.items()} == expected, (metric, layer)
        for row in rows_of(hits):
            found = expected[row["comparison"]]
            assert row["top1"] == pytest.approx(np.mean(found))
            assert (row["low"], row["high"]) == pytest.approx(slow.wilson(sum(found), 8))
            if row["comparison"] != "pre":
                assert row["p"] == pytest.approx(slow.mcnemar(expected["pre"], found))


def slow_paraphrases(pre: np.ndarray, post: np.ndarray, metric: str) -> dict[str, list[bool]]:
    """Both sides of the pairs, before and after: centred, each space by the mean of both its sides together."""
    if metric == "centred":
        pre, post = (space - space.reshape(-1, space.shape[-1]).mean(axis=0) for space in (pre, post))
    by = "cosine" if metric == "centred" else metric
    return {
        "pre": slow.hits(pre[0], pre[1], by),
        "post": slow.hits(post[0], post[1], by),
        "mixed": slow.hits(pre[0], post[1], by),
    }
