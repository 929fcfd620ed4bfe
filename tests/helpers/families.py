"""Tiny models of many architectures, with their neurons written down by hand, and the plain slow way to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import processors
from torch import nn
from transformers import AutoConfig, AutoTokenizer

from core.models.loaded_model import LoadedModel
from core.neurons.neuron_map import NeuronMap
from tests.helpers.tiny import make_tokenizer

N_LAYERS, HIDDEN = 2, 32
COMMON: Mapping[str, Any] = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GROUPED = {"num_key_value_heads": 2}
_GATED = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
_FOURFOLD = ("mlp.dense_h_to_4h", "mlp.dense_4h_to_h")
_BERT = ("intermediate.dense", "output.dense")
_LAYER_1 = "layers.{}"


@dataclass(frozen=True)
class Family:
    """An architecture, and where its neurons are.

    Attributes
    ----------
    saved_as : str
        The class of transformers whose checkpoint it is.
    block, attention, mlp
        Paths of a block (with its number to be put in) inside the base model, and of its maps inside the block.
    tokens : str
        The special tokens around a sentence.
    generates : bool
        Whether it continues text.
    """

    kind: str
    saved_as: str
    attention: str
    mlp: tuple[str, ...]
    settings: Mapping[str, Any]
    block: str = _LAYER_1
    tokens: str = "<s> $A"
    generates: bool = True

    def sites(self) -> list[tuple[int, str, str]]:
        """Layer, kind and path of every site, in forward order."""
        sites = []
        for layer in range(N_LAYERS):
            block = self.block.format(layer)
            sites.append((layer, "attention", f"{block}.{self.attention}"))
            sites += [(layer, "mlp", f"{block}.{path}") for path in self.mlp]
            sites.append((layer, "residual", block))
        return sites

    def make(self, vocabulary: int) -> Any:
        """A randomly initialised model."""
        config = AutoConfig.for_model(self.kind, **{**COMMON, "vocab_size": vocabulary, **self.settings})
        return getattr(transformers, self.saved_as)(config)


def _decoder(kind: str, saved_as: str, mlp: tuple[str, ...] = _GATED, **settings: Any) -> Family:
    return Family(kind, saved_as, "self_attn.o_proj", mlp, _GROUPED | settings)


def _falcon(**settings: Any) -> Family:
    return Family("falcon", "FalconForCausalLM", "self_attention.dense", _FOURFOLD, settings, block="h.{}")


def _encoder(kind: str, saved_as: str) -> Family:
    return Family(
        kind, saved_as, "attention.output.dense", _BERT, {}, "encoder.layer.{}", "<s> $A </s>", generates=False
    )


_NAMED = {"n_embd": HIDDEN, "n_layer": N_LAYERS, "n_head": 4, "n_positions": 64}
_T5 = {"d_model": HIDDEN, "d_ff": 48, "d_kv": 8, "num_layers": N_LAYERS, "num_heads": 4, "num_decoder_layers": 3}
_MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "decoder_sparse_step": 1}
_BART = {f"{half}_{name}": n for half in ("encoder", "decoder") for name, n in (("layers", 2), ("attention_heads", 4))}
_HALF = {**COMMON, **_GROUPED, "head_dim": 8, "vocab_size": 400, "sliding_window": 8}
FAMILIES: Mapping[str, Family] = {
    "llama": _decoder("llama", "LlamaForCausalLM"),
    "mistral": _decoder("mistral", "MistralForCausalLM", sliding_window=8),
    "qwen2": _decoder("qwen2", "Qwen2ForCausalLM"),
    "qwen3": _decoder("qwen3", "Qwen3ForCausalLM", head_dim=16),
    "gemma2": _decoder("gemma2", "Gemma2ForCausalLM", head_dim=8, sliding_window=8),
    "gemma3": _decoder("gemma3_text", "Gemma3ForCausalLM", head_dim=8, sliding_window=8),
    "gemma4": _decoder(
        "gemma4_text",
        "Gemma4ForCausalLM",
        head_dim=8,
        global_head_dim=16,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
        hidden_size_per_layer_input=8,
        vocab_size_per_layer_input=500,
        num_kv_shared_layers=0,
    ),
    "cohere": _decoder("cohere", "CohereForCausalLM"),
    "cohere2": _decoder("cohere2", "Cohere2ForCausalLM", sliding_window=8),
    "olmo2": _decoder("olmo2", "Olmo2ForCausalLM"),
    "phi3": _decoder("phi3", "Phi3ForCausalLM", ("mlp.gate_up_proj", "mlp.down_proj")),
    "mixtral": _decoder("mixtral", "MixtralForCausalLM", ("mlp.experts",), num_local_experts=4),
    "qwen2_moe": _decoder(
        "qwen2_moe",
        "Qwen2MoeForCausalLM",
        ("mlp.experts", *(f"mlp.shared_expert.{name.removeprefix('mlp.')}" for name in _GATED)),
        shared_expert_intermediate_size=40,
        **_MOE,
    ),
    "bloom": Family("bloom", "BloomForCausalLM", "self_attention.dense", _FOURFOLD, _NAMED, "h.{}", "$A"),
    "gpt2": Family("gpt2", "GPT2LMHeadModel", "attn.c_proj", ("mlp.c_fc", "mlp.c_proj"), _NAMED, "h.{}", "$A"),
    "gpt_neox": Family("gpt_neox", "GPTNeoXForCausalLM", "attention.dense", _FOURFOLD, {}),
    "xglm": Family(
        "xglm",
        "XGLMForCausalLM",
        "self_attn.out_proj",
        ("fc1", "fc2"),
        {"d_model": HIDDEN, "ffn_dim": 48, "num_layers": N_LAYERS, "attention_heads": 4, "init_std": 0.2},
    ),
    "opt": Family(
        "opt",
        "OPTForCausalLM",
        "self_attn.out_proj",
        ("fc1", "fc2"),
        {"ffn_dim": 48, "word_embed_proj_dim": 16, "do_layer_norm_before": False, "init_std": 0.2},
        "decoder.layers.{}",
    ),
    "falcon": _falcon(parallel_attn=True, new_decoder_architecture=False),
    "falcon sequential": _falcon(parallel_attn=False, multi_query=False, alibi=True, bias=True),
    "falcon grouped": _falcon(new_decoder_architecture=True, num_kv_heads=2),
    "xlm-r": _encoder("xlm-roberta", "XLMRobertaForMaskedLM"),
    "mbert": _encoder("bert", "BertForMaskedLM"),
    "mt5": Family(
        "mt5",
        "MT5ForConditionalGeneration",
        "layer.0.SelfAttention.o",
        tuple(f"layer.1.DenseReluDense.{name}" for name in ("wi_0", "wi_1", "wo")),
        _T5,
        "block.{}",
        "$A </s>",
        generates=False,
    ),
    "t5gemma": Family(
        "t5gemma",
        "T5GemmaForConditionalGeneration",
        "self_attn.o_proj",
        _GATED,
        {"encoder": _HALF, "decoder": _HALF},
        tokens="$A </s>",
        generates=False,
    ),
    "bart": Family(
        "bart",
        "BartForConditionalGeneration",
        "self_attn.out_proj",
        ("fc1", "fc2"),
        {"d_model": HIDDEN, "encoder_ffn_dim": 48, "decoder_ffn_dim": 40, "init_std": 0.2, **_BART},
        tokens="<s> $A </s>",
        generates=False,
    ),
    "marian": Family(
        "marian",
        "MarianMTModel",
        "self_attn.out_proj",
        ("fc1", "fc2"),
        {"d_model": HIDDEN, "encoder_ffn_dim": 48, "decoder_ffn_dim": 40, "init_std": 0.2, **_BART},
        tokens="$A </s>",
        generates=False,
    ),
}


def save_family(folder: Path, family: Family) -> Path:
    """Save a tiny model with its tokenizer; the same family gives the same weights."""
    tokenizer = make_tokenizer(False)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=family.tokens, special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    torch.manual_seed(0)
    model = family.make(len(tokenizer)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # norms and biases start at 1 and 0, which would hide many mistakes
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Reference:
    """A model of the test's own, run one sentence at a time, without padding, with hooks of the test's own."""

    base: Any
    tokenizer: Any
    family: Family

    @classmethod
    def read(cls, folder: Path, family: Family) -> Reference:
        """Read what `save_family` wrote, by the architecture's class."""
        model = getattr(transformers, family.saved_as).from_pretrained(folder).eval()
        base = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
        return cls(base, AutoTokenizer.from_pretrained(folder), family)

    def run(
        self, texts: Sequence[str], paths: Sequence[str], pool: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Pooled module outputs by path, (width, n_sentences), and hidden states, (n_layers + 1, n_sentences, hidden).

        The hidden states are what enters each block, and the final output; OPT's, which is narrower, beside zeros.
        """
        outputs: dict[str, list[np.ndarray]] = {path: [] for path in paths}
        states, entered = [], []
        output_by_path: dict[str, torch.Tensor] = {}
        handles = [
            self.base.get_submodule(path).register_forward_hook(
                lambda _m, _a, out, path=path: output_by_path.__setitem__(path, first(out).detach().clone())
            )
            for path in paths
        ]
        blocks = [self.base.get_submodule(self.family.block.format(layer)) for layer in range(N_LAYERS)]
        handles += [
            block.register_forward_pre_hook(
                lambda _m, args, kwargs: entered.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True
            )
            for block in blocks
        ]
        for text in texts:
            entered.clear()
            encoded = self.tokenizer(text, return_special_tokens_mask=True)
            counted = ~torch.tensor(encoded["special_tokens_mask"]).bool()
            with torch.no_grad():
                last = self.base(input_ids=torch.tensor([encoded["input_ids"]])).last_hidden_state
            for path in paths:
                rows = (
                    output_by_path[path].reshape(len(counted), -1)[counted].double()
                )  # experts get their tokens in one row
                outputs[path].append(pool(rows).numpy())
            hidden = [*entered, nn.functional.pad(last, (0, HIDDEN - last.shape[-1]))]
            states.append([state[0, counted].double().mean(0).numpy() for state in hidden])
        for handle in handles:
            handle.remove()
        return {path: np.stack(rows, axis=1) for path, rows in outputs.items()}, np.array(states).transpose(1, 0, 2)

    @contextmanager
    def holding(
        self, unit: int, change: Callable[[torch.Tensor], torch.Tensor], paths: Sequence[str]
    ) -> Iterator[None]:
        """Replace one unit of the output of the modules at some paths by a function of it, in a copy."""

        def hook(_module: nn.Module, _args: object, output: Any) -> Any:
            new = first(output).clone()
            new[..., unit] = change(new[..., unit])
            return (new, *output[1:]) if isinstance(output, tuple) else new

        handles = [self.base.get_submodule(path).register_forward_hook(hook) for path in paths]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def first(output: Any) -> torch.Tensor:
    """A module's output, or the first of several."""
    return output[0] if isinstance(output, (tuple, list)) else output


def mean(rows: torch.Tensor) -> torch.Tensor:
    """Over tokens."""
    return rows.mean(0)


def largest(rows: torch.Tensor) -> torch.Tensor:
    """Over tokens."""
    return rows.max(0).values


@dataclass(frozen=True)
class Tiny:
    """A family's tiny model, loaded by the core and by transformers alone."""

    family: Family
    folder: Path
    model: LoadedModel
    neurons: NeuronMap
    plain: Reference

    @property
    def paths(self) -> list[str]:
        return [site.path for site in self.neurons.sites]
