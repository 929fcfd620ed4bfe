"""Every architecture's neurons are read as its modules give them, written to alone, and left as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.inference.batching import tokenise
from core.inference.forward import forward
from core.inference.hooks import hooked
from core.models.load import outline
from core.models.loaded_model import LoadedModel
from tests.helpers.families import N_LAYERS, Tiny, first, largest, mean
from tests.helpers.passes import TEXTS, close, hooks, set_value

UNIT = 3
IDS = torch.tensor([[1, 40, 41, 42, 43], [1, 50, 51, 52, 53]])


def output(model: LoadedModel) -> torch.Tensor:
    with torch.inference_mode():
        return model.base(input_ids=IDS, attention_mask=torch.ones_like(IDS)).last_hidden_state.clone()


def test_the_sites_are_those_of_the_architecture(tiny: Tiny) -> None:
    assert [(site.layer, site.kind, site.path) for site in tiny.neurons.sites] == tiny.family.sites()
    starts = np.cumsum([0, *(site.width for site in tiny.neurons.sites)]).tolist()
    assert [site.start for site in tiny.neurons.sites] == starts[:-1]
    assert [site.path for site in tiny.model.neurons.sites] == [
        p for _, kind, p in tiny.family.sites() if kind == "mlp"
    ]
    names = [(site.layer, site.name) for site in tiny.neurons.sites]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("pool", [mean, largest])
def test_what_is_read_is_what_the_modules_give(pool, tiny: Tiny) -> None:
    found = forward(
        tiny.model,
        tokenise(tiny.model, TEXTS),
        pooling="mean" if pool is mean else "max",
        responses=True,
        embeddings=True,
        neurons=tiny.neurons,
    )
    responses, states = tiny.plain.run(TEXTS, tiny.paths, pool)
    assert found.responses is not None
    assert found.embeddings is not None
    assert found.embeddings.shape == states.shape
    for layer in range(N_LAYERS + 1):
        close(found.embeddings[layer], states[layer])
    assert list(found.responses) == tiny.paths
    for path, values in found.responses.items():
        assert values.shape == responses[path].shape
        close(values, responses[path])


def test_a_write_changes_its_neuron_and_nothing_else_there(tiny: Tiny) -> None:
    for site in tiny.neurons.sites:
        before: list[torch.Tensor] = []
        after: list[torch.Tensor] = []
        module = tiny.model.base.get_submodule(site.path)
        asked = set_value(np.array([site.start + UNIT]), np.array([0.75]), 0.4)
        with tiny.model.lock:
            handles = [module.register_forward_hook(lambda _m, _a, out, to=before: to.append(first(out).clone()))]
            with hooked(tiny.model, {}, asked, tiny.neurons) as untouched:
                handles.append(
                    module.register_forward_hook(lambda _m, _a, out, to=after: to.append(first(out).clone()))
                )
                changed = output(tiny.model)
                assert not untouched
            for handle in handles:
                handle.remove()
        (old,), (new,) = before, after
        torch.testing.assert_close(new[..., UNIT], 0.6 * old[..., UNIT] + 0.4 * 0.75)
        others = np.delete(np.arange(site.width), UNIT)
        assert torch.equal(new[..., others], old[..., others])
        assert not torch.equal(changed, output(tiny.model))


def test_a_write_at_every_site_is_what_replacing_the_outputs_gives(tiny: Tiny) -> None:
    neurons = np.array([site.start + UNIT for site in tiny.neurons.sites])
    found = forward(
        tiny.model,
        tokenise(tiny.model, TEXTS),
        responses=True,
        embeddings=True,
        intervention=set_value(neurons, np.full(len(neurons), -0.5), 1.5),
        neurons=tiny.neurons,
    )
    with tiny.plain.holding(UNIT, lambda z: -0.5 * z - 0.75, tiny.paths):
        responses, states = tiny.plain.run(TEXTS, tiny.paths, mean)
    assert found.responses is not None
    assert found.embeddings is not None
    close(found.embeddings, states)
    for path, values in found.responses.items():
        close(values, responses[path])


def test_the_model_is_what_it_was(tiny: Tiny) -> None:
    state = {name: tensor.clone() for name, tensor in tiny.model.lm.state_dict().items()}
    attached, original = hooks(tiny.model), output(tiny.model)
    everywhere = set_value(np.arange(tiny.neurons.total), np.linspace(-2, 2, tiny.neurons.total), 1.0)
    with tiny.model.lock, hooked(tiny.model, {}, everywhere, tiny.neurons):
        assert not torch.equal(output(tiny.model), original)
    assert hooks(tiny.model) == attached
    assert torch.equal(output(tiny.model), original)
    after = tiny.model.lm.state_dict()
    assert list(after) == list(state)
    assert all(torch.equal(after[name], tensor) for name, tensor in state.items())


def test_a_causal_model_looks_back_and_an_encoder_both_ways(tiny: Tiny) -> None:
    model = tiny.model
    assert model.generates == outline(model.resolved).generates == tiny.family.generates
    other = IDS.clone()
    other[:, -1] = 60
    with torch.inference_mode():
        one, two = (
            model.base(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state for ids in (IDS, other)
        )
    assert torch.allclose(one[:, 0], two[:, 0], atol=1e-5) == tiny.family.generates
    assert not torch.allclose(one[:, -1], two[:, -1], atol=1e-3)


def test_only_what_is_used_is_kept(tiny: Tiny) -> None:
    model = tiny.model
    kept = sum(p.numel() for p in model.lm.parameters())
    assert kept == outline(model.resolved).n_parameters
    if not tiny.family.generates:
        assert model.lm is model.base
        assert not [path for path, _ in model.lm.named_modules() if "decoder" in path or "pooler" in path]
        assert kept == sum(p.numel() for p in tiny.plain.base.parameters())
