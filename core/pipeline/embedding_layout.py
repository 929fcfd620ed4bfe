"""How the embeddings of a list of sentences lie in an artefact: an array a layer, whole or in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.store.artefact import Artefact, Payload

ROWS = "rows"
"""The array that says which sentence each row is, where embeddings lie in parts."""


def layer_name(layer: int) -> str:
    """The name of the array that holds a layer whole."""
    return f"layer-{layer:03d}"


def part_name(layer: int, number: int) -> str:
    """The name of the array that holds one part of a layer."""
    return f"{layer_name(layer)}.{number:06d}"


def parts_of(artefact: Artefact, layer: int) -> list[str]:
    """Names of the arrays that hold one layer in parts, in the order of its rows."""
    return sorted(name for name in artefact.arrays if name.startswith(f"{layer_name(layer)}."))


def whole(states: np.ndarray) -> dict[str, np.ndarray]:
    """Embeddings ``(n_layers + 1, n_sentences, hidden)`` as they are stored."""
    return {layer_name(layer): state for layer, state in enumerate(states)}


def in_parts(
    parts: Sequence[np.ndarray | Artefact], rows: np.ndarray, n_layers: int, facts: Mapping[str, Any]
) -> Payload:
    """Embeddings that lie in parts, those of them that are stored already not to be written again.

    Parameters
    ----------
    parts : sequence of ndarray (n_layers + 1, n_rows, hidden), or of Artefact
        In memory, or as `whole` has them stored.
    rows : ndarray of int64, (n_sentences,)
        Which sentence each row of all parts together is.
    """
    arrays: dict[str, np.ndarray] = {ROWS: rows}
    linked: dict[str, tuple[Artefact, str]] = {}
    for number, part in enumerate(parts):
        for layer in range(n_layers + 1):
            name = part_name(layer, number)
            if isinstance(part, Artefact):
                linked[name] = part, layer_name(layer)
            else:
                arrays[name] = part[layer]
    return Payload(arrays=arrays, facts=facts, linked=linked)
