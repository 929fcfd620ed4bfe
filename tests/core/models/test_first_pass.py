"""A model whose modules do not give one row a token is refused from its config, before any weight is there."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, LlamaConfig

from core.models import architectures, first_pass
from core.models.loaded_model import LoadedModel
from core.neurons.neuron_map import NeuronMap
from core.neurons.sites import KINDS, find_neurons
from tests.helpers.families import COMMON, FAMILIES, N_LAYERS
from tests.helpers.refusals import refusal

CPU = torch.device("cpu")
_GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
_GEMMA = {"intermediate_size": [48, 48], "altup_num_inputs": 2, "laurel_rank": 4, "num_kv_shared_layers": 0, **_GROUPED}
_GEMMA |= {
    "hidden_size_per_layer_input": 8,
    "vocab_size_per_layer_input": 400,
    "activation_sparsity_pattern": [0.0, 0.0],
}
_GEMMA |= {"layer_types": ["sliding_attention", "full_attention"]}
_MOE = {"d_model": 32, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48}
_MOE |= {"encoder_layers": 2, "decoder_layers": 2, "decoder_ffn_dim": 48, "num_experts": 4, "encoder_sparse_step": 2}
REFUSED: Mapping[str, tuple[dict[str, Any], str]] = {
    "gemma3n_text": (_GEMMA, "hidden state at layer 0 has the shape (2,"),
    "llama4_text": (
        {"num_local_experts": 4, "intermediate_size_mlp": 48, **_GROUPED},
        "feed_forward.experts gives has the shape (24,",
    ),
    "nllb-moe": (_MOE, "its 4 experts (ffn.experts) are separate modules"),
    "xmod": ({"languages": ["en_XX", "de_DE"]}, "Input language unknown"),
}


def skeleton(kind: str, **settings: Any) -> tuple[architectures.BuiltModel, NeuronMap]:
    config = AutoConfig.for_model(kind, **{**COMMON, "vocab_size": 400, **settings})
    made = architectures.skeleton("it", architectures.recipe("it", config))
    return made, find_neurons(made.base, made.n_layers, KINDS)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_could_not_be_read_is_refused_from_the_config(kind: str) -> None:
    settings, reason = REFUSED[kind]

    def work() -> None:
        made, neurons = skeleton(kind, **settings)
        first_pass.check_skeleton("it", made.base, neurons)

    assert reason in refusal(work).why


@pytest.mark.parametrize("family", FAMILIES)
def test_what_can_be_read_passes_without_a_weight(family: str) -> None:
    made, neurons = skeleton(FAMILIES[family].kind, **FAMILIES[family].settings)
    assert first_pass.check_skeleton("it", made.base, neurons)
    assert {tensor.device.type for tensor in made.base.parameters()} == {"meta"}
    assert neurons.n_layers == N_LAYERS


class Model(nn.Module):
    """One block on real weights; ``spoil`` changes what its parts give."""

    def __init__(self, spoil: Any = None) -> None:
        super().__init__()
        self.config = LlamaConfig(hidden_size=4, num_attention_heads=1, num_hidden_layers=1)
        self.words = nn.Embedding(5, 4)
        self.layers = nn.ModuleList(
            [nn.ModuleDict({"attn": nn.ModuleDict({"o_proj": nn.Linear(4, 4)}), "up": nn.Linear(4, 4)})]
        )
        self.spoil = spoil or (lambda _: None)

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        return self.spoil(self) or self.forward_plain(input_ids)

    def forward_plain(self, input_ids: torch.Tensor) -> SimpleNamespace:
        first = self.words(input_ids)
        last = self.layers[0]["up"](self.layers[0]["attn"]["o_proj"](first))
        return SimpleNamespace(hidden_states=(first, last), last_hidden_state=last)


def states(*shapes: tuple[int, ...]) -> SimpleNamespace:
    made = tuple(torch.zeros(shape) for shape in shapes)
    return SimpleNamespace(hidden_states=made, last_hidden_state=made[-1] if made else None)


FLAT, NARROW = (2, 3, 4), (6, 4)
SPOILT = {
    "no states": (lambda _: states(), "gives 0 hidden states"),
    "too many states": (
        lambda _: states(FLAT, FLAT, FLAT),
        "gives 3 hidden states, where its 1 layers make 2",
    ),
    "flat states": (lambda _: states(FLAT, NARROW), "hidden state at layer 1 has the shape (6, 4)"),
    "scores alone": (
        lambda model: (
            model.forward_plain(torch.ones(2, 3).long()),
            SimpleNamespace(hidden_states=states(FLAT, FLAT).hidden_states),
        )[1],
        "a Model gives scores of tokens, and no last hidden state",
    ),
    "no token": (lambda _: states(FLAT, FLAT), "no token passes through layers.0.up"),
    "one sentence": (
        lambda model: (model.layers[0]["up"](torch.zeros(1, 3, 4)), states(FLAT, FLAT))[1],
        "what layers.0.up gives has the shape (1, 3, 4) for 2 sentences of 3 tokens",
    ),
    "an error": (lambda _: {}[1], "does not take them as tokens alone (1)"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_what_a_loaded_model_gives_is_looked_at(fault: str) -> None:
    spoil, reason = SPOILT[fault]
    model = Model(spoil)
    neurons = find_neurons(model, 1)
    first_pass.check("it", Model(), neurons, CPU)
    assert reason in refusal(lambda: first_pass.check("it", model, neurons, CPU)).why
    assert not model.layers[0]["up"]._forward_hooks


def test_a_loaded_model_passes(tiny_models: Mapping[str, LoadedModel]) -> None:
    for model in tiny_models.values():
        first_pass.check(model.name, model.base, model.neurons, CPU)
