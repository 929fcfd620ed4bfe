"""Converts a GGUF file to what transformers loads fast; runs in a process of its own.

``python -m core.models.gguf_conversion weights|tokenizer FILE FOLDER``, as :mod:`core.models.embedded_gemma` calls it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GgufConfig

from core.models import pretrained
from core.models.embedded_gemma import CONFIG


class ArrayReader(gguf.GGUFReader):
    """A reader whose file is a plain array: it is indexed millions of times, and a memory map makes an object each."""

    @property  # type: ignore[override]
    def data(self) -> np.ndarray:
        """The bytes of the file."""
        return self._data

    @data.setter
    def data(self, mapped: Any) -> None:
        self._data = np.asarray(mapped).view(np.ndarray)


def convert_weights(source: Path, folder: Path) -> None:
    """Unpack the weights to bfloat16 and save them with their config."""
    model = pretrained.read_model(
        Gemma3ForCausalLM,
        str(source),
        source.parent,
        gguf_file=source.name,
        config=Gemma3TextConfig(**CONFIG),
        quantization_config=GgufConfig(dequantize=True),  # or the weights stay packed, and every forward pays
        dtype=torch.bfloat16,
    )
    # save_pretrained refuses while the config still says how the weights were once packed.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)


def convert_tokenizer(source: Path, folder: Path) -> None:
    """Save the tokenizer that the file holds."""
    pretrained.read_tokenizer(str(source), source.parent, gguf_file=source.name).save_pretrained(folder)


if __name__ == "__main__":
    # transformers takes the reader from the package whenever it opens a file, and has no parameter for another.
    gguf.GGUFReader = ArrayReader  # type: ignore[misc]
    {"weights": convert_weights, "tokenizer": convert_tokenizer}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
