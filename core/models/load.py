"""A model's shape from its config alone, and the model loaded and ready to run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from core import access
from core.errors import ModelError
from core.models import (
    adapters,
    architectures,
    download,
    embedded,
    first_pass,
    gguf_file,
    hub,
    memory,
    packed,
    placement,
    pretrained,
    tokenizers,
    weight_patch,
)
from core.models.loaded_model import LoadedModel, Ranks
from core.models.placement import TORCH_DTYPES
from core.models.spec import ResolvedModel
from core.neurons.neuron_map import NeuronMap
from core.neurons.sites import find_neurons
from core.store.store import Store


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
    language_coded : bool
        Whether its tokenizer marks every sentence with a code of its language.
    chat : bool
        Whether it comes with a chat template.
    pads : bool
        Whether its files are known to name a token that fills up sentences.
    shapes_text : bool
        Whether its files say how it is to write text; see `core.models.pretrained.shapes_text`.
    """

    neurons: NeuronMap
    n_layers: int
    hidden_size: int
    n_parameters: int
    architecture: str
    generates: bool = True
    language_coded: bool = False
    chat: bool = False
    pads: bool = True
    shapes_text: bool = False


_BELIEVED = 300.0  # seconds; a disk or a memory that was full may have room again
_MOST_REFUSED = 32
_refused: dict[tuple[ResolvedModel, tuple[str, ...]], tuple[float, ModelError]] = {}


def outline(resolved: ResolvedModel, kinds: tuple[str, ...] = ("mlp",)) -> Outline:
    """A model's shape from its config alone: the modules are made without memory for weights.

    It is found once for the same files (`ResolvedModel.digest`), and a refusal of files on this machine once in five
    minutes: a page asks at every change of a control.

    Parameters
    ----------
    kinds : tuple of {"mlp", "attention", "residual"}
        Which neurons its map holds.

    Raises
    ------
    SettingError
        For a kind of neurons that is not known.
    ModelError
        If transformers does not know the architecture, its neurons cannot be found, or reading them would not give one
        row a token.
    """
    refused_at, refused = _refused.get((resolved, kinds), (-_BELIEVED, None))
    if refused is not None and time.monotonic() - refused_at < _BELIEVED:
        raise ModelError(refused.what, refused.why, refused.instead)
    try:
        return _outline(resolved, kinds)
    except ModelError as refusal:
        if resolved.revision == "local":  # whether the hub answers is another matter
            while len(_refused) >= _MOST_REFUSED:
                _refused.pop(next(iter(_refused)), None)
            # Without what led to it: the frames hold a skeleton.
            kept = ModelError(refusal.what, refusal.why, refusal.instead)
            _refused[resolved, kinds] = (time.monotonic(), kept)
        raise


@lru_cache(maxsize=32)
def _outline(resolved: ResolvedModel, kinds: tuple[str, ...]) -> Outline:
    with hub.explained(resolved.name):
        packed.check_packed(resolved.name, _config(resolved))
        made = skeleton_of(resolved)
        _passes(resolved, kinds)
        return Outline(
            neurons=find_neurons(made.base, made.n_layers, kinds),
            n_layers=made.n_layers,
            hidden_size=made.hidden_size,
            n_parameters=sum(p.numel() for p in made.lm.parameters()),
            architecture=type(made.lm).__name__,
            generates=made.generates,
            language_coded=_language_coded(resolved),
            chat=_has_chat_template(resolved),
            pads=resolved.name in embedded.MODELS or _files_say(resolved, pretrained.names_padding, _TOKENIZER),
            shapes_text=_files_say(resolved, pretrained.shapes_text, pretrained.GENERATION_FILE),
        )


def _files_say(resolved: ResolvedModel, ask: Callable[..., bool], *files: str) -> bool:
    """What a model's small files say; False where its tokenizer is in no files of its own (an embedded model, GGUF)."""
    if resolved.name in embedded.MODELS or gguf_file.is_gguf(resolved):
        return False
    return ask(resolved.location, **hub.small_files(resolved.location, resolved.revision, *files))


_TOKENIZER = "tokenizer_config.json"
_TEMPLATES = (_TOKENIZER, "chat_template.jinja", "chat_template.json")


def _language_coded(resolved: ResolvedModel) -> bool:
    return _files_say(resolved, partial(pretrained.takes_languages, _config(resolved)), _TOKENIZER)


def _has_chat_template(resolved: ResolvedModel) -> bool:
    if gguf_file.is_gguf(resolved):
        return gguf_file.has_chat_template(resolved)
    return _files_say(resolved, pretrained.has_chat_template, *_TEMPLATES)


@lru_cache(maxsize=8)
def skeleton_of(resolved: ResolvedModel) -> architectures.BuiltModel:
    """A model's modules without memory for weights; raises `ModelError` as `core.models.architectures.skeleton`."""
    return architectures.skeleton(resolved.name, recipe_of(resolved))


@lru_cache(maxsize=32)
def _passes(resolved: ResolvedModel, kinds: tuple[str, ...] = ("mlp",)) -> bool:
    """Whether a pass is known to give one row a token at every site; the embedded model's is."""
    made = skeleton_of(resolved)
    neurons = find_neurons(made.base, made.n_layers, kinds)
    return resolved.name in embedded.MODELS or first_pass.check_skeleton(resolved.name, made.base, neurons)


