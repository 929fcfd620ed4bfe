"""A GGUF file is a model by its path: converted once, with the weights that it holds."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.encoding import PLAIN
from core.models import gguf_file, pretrained
from core.models.load import load, outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec, ResolvedModel
from core.store.store import Store
from tests.helpers.passes import TEXTS, run
from tests.helpers.refusals import refusal
from tests.helpers.tiny import make_tokenizer

_NAMES = {  # of a Llama's maps, as GGUF has them
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_LAYERS, _HIDDEN, _HEADS = 2, 32, 4


def _config(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=_HIDDEN,
        intermediate_size=48,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        max_position_embeddings=64,
        initializer_range=0.2,
    )


def _permuted(name: str, weight: np.ndarray) -> np.ndarray:
    """Rows of the query and key maps in GGUF's order: rotary pairs side by side."""
    if ".q_proj" not in name and ".k_proj" not in name:
        return weight
    return weight.reshape(_HEADS, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path: Path, template: str = "") -> LlamaForCausalLM:
    """Write a tiny Llama with its tokenizer as a GGUF file of float32; give the model."""
    tokenizer = make_tokenizer(False)
    torch.manual_seed(0)
    model = LlamaForCausalLM(_config(len(tokenizer))).eval()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(_HIDDEN)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(48)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_HIDDEN // _HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokenizer))
    vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3 if token in ("<pad>", "<s>", "</s>") else 1 for token in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in _merges(tokenizer)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    if template:
        writer.add_chat_template(template)
    for name, tensor in model.state_dict().items():
        stem = name.removesuffix(".weight")
        if stem in _OUTER:
            theirs = _OUTER[stem]
        else:
            _, _, layer, inner = stem.split(".", 3)
            theirs = f"blk.{layer}.{_NAMES[inner]}"
        writer.add_tensor(f"{theirs}.weight", _permuted(name, tensor.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def _merges(tokenizer: object) -> list[list[str]]:
    import json

    return json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]  # type: ignore[attr-defined]


def resolved(path: Path) -> ResolvedModel:
    return resolve(ModelSpec(str(path), dtype="float32", device="cpu"))


def test_the_model_is_the_files(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "tiny.gguf"
    written = write_gguf(path, "{{ messages[0].content }}")
    found = resolved(path)
    shape = outline(found)
    assert (shape.architecture, shape.n_layers, shape.hidden_size) == ("LlamaForCausalLM", _LAYERS, _HIDDEN)
    assert shape.chat
    model = load(found, store)
    weights = model.lm.state_dict()
    for name, tensor in written.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)
    plain = make_tokenizer(False)
    assert [list(ids) for ids in tokenise(model, TEXTS).ids] == [plain(text)["input_ids"] for text in TEXTS]
    assert model.neurons == shape.neurons
    assert run(model).embeddings is not None
    whole = pretrained.read_config("tiny", path.parent, gguf_file=path.name)
    assert gguf_file.config(found).to_diff_dict() == whole.to_diff_dict()
    asked = Experiment(model=str(path), dtype="float32", device="cpu", target="es", experts=20)
    assert plan(asked).encoding == PLAIN
    # the converted folder is any folder's equal, and is found again
    (folder,) = store.root.glob("model/*")
    assert type(AutoModelForCausalLM.from_pretrained(folder)) is LlamaForCausalLM
    assert AutoTokenizer.from_pretrained(folder)(TEXTS[0])["input_ids"] == plain(TEXTS[0])["input_ids"]
    path.touch()
    assert resolved(path) == found


@pytest.mark.parametrize(
    ("name", "why"),
    [("absent.gguf", "no such file"), ("absent.safetensors", "no such file"), ("other.safetensors", "is neither")],
)
def test_a_file_that_is_no_model_is_refused(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"")
    assert why in refusal(lambda: resolved(tmp_path / name)).why


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(40))
    error = refusal(lambda: outline(resolved(path)))
    assert str(path) in error.what
    assert "Traceback" not in str(error)
    assert "\n" not in error.why


def test_a_folder_of_a_gguf_file_alone_says_how_to_name_it(tmp_path: Path) -> None:
    (tmp_path / "model.Q4_0.gguf").write_bytes(b"GGUF")
    error = refusal(lambda: resolved(tmp_path))
    assert "model.Q4_0.gguf" in error.why
    assert f"--model {tmp_path / 'model.Q4_0.gguf'}" in error.instead


def test_a_file_of_weights_is_its_folder(tiny_folders: dict[str, Path]) -> None:
    folder = tiny_folders["llama"]
    by_file, by_folder = resolved(folder / "model.safetensors"), resolved(folder)
    assert (by_file.location, by_file.identity) == (by_folder.location, by_folder.identity)
