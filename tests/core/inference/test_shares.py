"""How batches are divided among ranks, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from core.inference.batching import TokenisedSentences
from core.inference.forward import ForwardResult
from core.inference.shares import Share, divide, passed
from core.neurons.neuron_map import NeuronMap

LENGTHS = (5, 3, 3, 9, 1, 4, 2)
BATCHES = tuple(np.array(rows) for rows in ([3], [0, 5], [1, 2], [6, 4]))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_every_batch_is_passed_once_and_all_ranks_pass_equally_often(count: int) -> None:
    division = divide(BATCHES, LENGTHS, count)
    passes = [
        [tuple(rows[places]) for places in batches]
        for rows, batches in zip(division.rows, division.batches, strict=True)
    ]
    assert {len(each) for each in passes} == {-(-len(BATCHES) // count)}
    counted = [
        batch
        for batches, tokens in zip(passes, division.n_tokens, strict=True)
        for batch, n_tokens in zip(batches, tokens, strict=True)
        if n_tokens == sum(LENGTHS[row] for row in batch)
    ]
    assert sorted(counted) == sorted(map(tuple, BATCHES))
    assert sum(sum(tokens) for tokens in division.n_tokens) == sum(LENGTHS)


@dataclass
class Echo:
    """Ranks whose numbers say which sentence they are of."""

    count: int

    def ask(self, requests: Sequence[Share], passed: Callable[[int], None]) -> list[Any]:
        """Answer with the first token of each sentence."""
        for rank, share in enumerate(requests):
            for _ in share.batches:
                passed(rank)
        return [
            [
                ForwardResult(
                    {"site": np.array([[ids[0] for ids in share.tokens.ids]], dtype=np.float16)},
                    np.array([[[ids[0]] for ids in share.tokens.ids]], dtype=np.float32),
                )
            ]
            for share in requests
        ]

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_what_ranks_give_comes_in_the_order_of_the_sentences(count: int) -> None:
    ids = tuple((100 + number, *[0] * (length - 1)) for number, length in enumerate(LENGTHS))
    tokens = TokenisedSentences(ids, tuple((True,) * len(row) for row in ids), 0)
    told: list[int] = []
    (result,) = passed(Echo(count), Share(tokens, BATCHES, NeuronMap(())), told.append)
    np.testing.assert_array_equal(result.responses["site"][0], np.arange(100, 107))
    np.testing.assert_array_equal(result.embeddings[0, :, 0], np.arange(100, 107))
    assert sum(told) == sum(LENGTHS)
