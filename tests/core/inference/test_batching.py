"""Sentences become the tokenizer's tokens, and batches that waste least."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CorpusError
from core.inference.batching import padded, plan_batches, tokenise
from core.inference.forward import forward
from core.models.load import load
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store
from tests.helpers.passes import TEXTS
from tests.helpers.tiny import FAMILIES, Plain, make_word_tokenizer, save_tiny, sentences

# -- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_the_tokenizers_and_bos_does_not_count(
    family: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    tokens = tokenise(tiny_models[family], TEXTS)
    assert [list(ids) for ids in tokens.ids] == [plain_models[family].ids(text)[0].tolist() for text in TEXTS]
    for ids, counted in zip(tokens.ids, tokens.counted, strict=True):
        assert list(counted) == [token != 1 for token in ids]  # 1 is BOS
        assert (ids[0] == 1) == FAMILIES[family].bos
    assert tokens.n_tokens == sum(map(len, tokens.ids))
    assert tokens.cut == 0


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_long_sentences_are_cut_and_counted(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    bos = FAMILIES[family].bos
    # a letter before a space is one token of its own
    fits, long = "\n" * (64 - bos), "\n" * (65 - bos)
    tokens = tokenise(model, ["short", fits, long, long * 3])
    assert tokens.cut == 2
    assert [len(ids) for ids in tokens.ids[1:]] == [64, 64, 64]
    assert forward(model, tokens, embeddings=True).embeddings is not None


def test_a_sentence_without_tokens_is_refused(tiny_models: Mapping[str, LoadedModel]) -> None:
    for family in ("llama", "gpt2"):
        with pytest.raises(CorpusError) as caught:
            tokenise(tiny_models[family], ["fine", ""])
        assert "sentence 2" in caught.value.what
        assert "no token" in caught.value.why
        assert caught.value.instead


def test_sentences_of_unknown_words_alone_are_counted(
    tmp_path: Path, store: Store, tiny_models: Mapping[str, LoadedModel]
) -> None:
    folder = save_tiny(tmp_path / "words", "llama")
    make_word_tokenizer(["en", "es"]).save_pretrained(folder)
    model = load(resolve(ModelSpec(str(folder), dtype="float32", device="cpu")), store)
    texts = [*sentences("en", 3), "Собака спит.", "Собака", "The Собака", *sentences("ja", 2)]
    tokens = tokenise(model, texts)
    assert [set(ids) == {1, 3} for ids in tokens.ids] == [False] * 3 + [True, True, False, True, True]
    assert tokens.unknown == 4
    assert tokens.facts == {"tokens": sum(map(len, tokens.ids)), "cut": 0, "unknown": 4}
    assert tokenise(tiny_models["llama"], texts).unknown == 0  # of bytes; it has no token for the unknown


# -- batches ---------------------------------------------------------------------------------------------------------


def padded_cost(lengths: list[int], batches: list[list[int]]) -> int:
    return sum(len(rows) * max(lengths[row] for row in rows) + 24 for rows in batches)


def cheapest(ordered: list[int], budget: int) -> int:
    """Cost of the best way to cut sorted lengths into batches within the budget, by trying them all."""
    best = None
    for cuts in range(1 << (len(ordered) - 1)):
        batches, start = [], 0
        for end in range(1, len(ordered) + 1):
            if end == len(ordered) or cuts >> (end - 1) & 1:
                batches.append(list(range(start, end)))
                start = end
        if all(len(rows) == 1 or len(rows) * ordered[rows[-1]] <= budget for rows in batches):
            cost = padded_cost(ordered, batches)
            best = cost if best is None else min(best, cost)
    assert best is not None
    return best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=9), st.integers(1, 300))
def test_batches_cost_no_more_than_the_best_of_all(lengths: list[int], budget: int) -> None:
    batches = [rows.tolist() for rows in plan_batches(lengths, budget)]
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= budget
    longest = [max(lengths[row] for row in rows) for rows in batches]
    assert longest == sorted(longest, reverse=True)
    assert padded_cost(lengths, batches) == cheapest(sorted(lengths), budget)


def test_weights_are_float32_while_another_thread_loads_a_model(tiny_models: Mapping[str, LoadedModel]) -> None:
    """Loading sets torch's default type for the whole process for as long as it takes."""
    tokens = tokenise(tiny_models["llama"], TEXTS)
    expected = padded(tokens, np.arange(len(TEXTS)), tiny_models["llama"]).weights
    torch.set_default_dtype(torch.bfloat16)
    try:
        weights = padded(tokens, np.arange(len(TEXTS)), tiny_models["llama"]).weights
    finally:
        torch.set_default_dtype(torch.float32)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, expected, rtol=0, atol=0)