def load(resolved: ResolvedModel, store: Store) -> LoadedModel:
    """Load a model, ready to run.

    Parameters
    ----------
    store : Store
        Keeps the converted models: embedded ones, and those of GGUF files.

    Raises
    ------
    ModelError
        If this machine has no such device, it does not fit into memory, or its files are damaged or of an unknown kind.
    """
    placement.check_here(resolved.device)
    shape = outline(resolved)
    memory.check_memory(resolved.name, skeleton_of(resolved), dtype=resolved.dtype, device=resolved.device)
    location, where, recipe = source(resolved, store)
    placing = {"dtype": resolved.dtype, "device": resolved.device, "adapter": resolved.adapter}
    with hub.explained(resolved.name):
        tokenizer = _tokenizer_of(resolved, location, where)
        made = architectures.read(resolved.name, recipe, location, where, **placing)
        if resolved.patch:
            weight_patch.apply(made.base, weight_patch.read(resolved.patch))
    device = architectures.input_device(made, resolved.device)
    if not _passes(resolved):
        first_pass.check(resolved.name, made.base, shape.neurons, device)
    return _loaded(resolved, made, tokenizer, device)


def without_weights(resolved: ResolvedModel, store: Store, ranks: Ranks) -> LoadedModel:
    """What a process needs of a model whose weights others hold: its shape and its tokenizer.

    Raises
    ------
    ModelError
        As `load`, of the tokenizer.
    """
    location, where, _ = source(resolved, store)
    with hub.explained(resolved.name):
        tokenizer = _tokenizer_of(resolved, location, where)
        made = skeleton_of(resolved)
    return replace(_loaded(resolved, made, tokenizer, torch.device(resolved.device)), ranks=ranks)


def _tokenizer_of(resolved: ResolvedModel, location: str, where: dict[str, Any]) -> Any:
    """The tokenizer of a model, checked against its embedding."""
    if resolved.name in embedded.MODELS:
        return embedded.MODELS[resolved.name].tokenizer(Path(location))
    _check_no_adapter(resolved)
    tokenizer = tokenizers.read(resolved.name, location, where)
    tokenizers.check_vocabulary(resolved.name, tokenizer, architectures.n_ids(skeleton_of(resolved).base))
    return tokenizer


def _loaded(
    resolved: ResolvedModel, made: architectures.BuiltModel, tokenizer: Any, device: torch.device
) -> LoadedModel:
    shape, pad_id = outline(resolved), tokenizer.pad_token_id
    return LoadedModel(
        resolved=resolved,
        lm=made.lm,
        base=made.base,
        tokenizer=tokenizer,
        neurons=shape.neurons,
        hidden_size=shape.hidden_size,
        context=architectures.context(made.base, made.base.config.get_text_config(), tokenizer),
        pad_id=pad_id if pad_id is not None and pad_id < architectures.n_ids(made.base) else 0,
        device=device,
        dtype=TORCH_DTYPES[resolved.dtype],
        generates=made.generates,
    )


def _not_here(needed: download.Download) -> ModelError:
    return ModelError(
        f"load {needed.name}",
        f"{needed.nbytes / 1e6:,.1f} MB of it are on the hub and not on this machine",
        "Open the page Explore with this model and confirm the download, or download it beforehand (`hf download`).",
    )


def check_download(needed: download.Download, resolved: ResolvedModel) -> None:
    """Refuse a download, or a model that could not be loaded after it; raises `ModelError`."""
    placement.check_here(resolved.device)
    made = skeleton_of(resolved)
    needed.check(sum(parameter.numel() for parameter in made.whole.parameters()))
    memory.check_memory(resolved.name, made, dtype=resolved.dtype, device=resolved.device)


def source(resolved: ResolvedModel, store: Store) -> tuple[str, dict[str, Any], architectures.Recipe]:
    """Where a model is read from (folder or hub id), further arguments of ``from_pretrained``, and how it is made.

    Raises
    ------
    ModelError
        If it would have to be downloaded, and cannot be or must be confirmed first.
    """
    where: dict[str, Any] = {}
    if resolved.name in embedded.MODELS:
        location = str(embedded.converted(store, resolved.name).path)
    elif gguf_file.is_gguf(resolved):
        location = str(gguf_file.converted(store, resolved).path)
    else:
        location, where = resolved.location, hub.loading_arguments(resolved.location, resolved.revision)
        if where and (needed := download.pending(resolved)) is not None:
            check_download(needed, resolved)
            if access.asks_before_downloads():
                raise _not_here(needed)
    return location, where, recipe_of(resolved)


def recipe_of(resolved: ResolvedModel) -> architectures.Recipe:
    """How a model is made, from its config alone."""
    return architectures.recipe(resolved.name, _config(resolved))


def _check_no_adapter(resolved: ResolvedModel) -> None:
    """Refuse a model on the hub that an adapter lies beside: transformers would apply it, and nobody named it."""
    where = hub.small_files(resolved.location, resolved.revision, adapters.CONFIG)
    if where and pretrained.find_file(resolved.location, adapters.CONFIG, where):
        raise ModelError(
            f"load {resolved.name}",
            f"an adapter lies beside it ({adapters.CONFIG}), and which of the two is meant is not said",
            f"Download it (hf download {resolved.name} --local-dir DIR), move the adapter's files elsewhere, and name "
            "DIR, with --adapter or without.",
        )


def _config(resolved: ResolvedModel) -> Any:
    if resolved.name in embedded.MODELS:
        return embedded.MODELS[resolved.name].config()
    if gguf_file.is_gguf(resolved):
        return gguf_file.config(resolved)
    with hub.explained(resolved.name):
        where = hub.config_files(resolved.location, resolved.revision)
        return pretrained.read_config(resolved.name, resolved.location, **where)
