"""The batched pass gives what a plain loop gives, one sentence at a time, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import ModelError
from core.inference import forward as forward_module
from core.inference.batching import plan_batches, tokenise
from core.inference.forward import embed_spaces, forward
from core.models.loaded_model import LoadedModel
from tests.helpers.passes import TEXTS, close, hooks, pull, run, same_bits
from tests.helpers.tiny import FAMILIES, HIDDEN, N_LAYERS, Plain

# -- equal to the plain loop -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("family", FAMILIES)
def test_responses_equal_a_plain_loop(
    family: str, pooling: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    found = run(tiny_models[family], pooling=pooling).responses
    expected = plain_models[family].responses(TEXTS, FAMILIES[family].paths, pooling)
    assert found is not None
    assert list(found) == list(expected)
    for path, values in found.items():
        assert values.dtype == np.float32
        assert values.shape == expected[path].shape
        close(values, expected[path])


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_equal_a_plain_loop(
    family: str, tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]
) -> None:
    found = run(tiny_models[family], responses=False).embeddings
    expected = plain_models[family].embeddings(TEXTS, FAMILIES[family].stack)
    assert found is not None
    assert found.shape == (N_LAYERS + 1, len(TEXTS), HIDDEN)
    assert found.dtype == np.float32
    for layer in range(N_LAYERS + 1):
        close(found[layer], expected[layer])


@pytest.mark.parametrize("family", FAMILIES)
def test_batching_does_not_matter(
    family: str, tiny_models: Mapping[str, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for budget in (1, 50, 100_000):
        monkeypatch.setitem(forward_module.TOKENS_A_BATCH, "cpu", budget)
        batches = len(plan_batches([len(ids) for ids in tokenise(tiny_models[family], TEXTS).ids], budget))
        results.append((batches, run(tiny_models[family])))
    assert results[0][0] == len(TEXTS) > results[1][0] > results[2][0]
    alone = results[0][1]
    assert alone.responses is not None
    for _, other in results[1:]:
        close(other.embeddings, alone.embeddings)
        for path in alone.responses:
            close(other.responses[path], alone.responses[path])


@pytest.mark.parametrize("family", FAMILIES)
def test_twice_gives_the_same_bits(family: str, tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models[family]
    same_bits(run(model), run(model))
    same_bits(run(model, pull(model, 0.7)), run(model, pull(model, 0.7)))


def test_only_what_is_asked_for_is_given(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    assert run(model, embeddings=False).embeddings is None
    assert run(model, responses=False).responses is None
    with pytest.raises(ValueError, match="pooling"):
        run(model, pooling="median")


def test_progress_counts_every_token(tiny_models: Mapping[str, LoadedModel], plain_models: Mapping[str, Plain]) -> None:
    counted: list[int] = []
    run(tiny_models["llama"], advance=counted.append)
    assert sum(counted) == sum(plain_models["llama"].ids(text).numel() for text in TEXTS)


# -- several spaces --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_spaces_have_the_bits_of_each_alone(
    family: str, tiny_models: Mapping[str, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(forward_module.TOKENS_A_BATCH, "cpu", 60)  # several batches, two at once
    model, tokens, counted = tiny_models[family], tokenise(tiny_models[family], TEXTS), list[int]()
    pulled = [pull(model, 0.5), pull(model, 1.0)]
    interventions = [pulled[0], None, replace(pulled[1], tokens="last"), replace(pulled[1], tokens="no-bos")]
    run(model, responses=False)  # at its first pass transformers attaches hooks of its own, which stay
    before = hooks(model)
    spaces = embed_spaces(model, tokens, interventions, advance=counted.append)
    assert hooks(model) == before
    assert sum(counted) == len(interventions) * tokens.n_tokens
    for intervention, space in zip(interventions, spaces, strict=True):
        alone = run(model, intervention, responses=False).embeddings
        assert alone is not None
        assert space.tobytes() == alone.tobytes()
    assert len({space.tobytes() for space in spaces}) == len(interventions)


def test_a_space_that_fails_leaves_no_hook(fresh: Callable[..., LoadedModel]) -> None:
    model = fresh("llama", spoil=lambda base: base.layers[1].mlp.up_proj.weight.data.fill_(float("nan")))
    with pytest.raises(ModelError, match="layer 2"):
        run(model, responses=False)
    before = hooks(model)
    with pytest.raises(ModelError, match="layer 2"):
        embed_spaces(model, tokenise(model, TEXTS), [pull(model, 0.5, [0]), pull(model, 1.0, [0])])
    assert hooks(model) == before


# -- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_module_that_is_not_finite_is_named(bad: float, fresh: Callable[..., LoadedModel]) -> None:
    model = fresh("llama", spoil=lambda base: base.layers[1].mlp.up_proj.weight.data.fill_(bad))
    with pytest.raises(ModelError) as caught:
        run(model)
    assert "layers.1.mlp.up_proj" in caught.value.what
    assert "not finite" in caught.value.why
    with pytest.raises(ModelError) as caught:
        run(model, responses=False)
    assert "layer 2" in caught.value.what
    assert "not finite" in caught.value.why


def test_a_module_that_returns_a_tuple_is_refused(fresh: Callable[..., LoadedModel]) -> None:
    class Pair(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
            return super().forward(x), None

    def spoil(base: torch.nn.Module) -> None:
        pair = Pair(HIDDEN, 4 * HIDDEN).requires_grad_(False)
        base.h[0].mlp.dense_h_to_4h = pair
        base.h[0].mlp.gelu_impl.register_forward_pre_hook(lambda _m, args: (args[0][0],))

    model = fresh("bloom", spoil=spoil)
    for kwargs in ({"responses": True}, {"responses": False, "intervention": pull(model, 1.0)}):
        with pytest.raises(ModelError) as caught:
            run(model, **kwargs)
        assert "h.0.mlp.dense_h_to_4h" in caught.value.what
        assert "tuple" in caught.value.why


def test_a_module_that_is_never_called_is_refused(fresh: Callable[..., LoadedModel]) -> None:
    def bypass(base: torch.nn.Module) -> None:  # as BLOOM does under slow_but_exact: the weights, not the module
        base.h[1].mlp.pretraining_tp, base.h[1].mlp.slow_but_exact = 2, True

    model = fresh("bloom", spoil=bypass)
    with pytest.raises(ModelError) as caught:
        run(model)
    assert "h.1.mlp.dense_4h_to_h" in caught.value.what
    site = next(site for site in model.neurons.sites if site.path == "h.1.mlp.dense_4h_to_h")
    with pytest.raises(ModelError) as caught:
        run(model, pull(model, 1.0, [site.start]), responses=False)
    assert site.path in caught.value.what


def test_a_module_that_sees_some_of_the_tokens_is_refused(fresh: Callable[..., LoadedModel]) -> None:
    def spoil(base: torch.nn.Module) -> None:
        mlp = base.layers[0].mlp  # the first token alone passes, as tokens routed to an expert do
        mlp.register_forward_pre_hook(lambda _m, args: (args[0][:, :1],))
        mlp.register_forward_hook(lambda _m, _a, output: output.expand(-1, 10, -1))

    model = fresh("llama", spoil=spoil)
    tokens = tokenise(model, ["The dog sleeps."])
    assert tokens.n_tokens == 10
    with pytest.raises(ModelError) as caught:
        forward(model, tokens, responses=True)
    assert "layers.0.mlp.gate_proj" in caught.value.what
    assert "1 of 10 tokens" in caught.value.why
    assert "dense" in caught.value.instead


# -- precision -------------------------------------------------------------------------------------------------------


def test_a_16_bit_model_keeps_its_responses_in_16_bits(
    fresh: Callable[..., LoadedModel], tiny_models: Mapping[str, LoadedModel]
) -> None:
    narrow, wide = run(fresh("llama", "bfloat16")), run(tiny_models["llama"])
    assert narrow.responses is not None
    assert wide.responses is not None
    for path, values in narrow.responses.items():
        assert values.dtype == np.float16
        scale = np.abs(wide.responses[path]).max()
        np.testing.assert_allclose(values, wide.responses[path], atol=0.05 * scale)
    assert narrow.embeddings is not None
    assert narrow.embeddings.dtype == np.float32


def test_values_beyond_16_bits_are_kept_in_32(
    fresh: Callable[..., LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def enlarge(base: torch.nn.Module) -> None:
        base.layers[1].mlp.up_proj.weight.data.mul_(1e5)
        base.layers[1].mlp.down_proj.weight.data.div_(1e5)

    monkeypatch.setitem(forward_module.TOKENS_A_BATCH, "cpu", 60)  # several batches, all but the first after the switch
    usual, large = run(fresh("llama", "bfloat16")).responses, run(fresh("llama", "bfloat16", enlarge)).responses
    assert usual is not None
    assert large is not None
    assert {path for path, values in large.items() if values.dtype == np.float32} == {"layers.1.mlp.up_proj"}
    grown = large["layers.1.mlp.up_proj"]
    assert np.isfinite(grown).all()
    assert np.abs(grown).max() > np.finfo(np.float16).max
    expected = usual["layers.1.mlp.up_proj"].astype(np.float64) * 1e5
    np.testing.assert_allclose(grown, expected, atol=0.05 * np.abs(expected).max())
