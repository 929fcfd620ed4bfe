"""Converts a GGUF file to what transformers loads fast; runs in a process of its own.

``python -m core.models.gguf_conversion gemma|config|weights:DTYPE|tokenizer FILE FOLDER``, as
:mod:`core.models.gguf_file` calls it.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, GgufConfig

from core.models import pretrained
from core.models.embedded_gemma import CONFIG
from core.models.gguf_file import has_mlp_biases
from core.models.placement import TORCH_DTYPES

_LONG = 4096  # values of an array that are more than any config has: one a layer, or a head


class ArrayReader(gguf.GGUFReader):
    """A reader whose file is a plain array: it is indexed millions of times, and a memory map makes an object each."""

    @property  # type: ignore[override]
    def data(self) -> np.ndarray:
        """The bytes of the file."""
        return self._data

    @data.setter
    def data(self, mapped: Any) -> None:
        self._data = np.asarray(mapped).view(np.ndarray)


class HeaderReader(ArrayReader):
    """A reader that gives every value of a long array as its first: of a vocabulary the length counts, not the pieces.

    The package makes several objects for each of half a million pieces and merges, which takes ten seconds and more. It
    has no public way to leave them out; in a package that reads arrays by another function this one is not called.
    """

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        if gguf.GGUFValueType(raw_type) != gguf.GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        (kind,), (length,) = self._get(orig_offs, np.uint32), self._get(orig_offs + 4, np.uint64)
        start, count = orig_offs + kind.nbytes + length.nbytes, int(length)
        if count <= _LONG or kind == gguf.GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        size, parts, values, types = super()._get_field_parts(start, int(kind))
        end = self._end_of_texts(start, count) if kind == gguf.GGUFValueType.STRING else start + size * count
        if end > len(self.data):  # or a list of as many places as a file of some bytes says
            raise ValueError(f"it says that an array has {count:,} values, and ends before")
        head = [np.array([kind]), np.array([length])]
        return end - orig_offs, head + parts, [len(head) + values[0]] * count, [gguf.GGUFValueType.ARRAY, *types]

    def _end_of_texts(self, start: int, count: int) -> int:
        """Where ``count`` texts end, each with its length before it."""
        length = struct.Struct(f"{'>' if self.endianess == gguf.GGUFEndian.BIG else '<'}Q")
        data = self.data.data
        for _ in range(count):
            start += length.size + length.unpack_from(data, start)[0]
        return start


def convert_weights(source: Path, folder: Path, dtype: torch.dtype) -> None:
    """Unpack the weights and save them with their config, which the file holds."""
    _convert(source, folder, AutoModelForCausalLM, dtype=dtype)


def convert_gemma(source: Path, folder: Path) -> None:
    """Unpack the embedded model's weights to bfloat16; its config is known, so that the file is parsed once."""
    _convert(source, folder, Gemma3ForCausalLM, dtype=torch.bfloat16, config=Gemma3TextConfig(**CONFIG))


def _convert(source: Path, folder: Path, auto: Any, **arguments: Any) -> None:
    if has_mlp_biases(source):  # its metadata do not say so, and without a place for them they would be left out
        arguments["config"] = _config(source)
    model = pretrained.read_model(
        auto,
        str(source),
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),  # or the weights stay packed, and every forward pays
        **arguments,
    )
    # save_pretrained refuses while the config still says how the weights were once packed.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)


def convert_tokenizer(source: Path, folder: Path) -> None:
    """Save the tokenizer that the file holds."""
    pretrained.read_tokenizer(str(source), source.parent, gguf_file=source.name).save_pretrained(folder)


def convert_config(source: Path, folder: Path) -> None:
    """Save the config that the file holds."""
    _config(source).save_pretrained(folder)


def _config(source: Path) -> Any:
    config = pretrained.read_config(str(source), source.parent, gguf_file=source.name)
    if hasattr(config, "mlp_bias") and has_mlp_biases(source):
        config.mlp_bias = True
    return config


if __name__ == "__main__":
    # transformers takes the reader from the package whenever it opens a file, and has no parameter for another.
    part, _, dtype = sys.argv[1].partition(":")
    gguf.GGUFReader = HeaderReader if part == "config" else ArrayReader  # type: ignore[misc]
    places = Path(sys.argv[2]), Path(sys.argv[3])
    if part == "weights":
        convert_weights(*places, TORCH_DTYPES[dtype])
    else:
        {"gemma": convert_gemma, "config": convert_config, "tokenizer": convert_tokenizer}[part](*places)
