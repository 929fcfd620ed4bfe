"""The neurons that the core finds are those that a person finds who reads the architecture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

from core.errors import ModelError, SettingError
from core.models.loaded_model import LoadedModel
from core.neurons.neuron_map import NeuronMap, Site
from core.neurons.sites import KINDS, find_blocks, find_neurons
from tests.helpers.tiny import FAMILIES, HIDDEN, N_LAYERS

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


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.o_proj = nn.Linear(4, 4)
        self.gate = nn.Linear(4, 4)  # of the same width, and listed later


def model(**parts: nn.Module) -> nn.Module:
    """A model of one block with attention and the given parts; its hidden state has width 4."""
    block = nn.ModuleDict({"self_attn": Attention()} | parts)
    base = nn.Module()
    base.config = LlamaConfig(hidden_size=4, num_attention_heads=1)
    base.layers = nn.ModuleList([block])
    return base


def sites(base: nn.Module, *kinds: str) -> list[tuple[str, str, int]]:
    return [(site.name, site.path, site.width) for site in find_neurons(base, 1, kinds or ("mlp",)).sites]


def test_same_last_name_twice_in_a_block_gives_full_names() -> None:
    parts = {"first": nn.Sequential(nn.Linear(4, 6)), "second": nn.ModuleDict({"up": nn.Linear(4, 6)})}
    parts["third"] = nn.ModuleDict({"up": nn.Linear(4, 5)})
    assert sites(model(**parts)) == [
        ("first.0", "layers.0.first.0", 6),
        ("second.up", "layers.0.second.up", 6),
        ("third.up", "layers.0.third.up", 5),
    ]


def test_the_output_map_is_found_by_its_width_where_it_has_no_name() -> None:
    base = model(up=nn.Linear(4, 6))
    base.layers[0]["self_attn"] = nn.ModuleDict({"dense": nn.Linear(4, 4), "query_key_value": nn.Linear(4, 12)})
    assert sites(base, "attention") == [("self_attn.dense", "layers.0.self_attn.dense", 4)]


def test_kinds_come_in_forward_order_whatever_the_order_asked() -> None:
    base = model(up=nn.Linear(4, 6), down=nn.Linear(6, 4))
    attention, residual = ("self_attn.o_proj", "layers.0.self_attn.o_proj", 4), ("block", "layers.0", 4)
    mlp = [("up", "layers.0.up", 6), ("down", "layers.0.down", 4)]
    assert sites(base, "residual", "mlp", "attention") == [attention, *mlp, residual]
    assert sites(base, "residual") == [residual]
    assert sites(base, "attention") == [attention]
    found = find_neurons(base, 1, KINDS)
    assert [site.kind for site in found.sites] == ["attention", "mlp", "mlp", "residual"]
    assert [site.start for site in found.sites] == [0, 4, 10, 14]


@pytest.mark.parametrize("kinds", [("mpl",), (), ("mlp", "heads")])
def test_an_unknown_kind_is_refused(kinds: tuple[str, ...]) -> None:
    with pytest.raises(SettingError) as caught:
        find_neurons(model(up=nn.Linear(4, 6)), 1, kinds)
    assert all(repr(kind) in caught.value.what for kind in set(kinds) - set(KINDS))
    assert all(kind in caught.value.instead for kind in KINDS)


class Experts(nn.Module):
    def __init__(self, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))


FUSED = {"up": (3, 6, 4), "down": (3, 4, 6)}


@pytest.mark.parametrize(
    "router",
    [nn.Linear(4, 3), Experts(weight=(3, 4)), nn.Sequential(nn.Linear(4, 7), nn.Linear(7, 3))],
    ids=["linear", "parameter", "mlp"],
)
def test_experts_are_one_site_and_their_router_is_none(router: nn.Module) -> None:
    shared = nn.ModuleDict({"up": nn.Linear(4, 3), "down": nn.Linear(3, 4)})  # as wide as there are experts
    mlp = nn.ModuleDict({"router": router, "experts": Experts(**FUSED), "shared": shared, "gate": nn.Linear(4, 1)})
    assert sites(model(mlp=mlp)) == [
        ("experts", "layers.0.mlp.experts", 4),
        ("up", "layers.0.mlp.shared.up", 3),
        ("down", "layers.0.mlp.shared.down", 4),
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
    table = found.named(np.arange(found.total))
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
        found.named(np.array([bad]))


def refusal(base: nn.Module, n_layers: int) -> ModelError:
    with pytest.raises(ModelError) as caught:
        find_neurons(base, n_layers)
    assert caught.value.what
    assert caught.value.why
    assert caught.value.instead
    return caught.value


def test_blocks_without_an_mlp_are_refused() -> None:
    error = refusal(model(), 1)
    assert "find the neurons" in error.what
    assert "no linear map outside its attention" in error.why
    assert "an MLP in each block" in error.instead


def test_blocks_without_attention_are_refused() -> None:
    base = model(up=nn.Linear(4, 6), down=nn.Linear(6, 4))
    base.layers[0].pop("self_attn")
    error = refusal(base, 1)
    assert "none of its linear maps (up, down) is an attention's output map" in error.why
    assert "named after attention, with 4 outputs" in error.why
    assert "attention stands in a module of its own" in error.instead


def test_a_weight_that_no_hook_can_read_is_refused() -> None:
    error = refusal(model(up=nn.Linear(4, 6), mixer=Experts(weight=(6, 4))), 1)
    assert "mixer.weight is a weight of shape (6, 4)" in error.why
    assert "linear maps" in error.instead


def test_experts_that_are_modules_of_their_own_are_refused() -> None:
    def expert() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 4))

    for experts in (nn.ModuleList([expert() for _ in range(3)]), nn.ModuleDict({f"e{i}": expert() for i in range(3)})):
        error = refusal(model(moe=nn.ModuleDict({"gate": nn.Linear(4, 3), "experts": experts})), 1)
        assert "its 3 experts (moe.experts) are separate modules" in error.why
        assert "only the tokens that moe.gate sends to it" in error.why
        assert "dense model" in error.instead
    beside = nn.ModuleDict({"e0": expert(), "e1": expert(), "dropout": nn.Dropout()})
    error = refusal(model(moe=nn.ModuleDict({"gate": nn.Linear(4, 2), "experts": beside})), 1)
    assert "its 2 experts (moe.experts) are separate modules" in error.why
    # without anything that chooses, every part sees every token
    assert len(sites(model(ffn=nn.ModuleList([expert() for _ in range(3)])))) == 6


def test_maps_of_a_layer_s_own_embeddings_are_no_neurons_of_an_mlp() -> None:
    parts = {"up": nn.Linear(4, 6), "per_layer_input_gate": nn.Linear(4, 2), "per_layer_projection": nn.Linear(2, 4)}
    assert sites(model(**parts)) == [("up", "layers.0.up", 6)]


def test_experts_spread_over_modules_are_refused() -> None:
    moe = nn.ModuleDict({"input": Experts(weight=(3, 6, 4)), "output": Experts(weight=(3, 4, 6))})
    error = refusal(model(moe=moe), 1)
    assert "moe.input holds a stack of weights (weight)" in error.why
    assert "not one row a token" in error.why


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
