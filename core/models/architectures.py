"""How a model of any architecture is made and read: which class, which part of it, where its weights go.

Nothing is keyed on a model's name. A config says what it is: an encoder-decoder gives its encoder; what transformers
knows as a causal language model is one; what is also a masked language model, and not told to be a decoder, is an
encoder; a multimodal config gives the text model inside it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import ModelError
from core.models import adapters, pretrained
from core.models.placement import SHARDED, TORCH_DTYPES, placement

_MOST_LAYERS = 400  # models today have at most 130; each layer costs milliseconds before anything is known of it
_LONGEST_CONTEXT = 4096  # sentences, not documents: a cap where neither model nor tokenizer names one


# A multimodal checkpoint's names for its text model, as that model on its own has them.
_TEXT_WEIGHTS = {
    r"^(model\.)?language_model\.lm_head\.": "lm_head.",
    r"^(model\.)?language_model\.(model\.)?(?!lm_head\.)": "model.",
}


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a config's model is made.

    Attributes
    ----------
    auto : type
        The class of transformers that picks the model's class.
    config : PreTrainedConfig
        Of the model that is made: the text model's, for a multimodal one.
    part : {"all", "base", "encoder"}
        What is used of it: a causal language model with its head, a model that has none, or the encoder alone.
    extra : dict
        Further keyword arguments of ``from_pretrained``.
    """

    auto: Any
    config: Any
    part: str
    extra: dict[str, Any]


@dataclass(frozen=True, eq=False)
class BuiltModel:
    """A model as it is used.

    Attributes
    ----------
    whole : nn.Module
        As transformers makes it.
    lm : nn.Module
        What of it is kept: all of it, or the encoder.
    base : nn.Module
        The stack of blocks with its embeddings, without a language-modelling head.
    generates : bool
        Whether it continues text.
    """

    whole: Any
    lm: Any
    base: Any
    generates: bool

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return int(self.base.config.get_text_config().num_hidden_layers)

    @property
    def hidden_size(self) -> int:
        """Width of the hidden state."""
        return int(self.base.config.get_text_config().hidden_size)


def recipe(name: str, config: Any) -> Recipe:
    """Find out how a config's model is made.

    Raises
    ------
    ModelError
        If transformers has no text model for it.
    """
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        MODEL_FOR_TEXT_ENCODING_MAPPING,
        MODEL_MAPPING,
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForTextEncoding,
    )

    kind = type(config)
    if config.is_encoder_decoder:
        if kind in MODEL_FOR_TEXT_ENCODING_MAPPING:  # a class for the encoder alone: the decoder is never read
            alone = copy.deepcopy(config)
            alone.is_encoder_decoder = False
            return Recipe(AutoModelForTextEncoding, alone, "encoder", {})
        if kind in MODEL_MAPPING:
            return Recipe(AutoModel, config, "encoder", {})
        raise _no_text_model(name, f"{config.model_type}, an encoder-decoder")
    text = config.get_text_config()
    if text is not config:
        if type(text) not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise _no_text_model(name, f"{config.model_type}, multimodal, whose text model is a {text.model_type}")
        return Recipe(AutoModelForCausalLM, text, "all", {"key_mapping": _TEXT_WEIGHTS})
    masked = kind in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING and not masked:
        return Recipe(AutoModelForCausalLM, config, "all", {})
    for auto, known in ((AutoModelForTextEncoding, MODEL_FOR_TEXT_ENCODING_MAPPING), (AutoModel, MODEL_MAPPING)):
        if kind in known:
            return Recipe(auto, config, "base", {})
    raise _no_text_model(name, config.model_type)


def _no_text_model(name: str, found: str) -> ModelError:
    return ModelError(
        f"use {name}",
        f"its architecture ({found}) is no text model that transformers can load on its own",
        "Use a causal language model (Llama, Gemma, BLOOM, GPT-2, ...) or a text encoder (BERT, XLM-R, mT5, ...).",
    )


@pretrained.one_at_a_time
def skeleton(name: str, made_by: Recipe) -> BuiltModel:
    """Make the modules without memory for weights.

    Raises
    ------
    ModelError
        If the config asks for what no model has, or for what cannot be made.
    """
    _check_size(name, made_by.config)
    with torch.device("meta"):
        try:
            whole = pretrained.make_model(made_by.auto, made_by.config)
        except ValueError as error:
            raise _no_text_model(name, made_by.config.model_type) from error
        except Exception as error:  # whatever the values of a config lead to
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ModelError(
                f"load {name}",
                f"no {made_by.config.model_type} can be made as its config says ({reason})",
                "Use the config.json that the model was saved with.",
            ) from error
    return cut(name, made_by, whole)


def _check_size(name: str, config: Any) -> None:
    """Refuse a config with more layers than any model has, before a page waits for them to be made."""
    text = config.get_text_config()
    for setting in ("num_hidden_layers", "encoder_layers", "decoder_layers", "num_layers", "num_decoder_layers"):
        count = getattr(text, setting, None)
        if isinstance(count, int) and not isinstance(count, bool) and not 0 <= count <= _MOST_LAYERS:
            raise ModelError(
                f"load {name}",
                f"its config says {setting}: {count:,}, and models here have at most {_MOST_LAYERS:,} layers",
                "Use the config.json that the model was saved with.",
            )


