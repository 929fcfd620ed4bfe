"""A model by hub id, local folder or "embedded": resolved, outlined, loaded, each with a clear refusal.

``resolve`` finds out exactly which weights are meant without loading them, so that cached results need no model;
``outline`` reads its shape from the config alone; ``load`` makes it ready to run.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn

from core import embedded_model, hub
from core.errors import ModelError
from core.neurons import NeuronMap, find_neurons
from core.store import Store

EMBEDDED = "embedded"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_LONGEST_CONTEXT = 4096  # sentences, not documents: a cap where neither model nor tokenizer names one


@dataclass(frozen=True)
class ModelSpec:
    """Which model, as a person asks for it.

    Attributes
    ----------
    name : str
        ``embedded``, a Hugging Face id (``bigscience/bloom-560m``) or a local folder.
    revision : str, optional
        Branch, tag or commit on the hub.
    dtype : str
        ``auto`` or one of `DTYPES`. Auto is bfloat16 where the device computes it natively, else float32.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    name: str = EMBEDDED
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"


@dataclass(frozen=True)
class ResolvedModel:
    """Exactly which weights, on which device, in which precision: what a cached result depends on.

    Attributes
    ----------
    location : str
        Folder or hub id to load from; empty for the embedded model.
    revision : str
        Commit on the hub, or ``local``.
    digest : str
        SHA-256 of the weights' files, or the commit for a model from the hub (a commit names its contents).
    """

    name: str
    location: str
    revision: str
    digest: str
    dtype: str
    device: str

    @property
    def identity(self) -> dict[str, str]:
        """What determines the numbers that the model gives: not by what name or path it was asked for."""
        return {
            "revision": self.revision,
            "digest": self.digest,
            "dtype": self.dtype,
            "device": self.device.split(":")[0],
        }


@dataclass(frozen=True)
class Outline:
    """A model's shape, known without its weights."""

    neurons: NeuronMap
    n_layers: int
    hidden_size: int
    n_parameters: int
    architecture: str


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to run.

    Attributes
    ----------
    base : nn.Module
        The model without its language-modelling head, which costs more than all layers together.
    lock : RLock
        Whoever attaches hooks or runs a forward pass holds it: the object is shared by all visitors.
    """

    resolved: ResolvedModel
    lm: nn.Module
    base: nn.Module
    tokenizer: Any
    neurons: NeuronMap
    hidden_size: int
    context: int
    pad_id: int
    device: torch.device
    dtype: torch.dtype
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def name(self) -> str:
        """As it was asked for."""
        return self.resolved.name


@dataclass(frozen=True)
class Choice:
    """A model that the picker offers."""

    name: str
    title: str
    parameters: str
    note: str


CATALOGUE = (
    Choice(EMBEDDED, embedded_model.TITLE, "268M", "embedded"),
    Choice("CohereLabs/aya-23-8B", "Aya 23 8B", "8B", "in the paper; gated on the hub"),
    Choice("DAMO-NLP-MT/polylm-chat-13b", "PolyLM Chat 13B", "13B", "in the paper"),
    Choice("bigscience/bloom-7b1", "BLOOM 7B1", "7B", "in the paper"),
    Choice("bigscience/bloom-560m", "BLOOM 560M", "559M", "46 languages"),
    Choice("facebook/xglm-564M", "XGLM 564M", "564M", "30 languages"),
    Choice("Qwen/Qwen3-0.6B-Base", "Qwen3 0.6B (base)", "596M", "119 languages"),
    Choice("HuggingFaceTB/SmolLM3-3B-Base", "SmolLM3 3B (base)", "3B", "6 languages"),
    Choice("google/gemma-3-1b-pt", "Gemma 3 1B (base)", "1B", "140 languages; gated on the hub"),
)


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Find out exactly which weights are meant, without loading them.

    Raises
    ------
    ModelError
        For a wrong id, a gated model, a missing folder, no network, an unknown device or precision.
    """
    device = _device(spec.device)
    dtype = _dtype(spec.dtype, device)
    name = spec.name.strip()
    if name == EMBEDDED:
        if spec.revision:
            raise ModelError(
                f"revision {spec.revision} of the embedded model", "it has only one", "Leave the revision out."
            )
        return ResolvedModel(name, "", f"{embedded_model.PACKAGE}==1.0.0", embedded_model.SHA256, dtype, device)
    if hub.looks_like_folder(name):
        if spec.revision:
            raise ModelError(
                f"revision {spec.revision} of the folder {name}",
                "only models on the hub have revisions",
                "Leave the revision out.",
            )
        folder = Path(name).expanduser()
        hub.check_folder(folder)
        return ResolvedModel(name, str(folder.resolve()), "local", _folder_digest(folder.resolve()), dtype, device)
    commit = hub.commit(name, spec.revision)
    return ResolvedModel(name, name, commit, commit, dtype, device)


@lru_cache(maxsize=32)
def outline(resolved: ResolvedModel) -> Outline:
    """A model's shape from its config alone: the modules are made without memory for weights.

    Raises
    ------
    ModelError
        If transformers does not know the architecture, or its neurons cannot be found.
    """
    from transformers import AutoModelForCausalLM

    config = _config(resolved)
    with torch.device("meta"):
        try:
            lm = AutoModelForCausalLM.from_config(config)
        except ValueError as error:
            raise _not_causal(resolved, config) from error
    base = lm.base_model
    text = config.get_text_config()
    return Outline(
        neurons=find_neurons(base, text.num_hidden_layers),
        n_layers=text.num_hidden_layers,
        hidden_size=text.hidden_size,
        n_parameters=sum(p.numel() for p in lm.parameters()),
        architecture=type(lm).__name__,
    )


