"""An intervention in a GGUF file: read again it is the hooks' equal, and its packed weights stay as they were."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from core.errors import ModelError, SettingError
from core.experiment.settings import Experiment
from core.export import gguf_file, writing
from core.export.outcome import GGUF
from core.models.weight_patch import UnitChange
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from tests.helpers.gguf_model import write_gguf


def layers(run: Run, *, modified: bool) -> np.ndarray:
    """One space at every layer."""
    intervention = run.spaces()[1] if modified else None
    run.embed(intervention)
    return np.stack([run.stages.embeddings(0, intervention, n) for n in range(run.plan.outline.n_layers + 1)])


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_what_is_written_is_a_model_whose_before_is_the_settings_after(
    strength: float, asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    write_gguf(tmp_path / "tiny.gguf")
    given = replace(asked, model=str(tmp_path / "tiny.gguf"), experts=9, strength=strength)
    exported = engine.answer(given, lambda run: writing.export(run, tmp_path / "out", as_gguf=True))
    found = exported.written.gguf
    assert found is not None
    assert found.exact or strength != 1.0
    assert found.largest < 1e-5
    assert "As a GGUF file:" in exported.in_words()
    assert [entry.facts["title"] for entry in engine.store.entries("model")] == ["tiny.gguf"], "what is asked for alone"
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == set()
    assert GGUF in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    after = engine.answer(given, lambda run: layers(run, modified=True))
    again = engine.answer(replace(given, model=str(tmp_path / "out" / GGUF)), lambda run: layers(run, modified=False))
    specs = [entry.spec for entry in engine.store.entries("model")]
    assert [spec.get("mlp_biases") for spec in specs] == [None, True], "with biases, not what was converted without"
    np.testing.assert_allclose(again, after, rtol=0, atol=0 if strength == 1.0 else 1e-5)
    before, now = gguf.GGUFReader(tmp_path / "tiny.gguf"), gguf.GGUFReader(tmp_path / "out" / GGUF)
    for name, field in before.fields.items():
        if not name.startswith("GGUF."):  # counts
            assert now.fields[name].contents() == field.contents(), name


def packed(path: Path, kind: gguf.GGMLQuantizationType) -> np.ndarray:
    """A file of one block whose maps are packed; what its first map is, unpacked."""
    rows = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("llama.block_count", 1)
    for name in ("ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", gguf.quantize(rows, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return gguf.dequantize(gguf.quantize(rows, kind), kind)


def add_empty_array(path: Path) -> None:
    """Give a file an array of nothing, as converters write that of an empty list; the package's writer refuses one."""
    content = path.read_bytes()
    (count,) = struct.unpack_from("<Q", content, 16)  # after magic, version and the number of tensors
    kinds = gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.STRING
    empty = struct.pack("<Q8sIIQ", 8, b"gen.tags", *kinds, 0)  # 32 bytes: the tensors stay aligned
    path.write_bytes(content[:16] + struct.pack("<Q", count + 1) + empty + content[24:])


@pytest.mark.parametrize("kind", [gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q8_0])
def test_packed_rows_become_zero_as_they_are_and_others_stay(kind: gguf.GGMLQuantizationType, tmp_path: Path) -> None:
    rows = packed(tmp_path / "in.gguf", kind)
    add_empty_array(tmp_path / "in.gguf")
    units = torch.tensor([5, 2])
    held = UnitChange("layers.0.mlp.gate_proj", units, torch.zeros(2), torch.tensor([1.5, -2.0]))
    half = UnitChange("layers.0.mlp.up_proj", units, torch.full((2,), 0.5), torch.zeros(2))
    gguf_file.write(tmp_path / "in.gguf", tmp_path / "out.gguf", [held, half])
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "out.gguf").tensors}
    values = {name: gguf.dequantize(tensor.data, tensor.tensor_type) for name, tensor in found.items()}
    expected = rows.copy()
    expected[[5, 2]] = 0
    np.testing.assert_array_equal(values["blk.0.ffn_gate.weight"], expected)
    np.testing.assert_array_equal(values["blk.0.ffn_down.weight"], rows)
    assert {found[f"blk.0.{name}.weight"].tensor_type for name in ("ffn_gate", "ffn_down")} == {kind}
    np.testing.assert_array_equal(values["blk.0.ffn_gate.bias"], [0, 0, -2, 0, 0, 1.5, 0, 0])
    expected = rows.copy()
    expected[[5, 2]] *= 0.5
    np.testing.assert_allclose(values["blk.0.ffn_up.weight"], expected, rtol=1e-3, atol=1e-6)
    assert not values["blk.0.ffn_up.bias"].any()
    with pytest.raises(ValueError, match=r"layers\.1\.mlp\.up_proj is no map"):
        gguf_file.write(tmp_path / "in.gguf", tmp_path / "no.gguf", [replace(half, path="layers.1.mlp.up_proj")])


def test_what_llama_cpp_would_not_read_is_refused(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    """Before any work: of a folder, a file is made by llama.cpp's own converter; Gemma has no place for biases."""
    cases = {asked.model: "it did not come as one", "embedded": "no place for biases of the MLP of Gemma 3"}
    for model, why in cases.items():
        given = replace(asked, model=model, dtype="auto")
        with pytest.raises(ModelError, match=why):
            engine.answer(given, lambda run: writing.export(run, tmp_path / "out", as_gguf=True))
        assert not (tmp_path / "out").exists()
    write_gguf(tmp_path / "tiny.gguf")
    given = replace(asked, model=str(tmp_path / "tiny.gguf"), neurons=("mlp", "attention"), experts=300)
    with pytest.raises(SettingError, match=r"it changes layers\.\d+\.self_attn\.\w+, and llama.cpp"):
        engine.answer(given, lambda run: writing.export(run, tmp_path / "out", as_gguf=True))
    assert not (tmp_path / "out").exists()
