"""Spaces embedded together are, bit for bit, what each is alone; what they share runs once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from core.errors import ModelError
from core.inference import forward as forward_module
from core.inference.batching import tokenise
from core.inference.forward import embed_spaces, forward
from core.inference.trunk import first_changed
from core.models.load import LoadedModel
from core.neurons.interventions import Intervention, set_value
from core.neurons.sites import find_blocks
from tests.helpers.families import Tiny
from tests.helpers.passes import TEXTS, hooks, pull, run
from tests.helpers.tiny import FAMILIES, N_LAYERS


def at_layer(model: LoadedModel, layer: int, strength: float, tokens: str = "all") -> Intervention:
    """Set-mean on two neurons of every site of one block."""
    neurons = np.array([site.start + unit for site in model.neurons.sites if site.layer == layer for unit in (1, 4)])
    held = set_value(neurons, np.linspace(-2, 3, len(neurons)), strength)
    return Intervention(held.neurons, held.scale, held.shift, tokens)


def alone(model: LoadedModel, each: Intervention | None) -> np.ndarray:
    embedded = run(model, each, responses=False).embeddings
    assert embedded is not None
    return embedded


def test_every_architecture_gives_the_same_bits_together(tiny: Tiny) -> None:
    """At the last block, so that all others are shared; the unmodified model and two kinds of tokens among them."""
    model, last = tiny.model, tiny.model.neurons.n_layers - 1
    spaces = [
        at_layer(model, last, 0.5),
        None,
        at_layer(model, last, 1.0, "last"),
        at_layer(model, last, 1.5, "no-bos"),
    ]
    alone(model, None)  # at its first pass transformers attaches hooks of its own, which stay
    before = hooks(model)
    found = embed_spaces(model, tokenise(model, TEXTS), spaces)
    assert hooks(model) == before
    assert not any("forward" in block.__dict__ for block in find_blocks(model.base, last + 1)[1])
    for each, space in zip(spaces, found, strict=True):
        assert space.tobytes() == alone(model, each).tobytes()
    # An encoder's last token is its separator, which takes part in no mean: written to in the last block, it shows not.
    assert len({found[number].tobytes() for number in (0, 1, 3)}) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_below_the_first_that_is_changed_runs_once_a_batch(
    family: str, tiny_models: Mapping[str, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(forward_module.TOKENS_A_BATCH, "cpu", 60)  # several batches, two at once
    model = tiny_models[family]
    spaces = [at_layer(model, 1, strength) for strength in (0.25, 0.5, 1.0)]
    assert first_changed(spaces, model.neurons) == 1
    calls: Counter[int] = Counter()
    first = {site.layer: model.base.get_submodule(site.path) for site in reversed(model.neurons.sites)}
    counting = [
        module.register_forward_hook(lambda *_, place=place: calls.update([place])) for place, module in first.items()
    ]
    try:
        found = embed_spaces(model, tokenise(model, TEXTS), spaces)
    finally:
        for handle in counting:
            handle.remove()
    assert calls[0] > 1
    assert [calls[place] for place in range(1, N_LAYERS)] == [3 * calls[0]] * (N_LAYERS - 1)
    for each, space in zip(spaces, found, strict=True):
        assert space.tobytes() == alone(model, each).tobytes()


def test_an_intervention_that_changes_nothing_shares_all_blocks(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    assert first_changed([None, pull(model, 0.0)], model.neurons) == N_LAYERS
    assert first_changed([None, pull(model, 1.0)], model.neurons) == 0
    same, also = embed_spaces(model, tokenise(model, TEXTS), [None, pull(model, 0.0)])
    assert same.tobytes() == also.tobytes() == alone(model, None).tobytes()


def test_progress_counts_every_token_of_every_space(tiny_models: Mapping[str, LoadedModel]) -> None:
    model, counted = tiny_models["llama"], []
    tokens = tokenise(model, TEXTS)
    embed_spaces(model, tokens, [None, at_layer(model, 1, 0.5)], advance=counted.append)
    assert sum(counted) == 2 * tokens.n_tokens


def test_an_exception_leaves_the_blocks_as_they_were(fresh: Callable[..., LoadedModel]) -> None:
    model = fresh("llama", spoil=lambda base: base.layers[1].mlp.up_proj.weight.data.fill_(float("nan")))
    own = model.base.layers[0].forward
    model.base.layers[0].forward = lambda *args, **kwargs: own(*args, **kwargs)  # as accelerate does to a sharded model
    kept = model.base.layers[0].__dict__["forward"]
    with pytest.raises(ModelError, match="layer 2"):
        alone(model, None)
    before = hooks(model)
    with pytest.raises(ModelError, match="layer 2"):
        embed_spaces(model, tokenise(model, TEXTS), [at_layer(model, 1, 0.5), at_layer(model, 1, 1.0)])
    assert model.base.layers[0].__dict__["forward"] is kept
    assert "forward" not in model.base.layers[1].__dict__
    assert hooks(model) == before


def test_the_next_pass_is_the_models_own_again(tiny_models: Mapping[str, LoadedModel]) -> None:
    model = tiny_models["bloom"]
    first = alone(model, None)
    embed_spaces(model, tokenise(model, TEXTS), [at_layer(model, 1, 0.5), at_layer(model, 1, 1.0)])
    assert alone(model, None).tobytes() == first.tobytes()
    other = forward(model, tokenise(model, TEXTS[::-1]), embeddings=True).embeddings
    assert other is not None
    assert not np.array_equal(other, first)