def load(resolved: ResolvedModel, store: Store) -> LoadedModel:
    """Load a model, ready to run.

    Parameters
    ----------
    store : Store
        Keeps the converted embedded model.

    Raises
    ------
    ModelError
        If it does not fit into memory, or its files are damaged or of an unknown kind.
    """
    import transformers
    from transformers import AutoModelForCausalLM

    shape = outline(resolved)
    _check_memory(resolved, shape)
    if resolved.name == EMBEDDED:
        location, where = str(embedded_model.converted(store).path), {}
    else:
        location, where = resolved.location, hub.loading_arguments(resolved.location, resolved.revision)
    transformers.utils.logging.disable_progress_bar()  # ours says how long the whole will take
    with hub.explained(resolved.name):
        tokenizer = _tokenizer(location, where)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            location, dtype=DTYPES[resolved.dtype], output_loading_info=True, **where
        )
    lm, report = loaded
    _check_complete(resolved, lm, report["missing_keys"])
    lm.eval().requires_grad_(False)
    device = torch.device(resolved.device)
    lm.to(device)
    text = lm.config.get_text_config()
    return LoadedModel(
        resolved=resolved,
        lm=lm,
        base=lm.base_model,
        tokenizer=tokenizer,
        neurons=shape.neurons,
        hidden_size=shape.hidden_size,
        context=_context(text, tokenizer),
        pad_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        device=device,
        dtype=DTYPES[resolved.dtype],
    )


def native_bfloat16() -> bool:
    """Whether this machine's processor multiplies bfloat16 matrices itself (AVX512-BF16 or AMX; ARM's BF16)."""
    check = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    if not (torch.backends.mkldnn.is_available() and check is not None and check()):
        return False
    flags = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)()
    return bool(flags or getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def _device(asked: str) -> str:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    kind = asked.split(":")[0]
    if not available.get(kind, False):
        have = ", ".join(name for name, there in available.items() if there)
        raise ModelError(f"device {asked!r}", f"this machine has {have}", "Use auto, or one that is there.")
    return asked


def _dtype(asked: str, device: str) -> str:
    if asked == "auto":
        if device.startswith("cuda"):
            return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return "bfloat16" if device == "cpu" and native_bfloat16() else "float32"
    if asked not in DTYPES:
        raise ModelError(f"dtype {asked!r}", "it is not one that models run in", f"Use auto, {', '.join(DTYPES)}.")
    return asked


def _config(resolved: ResolvedModel) -> Any:
    from transformers import AutoConfig, Gemma3TextConfig

    if resolved.name == EMBEDDED:
        return Gemma3TextConfig(**embedded_model.CONFIG)
    with hub.explained(resolved.name):
        return AutoConfig.from_pretrained(resolved.location, **hub.revision_argument(resolved.revision))


def _tokenizer(location: str, where: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(location, **where)
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer of {location}", "it has no fast version", "Save it with a tokenizer.json (fast tokenizer)."
        )
    return tokenizer


def _check_complete(resolved: ResolvedModel, lm: Any, missing: Iterable[str]) -> None:
    """Refuse what transformers only warns of: weights that the files lack, and that it made up at random."""
    # The language-modelling head may be missing: it is not used.
    made_up = sorted(name for name in missing if name.startswith(f"{lm.base_model_prefix}."))
    if made_up:
        raise ModelError(
            f"load {resolved.name}",
            f"its files lack {len(made_up):,} of the model's weights ({made_up[0]}, ...)",
            "Check that its files are complete, and saved as a causal language model.",
        )


def _not_causal(resolved: ResolvedModel, config: Any) -> ModelError:
    return ModelError(
        f"use {resolved.name}",
        f"its architecture ({config.model_type}) is not a causal language model that transformers knows",
        "Use a decoder-only language model such as Llama, Gemma, Qwen, BLOOM or GPT-2.",
    )


def _check_memory(resolved: ResolvedModel, shape: Outline) -> None:
    """Refuse a model that would push the machine into swap, before anything is downloaded."""
    width = torch.finfo(DTYPES[resolved.dtype]).bits // 8
    # Activations of a batch and the pooled responses of one language come on top of the weights.
    needed = shape.n_parameters * width * 1.1 + (1 << 30)
    if resolved.device.startswith("cuda"):
        free = float(torch.cuda.mem_get_info(resolved.device)[0])
    else:
        free = float(psutil.virtual_memory().available)
    if needed > free:
        raise ModelError(
            f"load {resolved.name}",
            f"its {shape.n_parameters / 1e9:.1f} billion parameters need about {needed / 2**30:.1f} GiB in "
            f"{resolved.dtype}, and {free / 2**30:.1f} GiB are free on {resolved.device}",
            "Use a smaller model, a narrower --dtype (bfloat16), or a machine with more memory.",
        )


def _context(config: Any, tokenizer: Any) -> int:
    limits = [getattr(config, "max_position_embeddings", None), tokenizer.model_max_length, _LONGEST_CONTEXT]
    return int(min(limit for limit in limits if limit))


def _folder_digest(folder: Path) -> str:
    """SHA-256 over names and contents of a model folder's files, remembered while sizes and times stay."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    stamp = tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    return _digest_of(stamp)


@lru_cache(maxsize=32)
def _digest_of(stamp: tuple[tuple[str, int, int], ...]) -> str:
    sha = hashlib.sha256()
    for name, _, _ in stamp:
        with Path(name).open("rb") as file:
            sha.update(f"{Path(name).name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return sha.hexdigest()
