"""The reader of 4-bit files gives what a file that is written by hand holds, and refuses another."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from core.models import e5_file

SIZES = (32, 1, 2, 64, 4, 8, 2)
PIECES = (("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("日本", -1.5))


def write(path: Path, *, magic: bytes = b"E5S1", version: int = 1, block: int = 32) -> dict[str, list[float]]:
    """Write a file with one tensor of each type, and give their numbers."""
    halves = [number % 16 for number in range(64)]
    blocks, values = b"", []
    for scale, start in ((0.5, 0), (-2.0, 32)):
        low, high = halves[start : start + 16], halves[start + 16 : start + 32]
        blocks += struct.pack("<e", scale) + bytes(a | b << 4 for a, b in zip(low, high, strict=True))
        values += [(half - 8) * scale for half in (*low, *high)]
    floats = [0.25, -3.0, 1e-7]
    texts = [piece.encode() for piece, _ in PIECES]
    ends = np.cumsum([0, *map(len, texts)]).tolist()
    table = struct.pack("<IBII", ord("㍿"), 2, ord("株"), ord("式")) + struct.pack("<IB", 0x200B, 0)
    head = magic + struct.pack("<I7ifi", version, *SIZES, 1e-12, block)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, ends[-1]) + struct.pack(f"<{len(ends)}I", *ends)
    head += struct.pack(f"<{len(PIECES)}f", *(score for _, score in PIECES)) + b"".join(texts)
    head += struct.pack("<iI", 2, len(table)) + table
    names = [("packed", 1, 64, blocks), ("plain", 0, 3, struct.pack("<3f", *floats))]
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name, *_ in names)
    directory = struct.pack("<i", len(names))
    for name, kind, count, data in names:
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, count, offset, len(data))
        offset += len(data)
    path.write_bytes(head + directory + b"".join(data for *_, data in names))
    return {"packed": values, "plain": floats}


def test_reads_every_part(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    expected = write(path)
    file = e5_file.read(path)
    assert (file.shape.hidden_size, file.shape.intermediate_size, file.shape.type_vocab_size) == (32, 64, 2)
    assert file.shape.layer_norm_eps == pytest.approx(1e-12)
    assert file.vocabulary.pieces == PIECES
    assert (file.vocabulary.bos, file.vocabulary.eos, file.vocabulary.pad, file.vocabulary.unknown) == (0, 2, 1, 3)
    assert file.normalised == {"㍿": "株式", "\u200b": ""}
    assert list(file.tensors) == ["packed", "plain"]
    for name, numbers in expected.items():
        read = file.tensor(name)
        assert read.dtype == np.float32
        assert read.tolist() == np.array(numbers, dtype=np.float32).tolist()


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"magic": b"GGUF"}, "begin with E5S1"), ({"version": 2}, "version 2"), ({"block": 64}, "blocks of 64")],
)
def test_another_format_is_refused(tmp_path: Path, changes: dict[str, int], said: str) -> None:
    write(tmp_path / "model.bin", **changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=said):
        e5_file.read(tmp_path / "model.bin")


@pytest.mark.parametrize("length", [6, 60, 130])
def test_a_file_that_ends_within_its_head_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.bin"
    write(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match="ends too early"):
        e5_file.read(path)


def test_a_tensor_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    write(path)
    path.write_bytes(path.read_bytes()[:-4])
    file = e5_file.read(path)
    with pytest.raises(ValueError, match="ends before its tensor plain"):
        file.tensor("plain")
    with pytest.raises(ValueError, match="no tensor other"):
        file.tensor("other")