def cut(name: str, made_by: Recipe, whole: Any) -> BuiltModel:
    """Keep of a model what is used.

    Raises
    ------
    ModelError
        If it does not take tokens.
    """
    if made_by.part == "all":
        return BuiltModel(whole, whole, whole.base_model, generates=True)
    encoder = whole.get_encoder() if made_by.part == "encoder" else whole.base_model
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # after the last hidden state; most checkpoints have none, and it would be made up
    if getattr(encoder, "main_input_name", "input_ids") != "input_ids" or not hasattr(made_by.config, "vocab_size"):
        raise _no_text_model(name, made_by.config.model_type)
    return BuiltModel(whole, encoder, encoder, generates=False)


@pretrained.one_at_a_time
def read(
    name: str,
    made_by: Recipe,
    location: str,
    where: dict[str, Any],
    *,
    dtype: str,
    device: str,
    adapter: str = "",
) -> BuiltModel:
    """Read a model's weights and put them where they belong; merge the adapter of a folder into them if one is named.

    Raises
    ------
    ModelError
        If the files lack weights that are used, or the adapter is of another model.
    """
    loaded: Any = pretrained.read_model(
        made_by.auto,
        name,
        location,
        config=made_by.config,
        dtype=TORCH_DTYPES[dtype],
        output_loading_info=True,
        **where,
        **made_by.extra,
        **placement(device, dtype),
    )
    whole, report = loaded
    if adapter:
        whole = adapters.merged(name, whole, Path(adapter))
    used = cut(name, made_by, whole)
    headless = _check_complete(name, made_by, used, report["missing_keys"])
    used.lm.eval().requires_grad_(False)
    if not placement(device, dtype):
        used.lm.to(torch.device(device))
    return BuiltModel(used.lm, used.lm, used.base, used.generates and not headless)


def _check_complete(name: str, made_by: Recipe, made: BuiltModel, missing: Iterable[str]) -> bool:
    """Refuse what transformers only warns of: weights that the files lack, and that it made up at random.

    A table that is made frozen is computed and not learned (Marian's sinusoidal positions), and no file holds it.

    Returns
    -------
    bool
        Whether weights are missing that embedding a sentence does not need: the language-modelling head.
    """
    kept = {id(tensor) for tensor in _tensors(made.base).values()}
    missing = set(missing)
    lacking = {path: id(tensor) for path, tensor in _tensors(made.whole).items() if path in missing}
    made_up = sorted(path for path, tensor in lacking.items() if tensor in kept)
    if made_up:
        made_up = [path for path in made_up if path not in _computed(made_by)]
    if made_up:
        raise ModelError(
            f"load {name}",
            f"its files lack {len(made_up):,} of the model's weights ({made_up[0]}, ...)",
            f"Check that its files are complete, and saved as a {type(made.whole).__name__}.",
        )
    return bool(lacking)


def _computed(made_by: Recipe) -> set[str]:
    """Paths of the tables that a model is made with frozen."""
    with torch.device("meta"):
        fresh = pretrained.make_model(made_by.auto, made_by.config)
    return {path for path, parameter in fresh.named_parameters() if not parameter.requires_grad}


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    parameters = dict(module.named_parameters(remove_duplicate=False))
    return parameters | dict(module.named_buffers(remove_duplicate=False))


def context(base: nn.Module, config: Any, tokenizer: Any) -> int:
    """Most tokens of a sentence: what the positions, the tokenizer and good sense allow."""
    positions, words = getattr(config, "max_position_embeddings", None), base.get_input_embeddings()  # type: ignore[operator]
    for module in base.modules():
        if not isinstance(module, nn.Embedding) or module is words or module.padding_idx is None:
            continue
        if module.num_embeddings == positions:  # RoBERTa counts from behind the padding's: that many are never used
            positions = int(positions) - module.padding_idx - 1
            break
    limits = [positions, tokenizer.model_max_length, _LONGEST_CONTEXT]
    return int(min(limit for limit in limits if limit))


def n_ids(base: nn.Module) -> int:
    """Rows of the embedding: token ids are below it."""
    return int(base.get_input_embeddings().weight.shape[0])  # type: ignore[operator]


def input_device(made: BuiltModel, device: str) -> torch.device:
    """Where token ids go: to the input embeddings."""
    if device != SHARDED:
        return torch.device(device)
    embeddings = made.base.get_input_embeddings()
    # Embeddings that wait in memory or on disk are computed with elsewhere: where, only accelerate's hook knows, which
    # has no public reader.
    moved = getattr(getattr(embeddings, "_hf_hook", None), "execution_device", None)
    if isinstance(moved, int):
        return torch.device("cuda", moved)
    return torch.device(moved) if moved is not None else next(embeddings.parameters()).device
