"""What a sentence encoder's own folder says of how it embeds sentences.

Folders of sentence encoders hold, beside the model, what sentence-transformers does with its hidden states:
``modules.json`` lists the steps, ``1_Pooling/config.json`` the pooling, ``config_sentence_transformers.json`` the
prompts, ``sentence_bert_config.json`` the longest sentence. The same steps are done here, from the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from core.errors import ModelError
from core.models import embedded, gguf_file, hub, pretrained
from core.models.sentence_pooling import SentenceEncoder, Step
from core.models.spec import ResolvedModel

# sentence-transformers' names of them, in the order in which it concatenates several: today's, and those of old files.
_POOLINGS = {
    "cls": ("cls", "pooling_mode_cls_token"),
    "max": ("max", "pooling_mode_max_tokens"),
    "mean": ("mean", "pooling_mode_mean_tokens"),
    "mean-sqrt-len": ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
    "weighted-mean": ("weightedmean", "pooling_mode_weightedmean_tokens"),
    "last": ("lasttoken", "pooling_mode_lasttoken"),
}
_ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid", "SiLU")
_GENERAL = "config_sentence_transformers.json"
_OLD_NAMES = ("roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
_INSTEAD = "Use --sentence-pooling mean, or another that needs no modules.json."

Head = tuple[Callable[[np.ndarray], np.ndarray], ...]
"""What is done to the last layer's embeddings (n, width) after the pooling, step by step."""


@lru_cache(maxsize=32)
def read(resolved: ResolvedModel) -> SentenceEncoder | None:
    """Read what a model's folder or repository says; None if it holds no modules.json.

    Raises
    ------
    ModelError
        If it lists a step that is not known here, or a file of it cannot be read.
    """
    if resolved.name in embedded.MODELS:
        return embedded.MODELS[resolved.name].encoder
    with hub.explained(resolved.name):
        files = _Files(resolved)
        listed = files.json("modules.json", list)
        if listed is None:
            return None
        modules = [(str(module.get("type", "")).rsplit(".", 1)[-1], module) for module in listed]
        _check_modules(resolved.name, [kind for kind, _ in modules], modules)
        paths = {kind: str(module.get("path") or "") for kind, module in modules}
        pooling = files.json(f"{paths['Pooling']}/config.json", dict)
        if pooling is None:
            raise ModelError(
                f"embed sentences as the folder of {resolved.name} says",
                f"its {paths['Pooling']}/config.json, which says how, is missing",
                _INSTEAD,
            )
        general = files.json(_GENERAL, dict) or {}
        beside = [str(PurePosixPath(paths["Transformer"]) / name) for name in _own_files()]
        own: Mapping[str, Any] = next(filter(None, (files.json(name, dict) for name in beside)), {})
        return SentenceEncoder(
            poolings=_poolings(resolved.name, pooling),
            steps=tuple(
                _step(files, kind, str(module.get("path") or "")) for kind, module in modules[2:] if kind != "Dropout"
            ),
            counts_prompt=bool(pooling.get("include_prompt", True)),
            default_prompt=_prompts(general).get(str(general.get("default_prompt_name")), ""),
            max_length=own.get("max_seq_length"),
            lower_case=bool(own.get("do_lower_case", False)),
        )


@lru_cache(maxsize=32)
def prompts(resolved: ResolvedModel) -> Mapping[str, str]:
    """The texts that a model's folder or repository names for putting before sentences, by name."""
    if resolved.name in embedded.MODELS:
        return embedded.MODELS[resolved.name].prompts
    with hub.explained(resolved.name):
        return _prompts(_Files(resolved).json(_GENERAL, dict) or {})


def _prompts(general: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(text or "") for name, text in (general.get("prompts") or {}).items()}


def files(resolved: ResolvedModel) -> dict[str, Path]:
    """Where the files lie that say how a model embeds sentences, by their paths in its folder or repository."""
    with hub.explained(resolved.name):
        found = _Files(resolved)
        listed = found.json("modules.json", list)
        if listed is None:
            return {}
        steps = filter(None, (str(module.get("path") or "") for module in listed))
        names = ["modules.json", _GENERAL, *_own_files()]
        names += [f"{step}/{name}" for step in steps for name in ("config.json", "model.safetensors")]
        return {name: Path(place) for name in names if (place := found.find(name)) is not None}


def files_beside(folder: Path) -> list[str]:
    """Paths, from a model's folder, of the files below it that its modules.json names the steps by."""
    paths = [path for _, path in _module_folders(folder)]
    return [f"{path}/{name}" for path in paths for name in ("config.json", "model.safetensors")]


def transformer_folder(folder: Path) -> Path:
    """The folder below, of config, weights and tokenizer, that modules.json names; the folder itself if it names none.

    Older sentence encoders keep their transformer in one of its own, ``0_Transformer``.
    """
    paths = [path for kind, path in _module_folders(folder) if kind == "Transformer"]
    return folder / paths[0] if paths else folder


def _module_folders(folder: Path) -> list[tuple[str, str]]:
    """Kind of module and path below a folder, of the modules that its modules.json gives a folder of their own."""
    try:
        listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        paths = [(str(module.get("type", "")).rsplit(".", 1)[-1], str(module.get("path") or "")) for module in listed]
    except (OSError, ValueError, AttributeError, TypeError):  # none, or a broken one, which is refused when it is read
        return []
    return [(kind, path) for kind, path in paths if path and _is_below(path)]


