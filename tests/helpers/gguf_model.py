"""A tiny Llama in a GGUF file, written with the package of llama.cpp."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

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
LAYERS, HIDDEN, _HEADS = 2, 32, 4


def _config(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        intermediate_size=48,
        num_hidden_layers=LAYERS,
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
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(48)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(HIDDEN // _HEADS)
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
    return json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]  # type: ignore[attr-defined]
