"""The neurons that the core finds are those that a person finds who reads the architecture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from core.errors import ModelError, SettingError
from core.models import LoadedModel
from core.neurons import NeuronMap, Site, find_blocks, find_neurons
from tests.core.tiny import FAMILIES, HIDDEN, INNER, N_LAYERS

widths = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def neuron_map(sizes: list[int]) -> NeuronMap:
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).tolist()
    return NeuronMap(
        tuple(
            Site(i // 2, f"site{i % 2}", f"blocks.{i}", w, s)
            for i, (w, s) in enumerate(zip(sizes, starts, strict=True))
        )
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_sites_are_those_of_the_architecture(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model, known = tiny_models[family], FAMILIES[family]
    expected = [
        (layer, name.removeprefix("mlp."), f"{known.stack}.{layer}.{name}", width)
        for layer in range(N_LAYERS)
        for name, width in known.sites
    ]
    assert [(s.layer, s.name, s.path, s.width) for s in model.neurons.sites] == expected
    assert model.neurons.total == N_LAYERS * sum(width for _, width in known.sites)
    assert model.neurons.n_layers == N_LAYERS


@pytest.mark.parametrize("family", FAMILIES)
def test_every_mlp_module_is_a_site_and_no_other(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    leaves = {
        path
        for path, module in model.base.named_modules()
        if ".mlp." in path and any(p.dim() == 2 for p in module.parameters(recurse=False))
    }
    assert {site.path for site in model.neurons.sites} == leaves


@pytest.mark.parametrize("family", FAMILIES)
def test_widths_are_those_of_the_outputs(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    seen: dict[str, int] = {}
    handles = [
        module.register_forward_hook(lambda _m, _a, out, path=path: seen.__setitem__(path, out.shape[-1]))
        for path, module in model.base.named_modules()
        if path in FAMILIES[family].paths
    ]
    with model.lock, torch.no_grad():
        model.base(input_ids=torch.tensor([[5, 6, 7]]))
    for handle in handles:
        handle.remove()
    assert seen == {site.path: site.width for site in model.neurons.sites}


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (
            lambda: OPTForCausalLM(
                OPTConfig(
                    vocab_size=50,
                    hidden_size=HIDDEN,
                    ffn_dim=INNER,
                    num_hidden_layers=2,
                    num_attention_heads=4,
                    word_embed_proj_dim=HIDDEN,
                )
            ),
            {"decoder.layers.0.fc1", "decoder.layers.0.fc2", "decoder.layers.1.fc1", "decoder.layers.1.fc2"},
        ),
        (
            lambda: Qwen3ForCausalLM(
                Qwen3Config(
                    vocab_size=50,
                    hidden_size=HIDDEN,
                    intermediate_size=INNER,
                    num_hidden_layers=1,
                    num_attention_heads=4,
                    num_key_value_heads=2,
                    head_dim=8,
                )
            ),
            {"layers.0.mlp.gate_proj", "layers.0.mlp.up_proj", "layers.0.mlp.down_proj"},
        ),
    ],
    ids=["opt", "qwen3"],
)
def test_sites_of_other_families_without_memory_for_weights(made, names: set[str]) -> None:
    with torch.device("meta"):
        lm = made()
    assert {site.path for site in find_neurons(lm.base_model, lm.config.num_hidden_layers).sites} == names


def test_same_last_name_twice_in_a_block_gives_full_names() -> None:
    block = nn.Module()
    block.first, block.second = nn.Sequential(nn.Linear(4, 6)), nn.Sequential(nn.Linear(6, 4))
    base = nn.Module()
    base.layers = nn.ModuleList([block])
    assert [(s.name, s.path) for s in find_neurons(base, 1).sites] == [
        ("first.0", "layers.0.first.0"),
        ("second.0", "layers.0.second.0"),
    ]


def test_the_outermost_list_of_the_right_length_is_the_stack() -> None:
    inner = nn.Module()
    inner.experts = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    base = nn.Module()
    base.short = nn.ModuleList([nn.Linear(4, 4)])
    base.norms = nn.ModuleList([nn.LayerNorm(4), nn.LayerNorm(4)])
    base.layers = nn.ModuleList([inner, nn.Linear(4, 4)])
    assert find_blocks(base, 2) == ("layers", base.layers)


@given(widths)
def test_index_is_a_bijection(sizes: list[int]) -> None:
    found = neuron_map(sizes)
    everything = [(site, unit) for site in found.sites for unit in range(site.width)]
    assert found.total == len(everything) == sum(sizes)
    table = found.table(np.arange(found.total))
    assert table["neuron"].tolist() == list(range(found.total))
    assert list(zip(table["layer"], table["site"], table["unit"], strict=True)) == [
        (site.layer, site.name, unit) for site, unit in everything
    ]


@given(widths, st.data())
def test_by_site_covers_each_position_once(sizes: list[int], data: st.DataObject) -> None:
    found = neuron_map(sizes)
    asked = np.array(data.draw(st.lists(st.integers(0, found.total - 1), max_size=20)), dtype=np.int64)
    back = np.full(len(asked), -1)
    for site, units, positions in found.by_site(asked):
        assert ((units >= 0) & (units < site.width)).all()
        assert (back[positions] == -1).all()
        back[positions] = site.start + units
    np.testing.assert_array_equal(back, asked)


@given(widths, st.data())
def test_outside_the_model_is_refused(sizes: list[int], data: st.DataObject) -> None:
    found = neuron_map(sizes)
    bad = data.draw(st.integers(-100, -1) | st.integers(found.total, found.total + 100))
    with pytest.raises(SettingError) as caught:
        list(found.by_site(np.array([0, bad])))
    assert str(bad) in caught.value.what
    assert str(found.total) in caught.value.why
    assert str(found.total - 1) in caught.value.instead
    with pytest.raises(SettingError):
        found.table(np.array([bad]))


def refusal(base: nn.Module, n_layers: int) -> ModelError:
    with pytest.raises(ModelError) as caught:
        find_neurons(base, n_layers)
    assert caught.value.what
    assert caught.value.why
    assert caught.value.instead
    return caught.value


def test_blocks_without_an_mlp_are_refused() -> None:
    block = nn.Module()
    block.self_attn = nn.Module()
    block.self_attn.q_proj = nn.Linear(4, 4)
    base = nn.Module()
    base.layers = nn.ModuleList([block])
    error = refusal(base, 1)
    assert "find the MLP neurons" in error.what
    assert "no linear map outside its attention" in error.why
    assert "hold an MLP" in error.instead


def test_fused_experts_are_refused() -> None:
    config = MixtralConfig(
        vocab_size=50,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=3,
    )
    with torch.device("meta"):
        base = MixtralForCausalLM(config).base_model
    assert any(p.dim() == 3 for p in base.parameters())
    error = refusal(base, 2)
    assert "MixtralDecoderLayer" in error.what
    assert "experts are fused" in error.why
    assert "dense model" in error.instead


def test_no_stack_of_blocks_is_refused() -> None:
    base = nn.Module()
    base.layers = nn.ModuleList([nn.Linear(2, 2)])
    error = refusal(base, 5)
    assert "the 5 layers" in error.why
    assert "layers" in error.why
    assert refusal(nn.Linear(2, 2), 1).why.count("it has none") == 1


def test_a_state_space_model_is_refused_for_what_it_is() -> None:
    config = AutoConfig.for_model("mamba", vocab_size=50, hidden_size=HIDDEN, num_hidden_layers=2)
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(config).base_model
    error = refusal(base, 2)
    assert "experts" not in error.why
    assert "convolution (mixer.conv1d)" in error.why
    assert "transformer" in error.instead
