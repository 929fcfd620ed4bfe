"""The reader of the conversion gives what the package's own reader gives."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest

from core.models.gguf_conversion import ArrayReader, HeaderReader


def test_reads_what_the_packages_reader_reads_without_a_memory_map(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_token_list(["a", "ü", "日本"])
    writer.add_context_length(64)
    writer.add_tensor("weights", np.arange(12, dtype=np.float32).reshape(3, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ours, theirs = ArrayReader(path), gguf.GGUFReader(path)
    assert (type(ours.data), type(theirs.data)) == (np.ndarray, np.memmap)
    assert {name: field.contents() for name, field in ours.fields.items()} == {
        name: field.contents() for name, field in theirs.fields.items()
    }
    (tensor,), (expected,) = ours.tensors, theirs.tensors
    assert (tensor.name, tensor.data.tolist()) == ("weights", expected.data.tolist())


@pytest.mark.parametrize("order", list(gguf.GGUFEndian))
def test_the_headers_reader_gives_lengths_of_long_arrays_and_all_else_whole(
    order: gguf.GGUFEndian, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama", endianess=order)
    writer.add_token_list(["ü" * (number % 7) for number in range(5000)])
    writer.add_token_scores([float(number) for number in range(5000)])
    writer.add_token_types([1] * 5000)
    writer.add_head_count_kv([2, 1, 2])
    writer.add_context_length(64)
    writer.add_tensor("weights", np.arange(12, dtype=np.float32).reshape(3, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ours, theirs = HeaderReader(path), gguf.GGUFReader(path)
    assert list(ours.fields) == list(theirs.fields)
    for name, field in theirs.fields.items():
        expected, found = field.contents(), ours.fields[name].contents()
        long = isinstance(expected, list) and len(expected) == 5000
        assert found == ([expected[0]] * 5000 if long else expected), name
    assert ours.tensors[0].data.tolist() == theirs.tensors[0].data.tolist()
    array = struct.Struct(f"{'>' if order == gguf.GGUFEndian.BIG else '<'}IQ")
    stated = array.pack(gguf.GGUFValueType.INT32, 5000)
    content = path.read_bytes()
    assert content.count(stated) == 1
    path.write_bytes(content.replace(stated, array.pack(gguf.GGUFValueType.INT32, 1 << 40)))
    with pytest.raises(ValueError, match=f"{1 << 40:,} values, and ends before"):
        HeaderReader(path)
