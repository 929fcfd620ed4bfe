"""Folders of sentence encoders: what sentence-transformers writes beside a model, and its formulas in a plain loop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from tests.helpers.families import FAMILIES, HIDDEN, save_family

DENSE_WIDTH = 12


def save_encoder(
    folder: Path,
    pooling: dict[str, Any],
    steps: Sequence[str] = (),
    family: str = "mbert",
    own: dict[str, Any] | None = None,
    **general: Any,
) -> Path:
    """Save a tiny model as a sentence encoder.

    Parameters
    ----------
    pooling : dict
        What ``1_Pooling/config.json`` holds beside the width.
    steps : sequence of {"Dense", "LayerNorm", "Normalize", "Dropout"}
        What follows the pooling.
    own : dict, optional
        ``sentence_bert_config.json``.
    **general
        ``config_sentence_transformers.json``.
    """
    save_family(folder, FAMILIES[family])
    modules = ["Transformer", "Pooling", *steps]
    paths = ["", *(f"{number}_{kind}" for number, kind in enumerate(modules[1:], start=1))]
    for number, (kind, path) in enumerate(zip(modules, paths, strict=True)):
        (folder / path).mkdir(exist_ok=True)
        if kind == "Pooling":
            write(folder / path / "config.json", {"word_embedding_dimension": HIDDEN, **pooling})
        elif kind in ("Dense", "LayerNorm"):
            _save_step(folder / path, kind, seed=number)
    listed = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (kind, path) in enumerate(zip(modules, paths, strict=True))
    ]
    write(folder / "modules.json", listed)
    if own is not None:
        write(folder / "sentence_bert_config.json", own)
    if general:
        write(folder / "config_sentence_transformers.json", general)
    return folder


def write(path: Path, contents: object) -> None:
    """Write JSON."""
    path.write_text(json.dumps(contents), encoding="utf-8")


def _save_step(folder: Path, kind: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    if kind == "LayerNorm":
        save_file(
            {f"norm.{name}": torch.randn(HIDDEN, generator=generator) for name in ("weight", "bias")},
            folder / "model.safetensors",
        )
        write(folder / "config.json", {"dimension": HIDDEN})
        return
    weights = {
        "linear.weight": torch.randn(DENSE_WIDTH, HIDDEN, generator=generator),
        "linear.bias": torch.randn(DENSE_WIDTH, generator=generator),
    }
    save_file(weights, folder / "model.safetensors")
    activation = "torch.nn.modules.activation.Tanh"
    config = {"in_features": HIDDEN, "out_features": DENSE_WIDTH, "bias": True, "activation_function": activation}
    write(folder / "config.json", config)


def hidden_states(folder: Path, texts: Sequence[str], limit: int = 64) -> list[tuple[list[torch.Tensor], list[bool]]]:
    """Of each text, every layer's hidden states (n_tokens, hidden) in float64, and which tokens are special.

    One text at a time, by transformers alone.
    """
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    found = []
    for text in texts:
        encoded = tokenizer(text, truncation=True, max_length=limit, return_special_tokens_mask=True)
        with torch.no_grad():
            output = model(input_ids=torch.tensor([encoded["input_ids"]]), output_hidden_states=True)
        layers = [state[0].double() for state in output.hidden_states]
        found.append((layers, [bool(special) for special in encoded["special_tokens_mask"]]))
    return found


def pool(states: torch.Tensor, pooling: str, taken: Sequence[bool]) -> np.ndarray:
    """Pool one sentence's states (n_tokens, hidden), token by token as the formulas are documented."""
    chosen = [n for n, takes in enumerate(taken) if takes]
    if pooling == "cls":
        return states[chosen[0]].numpy()
    if pooling == "last":
        return states[chosen[-1]].numpy()
    if pooling == "max":
        return np.max([states[n].numpy() for n in chosen], axis=0)
    total, weight = np.zeros(states.shape[1]), 0.0
    for n in chosen:
        one = n + 1.0 if pooling == "weighted-mean" else 1.0
        total, weight = total + one * states[n].numpy(), weight + one
    return total / (np.sqrt(weight) if pooling == "mean-sqrt-len" else weight)


def after(folder: Path, vector: np.ndarray, steps: Sequence[str]) -> np.ndarray:
    """What the steps behind the pooling make of one vector, in float64."""
    for number, kind in enumerate(steps, start=2):
        path = folder / f"{number}_{kind}" / "model.safetensors"
        if kind == "Normalize":
            vector = vector / np.sqrt(sum(value**2 for value in vector))
        elif kind == "Dense":
            weights = {name: tensor.double().numpy() for name, tensor in load_file(path).items()}
            vector = np.tanh(weights["linear.weight"] @ vector + weights["linear.bias"])
        elif kind == "LayerNorm":
            weights = {name: tensor.double().numpy() for name, tensor in load_file(path).items()}
            scaled = (vector - vector.mean()) / np.sqrt(vector.var() + 1e-5)
            vector = scaled * weights["norm.weight"] + weights["norm.bias"]
    return vector
