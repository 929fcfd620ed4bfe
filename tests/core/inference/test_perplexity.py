"""Perplexity against transformers' own loss, and under an intervention against a plain loop."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import ModelError, SettingError
from core.inference.perplexity import Perplexity, _windows, likelihoods
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention
from tests.helpers.passes import hooks, pull
from tests.helpers.tiny import FAMILIES, Plain, sentences

TEXTS = [*sentences("es", 3), *sentences("ja", 2)]


def perplexity(model: LoadedModel, texts: Sequence[str], intervention: Intervention | None = None) -> Perplexity:
    return likelihoods(model, texts, intervention=intervention).pooled


def _loss(plain: Plain, text: str) -> tuple[float, int]:
    ids = plain.ids(text)
    with torch.no_grad():
        return float(plain.lm(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1), ids.shape[1] - 1


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_loss_of_transformers(
    family: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    measured = likelihoods(tiny_models[family], TEXTS)
    losses, counts = zip(*(_loss(plain_models[family], text) for text in TEXTS), strict=True)
    assert measured.nll == pytest.approx(losses, rel=1e-4)
    assert measured.n_tokens.tolist() == list(counts)
    assert measured.pooled.n_texts == len(TEXTS)
    assert measured.pooled.value == pytest.approx(math.exp(sum(losses) / sum(counts)), rel=1e-4)


def test_strength_zero_is_the_model_itself(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["gemma3"]
    before = hooks(model)
    assert perplexity(model, TEXTS, intervention=pull(model, 0.0)) == perplexity(model, TEXTS)
    perplexity(model, TEXTS, intervention=pull(model, 1.0))
    assert hooks(model) == before


def test_under_an_intervention_equals_a_loop_over_tokens(
    tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    model, plain = tiny_models["llama"], plain_models["llama"]
    neuron = model.neurons.sites[1].start + 4
    site = model.neurons.sites[1].path

    def held(output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        output[..., 4] = 0.25 * output[..., 4] + 0.75 * 3.0
        return output

    total, n = 0.0, 0
    with plain.holding({site: held}), torch.no_grad():
        for text in TEXTS:
            ids = plain.ids(text)
            for at in range(1, ids.shape[1]):
                logits = plain.lm(input_ids=ids[:, :at]).logits[0, -1].double()
                total -= float(torch.log_softmax(logits, 0)[ids[0, at]])
                n += 1
    intervention = replace(
        pull(model, 1.0, [neuron]), scale=np.array([0.25], np.float32), shift=np.array([2.25], np.float32)
    )
    found = perplexity(model, TEXTS, intervention=intervention)
    assert found.n_tokens == n
    assert found.nll == pytest.approx(total, rel=1e-4)
    assert found.nll != pytest.approx(perplexity(model, TEXTS).nll, rel=1e-4)


@pytest.mark.parametrize("first", [(7,), (None,), (7, 100)])
@pytest.mark.parametrize(("length", "window", "stride"), [(1, 8, 4), (2, 8, 4), (8, 8, 4), (9, 8, 4), (50, 8, 7)])
def test_windows_predict_each_token_once(length: int, window: int, stride: int, first: tuple[int | None, ...]) -> None:
    ids = [7, *range(100, 99 + length)]
    predicted: list[int] = []
    for number, (body, count) in enumerate(_windows(ids, first, window, stride)):
        assert count < len(body) <= window
        assert first == (None,) or body[: len(first)] == ids[: len(first)]
        assert number == 0 or len(body) - count >= window // 2
        predicted += body[-count:]
    assert predicted == ids[len(first) :]


def test_a_text_longer_than_the_context_is_read_in_windows(tiny_models: Mapping[str, LoadedModel]) -> None:
    model, text = tiny_models["gpt2"], " ".join(sentences("en", 40))
    found = perplexity(model, [text])
    assert found.n_tokens == len(model.tokenizer(text)["input_ids"]) - 1 > model.context


def test_refuses_what_cannot_be(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    with pytest.raises(SettingError, match="no token to predict"):
        perplexity(model, [""])
    with pytest.raises(ModelError, match="not a causal language model"):
        perplexity(replace(model, generates=False), TEXTS)
    with pytest.raises(SettingError, match="last token"):
        perplexity(model, TEXTS, intervention=replace(pull(model, 1.0), tokens="last"))
    assert Perplexity(1e6, 1, 1).value == math.inf
