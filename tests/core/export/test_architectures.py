"""The table of forms in the documentation is what the code finds, and names for llama.cpp what its package names."""

from pathlib import Path

import gguf

from benchmarks.readme import TABLES
from core.export.architectures import KINDS

# What llama.cpp calls these kinds; BERT's names are those that its converter has after it removes their beginning.
_GGUF = {"bloom": "BLOOM", "gpt2": "GPT2", "gpt_neox": "GPTNEOX", "llama": "LLAMA", "granite": "GRANITE"}
_GGUF |= {"bert": "BERT", "xlm-roberta": "BERT"}
_MAPS = {
    "BLOOM": ("h.0.mlp.dense_h_to_4h", "h.0.mlp.dense_4h_to_h"),
    "GPT2": ("transformer.h.0.mlp.c_fc", "transformer.h.0.mlp.c_proj"),
    "GPTNEOX": ("gpt_neox.layers.0.mlp.dense_h_to_4h", "gpt_neox.layers.0.mlp.dense_4h_to_h"),
    "LLAMA": ("model.layers.0.mlp.gate_proj", "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj"),
    "BERT": ("encoder.layer.0.intermediate.dense", "encoder.layer.0.output.dense"),
}
_MAPS["GRANITE"] = _MAPS["LLAMA"]


def test_the_documentation_lists_what_the_code_finds() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    assert TABLES["export-forms"]() in text


def test_every_bias_that_llama_cpp_is_said_to_take_has_a_name_there() -> None:
    assert {kind for kind, (_, takes) in KINDS.items() if takes} == set(_GGUF)
    for name in _GGUF.values():
        names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, name), 1)
        found = [names.get_name(f"{path}.bias", try_suffixes=(".weight", ".bias")) for path in _MAPS[name]]
        assert all(str(bias).startswith("blk.0.ffn_") for bias in found), found
