"""What chosen neurons give at every token of a few sentences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from core.errors import ModelError
from core.inference import faults
from core.inference.batching import Batch, TokenisedSentences, padded
from core.inference.hooks import hooked, unreached
from core.models.loaded_model import LoadedModel
from core.neurons.neuron_map import NeuronMap


def token_outputs(
    model: LoadedModel, tokens: TokenisedSentences, neurons: np.ndarray, within: NeuronMap
) -> list[np.ndarray]:
    """Read chosen neurons at every token of the unmodified model.

    Parameters
    ----------
    tokens : TokenisedSentences
        A few sentences; each is passed by itself.
    neurons : ndarray of int64, (n_neurons,)
        Indices of ``within``.

    Returns
    -------
    list of ndarray of float32, (n_tokens, n_neurons)
        One a sentence, special tokens included.

    Raises
    ------
    ModelError
        If a module cannot be read.
    """
    found = []
    with model.lock:
        for row in range(len(tokens.ids)):
            batch = padded(tokens, np.array([row]), model)
            found.append(_of_one(model, batch, len(tokens.ids[row]), neurons, within))
    return found


def _of_one(model: LoadedModel, batch: Batch, n_tokens: int, neurons: np.ndarray, within: NeuronMap) -> np.ndarray:
    """One sentence's outputs; the caller holds the model's lock."""
    outputs = np.zeros((n_tokens, len(neurons)), dtype=np.float32)

    def read(units: np.ndarray, places: np.ndarray, output: torch.Tensor) -> None:
        by_token = output.reshape(-1, output.shape[-1])
        if len(by_token) != n_tokens:
            raise ModelError(
                "read neurons token by token",
                f"{len(by_token):,} of {n_tokens:,} tokens pass through a module, as in a mixture of experts",
                "Use a dense model.",
            )
        outputs[:, places] = by_token[:, torch.as_tensor(units, device=output.device)].float().cpu().numpy()

    reads: dict[str, Callable[[torch.Tensor], None]] = {
        site.path: partial(read, units, places) for site, units, places in within.by_site(neurons)
    }
    with hooked(model, reads, None, within) as untouched:
        with faults.explained("pass sentences through", model), torch.inference_mode():
            model.base(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False, return_dict=True)
        if untouched:
            raise unreached(untouched)
    return outputs
