"""A model by hub id, local folder or "embedded": resolved, outlined, loaded, each with a clear refusal.

``resolve`` finds out exactly which weights are meant without loading them, so that cached results need no model;
``outline`` reads its shape from the config alone; ``load`` makes it ready to run.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core import embedded_model, hub, loading
from core.errors import ModelError
from core.neurons import NeuronMap, find_neurons
from core.store import Store

EMBEDDED = "embedded"
DTYPES = loading.DTYPES


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
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``sharded`` spreads it over all GPUs and the memory.
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
    """A model's shape, known without its weights.

    Attributes
    ----------
    n_parameters : int
        Of the part that is used: of an encoder-decoder, the encoder.
    architecture : str
        Class of the model.
    generates : bool
        Whether it continues text; encoders do not.
    """

    neurons: NeuronMap
    n_layers: int
    hidden_size: int
    n_parameters: int
    architecture: str
    generates: bool = True


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to run.

    Attributes
    ----------
    lm : nn.Module
        The whole model; of an encoder, ``base``.
    base : nn.Module
        The model without its language-modelling head, which costs more than all layers together.
    neurons : NeuronMap
        Of its MLP; ``outline(resolved, kinds).neurons`` gives others.
    device : torch.device
        Where token ids go; modules of a sharded model may be elsewhere.
    dtype : torch.dtype
        What activations are in.
    generates : bool
        Whether ``lm`` continues text: not if it is an encoder, or its files hold no language-modelling head.
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
    generates: bool = True
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def name(self) -> str:
        """As it was asked for."""
        return self.resolved.name

    @property
    def sharded(self) -> bool:
        """Whether its modules' weights move between devices in a pass, so that only one pass can run at a time."""
        return self.resolved.device == loading.SHARDED


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
    device = loading.check_device(spec.device)
    dtype = loading.check_dtype(spec.dtype, device)
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
def outline(resolved: ResolvedModel, kinds: tuple[str, ...] = ("mlp",)) -> Outline:
    """A model's shape from its config alone: the modules are made without memory for weights.

    Parameters
    ----------
    kinds : tuple of {"mlp", "attention", "residual"}
        Which neurons its map holds.

    Raises
    ------
    SettingError
        For a kind of neurons that is not known.
    ModelError
        If transformers does not know the architecture, or its neurons cannot be found.
    """
    made = _skeleton(resolved)
    return Outline(
        neurons=find_neurons(made.base, made.n_layers, kinds),
        n_layers=made.n_layers,
        hidden_size=made.hidden_size,
        n_parameters=sum(p.numel() for p in made.lm.parameters()),
        architecture=type(made.lm).__name__,
        generates=made.generates,
    )


@lru_cache(maxsize=8)
def _skeleton(resolved: ResolvedModel) -> loading.Made:
    return loading.skeleton(resolved.name, loading.recipe(resolved.name, _config(resolved)))


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

    shape = outline(resolved)
    loading.check_memory(resolved.name, _skeleton(resolved), dtype=resolved.dtype, device=resolved.device)
    if resolved.name == EMBEDDED:
        location, where = str(embedded_model.converted(store).path), {}
    else:
        location, where = resolved.location, hub.loading_arguments(resolved.location, resolved.revision)
    transformers.utils.logging.disable_progress_bar()  # ours says how long the whole will take
    recipe = loading.recipe(resolved.name, _config(resolved))
    with hub.explained(resolved.name):
        embedded = resolved.name == EMBEDDED
        tokenizer = embedded_model.tokenizer(Path(location)) if embedded else _tokenizer(location, where)
        made = loading.read(resolved.name, recipe, location, where, dtype=resolved.dtype, device=resolved.device)
    return LoadedModel(
        resolved=resolved,
        lm=made.lm,
        base=made.base,
        tokenizer=tokenizer,
        neurons=shape.neurons,
        hidden_size=shape.hidden_size,
        context=loading.context(made.base, made.base.config.get_text_config(), tokenizer),
        pad_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        device=loading.input_device(made, resolved.device),
        dtype=DTYPES[resolved.dtype],
        generates=made.generates,
    )


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