def _is_below(path: str) -> bool:
    return ".." not in Path(path).parts and not Path(path).is_absolute()


@lru_cache(maxsize=8)
def head(resolved: ResolvedModel, encoder: SentenceEncoder) -> Head:
    """Read the weights of the steps after the pooling; each step takes and gives float32, (n, width)."""
    with hub.explained(resolved.name):
        files = _Files(resolved)
        return tuple(_function(resolved.name, files, step) for step in encoder.steps)


class _Files:
    """Files of a model's folder, or of its repository on the hub."""

    def __init__(self, resolved: ResolvedModel) -> None:
        self.name = resolved.name
        self._location = "" if gguf_file.is_gguf(resolved) else resolved.encoder_folder or resolved.location
        self._revision = resolved.revision

    def find(self, path: str, *, small: bool = False) -> str | None:
        if not self._location or not _is_below(path):
            return None
        if small:
            where = hub.small_files(self._location, self._revision, path)
        else:
            where = hub.loading_arguments(self._location, self._revision)
        return pretrained.find_file(self._location, path, where)

    def json(self, path: str, kind: type) -> Any:
        """The contents of a file, which must be of a kind; None if there is no such file."""
        found = self.find(path, small=True)
        if found is None:
            return None
        contents = json.loads(Path(found).read_text(encoding="utf-8"))
        if not isinstance(contents, kind):
            raise ModelError(f"read {path} of {self.name}", f"it holds no {kind.__name__}", _INSTEAD)
        return contents


def _own_files() -> list[str]:
    return ["sentence_bert_config.json", *(f"sentence_{name}_config.json" for name in _OLD_NAMES)]


def _check_modules(name: str, kinds: Sequence[str], modules: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse what is not a transformer, a pooling, and then known steps."""
    known = ("Dense", "LayerNorm", "Normalize", "Dropout")
    strange = [kind for kind in kinds[2:] if kind not in known]
    if tuple(kinds[:2]) != ("Transformer", "Pooling"):
        strange = list(kinds)
    for kind, module in modules:
        if not str(module.get("type", "")).startswith("sentence_transformers."):
            strange.append(kind)
    if strange:
        raise ModelError(
            f"embed sentences as the folder of {name} says",
            f"its modules.json lists {', '.join(dict.fromkeys(strange))}, which is not a transformer, its pooling and "
            f"then only {', '.join(known)}",
            _INSTEAD,
        )


def _poolings(name: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    stated = config.get("pooling_mode")
    if stated is None:
        return tuple(ours for ours, (_, old) in _POOLINGS.items() if config.get(old)) or ("mean",)
    theirs = {new: ours for ours, (new, _) in _POOLINGS.items()}
    names = [stated] if isinstance(stated, str) else list(stated)
    if unknown := [str(mode) for mode in names if mode not in theirs]:
        raise ModelError(
            f"embed sentences as the folder of {name} says",
            f"the pooling {', '.join(unknown)} is not one that is known",
            _INSTEAD,
        )
    return tuple(theirs[mode] for mode in names)


def _step(files: _Files, kind: str, path: str) -> Step:
    if kind != "Dense":
        return Step(kind, path)
    config = files.json(f"{path}/config.json", dict) or {}
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    name = activation.rsplit(".", 1)[-1]
    elsewhere = {config.get(key, "sentence_embedding") for key in ("module_input_name", "module_output_name")}
    if not activation.startswith("torch.nn.") or name not in _ACTIVATIONS or elsewhere - {"sentence_embedding", None}:
        raise ModelError(
            f"embed sentences as the folder of {files.name} says",
            f"the step {path} is a linear map with {activation}, or not of the sentence's vector",
            _INSTEAD,
        )
    return Step(kind, path, int(config["out_features"]), name, bool(config.get("use_residual", False)))


def _function(name: str, files: _Files, step: Step) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    if step.kind == "Normalize":
        return lambda vectors: vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    weights = _weights(name, files, step)
    activation = getattr(torch.nn, step.activation)()

    def apply(vectors: np.ndarray) -> np.ndarray:
        entering = torch.from_numpy(np.ascontiguousarray(vectors))
        if step.kind == "LayerNorm":
            norm, bias = weights["norm.weight"], weights["norm.bias"]
            return torch.nn.functional.layer_norm(entering, norm.shape, norm, bias).numpy()
        linear = torch.nn.functional.linear
        leaving = activation(linear(entering, weights["linear.weight"], weights.get("linear.bias")))
        if step.residual:
            added = weights.get("residual.weight")
            leaving = leaving + (entering if added is None else linear(entering, added))
        result: np.ndarray = leaving.numpy()
        return result

    return apply


def _weights(name: str, files: _Files, step: Step) -> dict[str, Any]:
    from safetensors.torch import load_file

    found = files.find(f"{step.path}/model.safetensors")
    if found is None:
        raise ModelError(
            f"embed sentences as the folder of {name} says",
            f"{step.path} holds no model.safetensors; pickled weights are not loaded, since they can run code",
            f"Save the model again with sentence-transformers. {_INSTEAD}",
        )
    return {key: tensor.float() for key, tensor in load_file(found).items()}
