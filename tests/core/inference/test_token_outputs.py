"""What neurons give at each token: against hooks set by hand, sentence by sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import SettingError
from core.inference.batching import tokenise
from core.inference.token_outputs import token_outputs
from core.models.loaded_model import LoadedModel
from tests.helpers.tiny import FAMILIES, sentences


@pytest.mark.parametrize("family", FAMILIES)
def test_every_token_is_what_the_module_returns(tiny_models: dict[str, LoadedModel], family: str) -> None:
    model = tiny_models[family]
    tokens = tokenise(model, sentences("ja", 3), "ja")
    neurons = np.array([model.neurons.total - 1, 0, 5, 41])
    hooks = [len(module._forward_hooks) for module in model.base.modules()]  # transformers leaves some of its own
    found = token_outputs(model, tokens, neurons, model.neurons)
    for row, ids in enumerate(tokens.ids):
        seen: dict[str, torch.Tensor] = {}
        handles = [
            model.base.get_submodule(site.path).register_forward_hook(
                lambda _module, _args, output, path=site.path, seen=seen: seen.update({path: output.clone()})
            )
            for site in model.neurons.sites
        ]
        with torch.inference_mode():
            model.base(input_ids=torch.tensor([ids]))
        for handle in handles:
            handle.remove()
        outputs = torch.cat([seen[site.path].reshape(len(ids), -1) for site in model.neurons.sites], dim=1)
        np.testing.assert_allclose(found[row], outputs[:, neurons].numpy(), rtol=1e-5, atol=1e-6)
    assert [len(module._forward_hooks) for module in model.base.modules()] == hooks


def test_a_neuron_that_is_not_there_is_refused(tiny_models: dict[str, LoadedModel]) -> None:
    model = tiny_models["llama"]
    tokens = tokenise(model, sentences("ja", 1), "ja")
    with pytest.raises(SettingError, match="neurons, numbered from 0"):
        token_outputs(model, tokens, np.array([model.neurons.total]), model.neurons)
