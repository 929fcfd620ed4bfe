"""How far a model with an intervention in its weights is from the model with the intervention's hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ModelError
from core.inference.batching import TokenisedSentences, tokenise
from core.inference.forward import forward
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap

_SENTENCES = 32  # that are compared, over all languages


@dataclass(frozen=True)
class Difference:
    """How far two models' embeddings of the same sentences are apart.

    Attributes
    ----------
    by_layer : tuple of float
        Of each hidden state, the largest length of a difference, as a share of the embedding's length.
    exact : bool
        Whether all are the same bit for bit.
    sentences : int
        How many were compared.
    """

    by_layer: tuple[float, ...]
    exact: bool
    sentences: int

    @property
    def largest(self) -> float:
        """The largest of all layers."""
        return max(self.by_layer)

    def in_words(self) -> str:
        """The outcome in one sentence, with its conditions."""
        over = f"over {self.sentences} probe sentences"
        if self.exact:
            return f"The embeddings are equal to the hooks' bit for bit at every layer ({over})."
        return (
            f"The embeddings differ from the hooks' by at most {self.largest:.2g} of their length (at layer "
            f"{int(np.argmax(self.by_layer))}, {over}): weights and activations are rounded in another order."
        )

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {"exact": self.exact, "sentences": self.sentences, "largest_by_layer": list(self.by_layer)}


def some(texts: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Take the first sentences of each language, a few dozen in all."""
    each = max(1, _SENTENCES // len(texts))
    return {code: sentences[:each] for code, sentences in list(texts.items())[:_SENTENCES]}


def embedded(
    model: LoadedModel,
    texts: Mapping[str, tuple[str, ...]],
    intervention: Intervention | None = None,
    neurons: NeuronMap | None = None,
) -> tuple[list[TokenisedSentences], np.ndarray]:
    """Tokenise and embed sentences by language: their tokens, and float32 (n_layers + 1, n_sentences, hidden)."""
    tokens = [tokenise(model, sentences, code) for code, sentences in texts.items()]
    states = []
    for part in tokens:
        result = forward(model, part, embeddings=True, intervention=intervention, neurons=neurons)
        assert result.embeddings is not None
        states.append(result.embeddings)
    return tokens, np.concatenate(states, axis=1)


def compare(
    hooked: tuple[list[TokenisedSentences], np.ndarray], written: tuple[list[TokenisedSentences], np.ndarray]
) -> Difference:
    """Compare what `embedded` gives of two models.

    Raises
    ------
    ModelError
        If their tokenizers differ.
    """
    (tokens, before), (other_tokens, after) = hooked, written
    if [part.ids for part in tokens] != [part.ids for part in other_tokens]:
        raise ModelError(
            "write the model with its tokenizer",
            "transformers reads the saved tokenizer otherwise than the one that was used",
            "Copy the tokenizer's files from the model's own folder, and use core.models.weight_patch in your code.",
        )
    lengths = np.linalg.norm(before.astype(np.float64), axis=-1)
    apart = np.linalg.norm(after.astype(np.float64) - before, axis=-1)
    shares = (apart / np.maximum(lengths, np.finfo(np.float32).tiny)).max(axis=1)
    return Difference(tuple(map(float, shares)), before.tobytes() == after.tobytes(), before.shape[1])
