"""Exactly which weights a name means, found without loading them, so that cached results need no model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from core import access
from core.errors import ModelError
from core.location import expanded
from core.models import adapters, embedded, gguf_file, hub, placement, sentence_encoder, weight_patch
from core.models.spec import ALIASES, EMBEDDED, ModelSpec, ResolvedModel
from core.store.disk import sha256_of


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Find out exactly which weights are meant, without loading them.

    Raises
    ------
    ModelError
        For a wrong id, a gated model, a missing folder, no network, an unknown device or precision; for an adapter that
        does not fit, or any on a public server.
    """
    allowed, called = access.current(), spec.name.strip()
    name, revision = allowed.model(called, spec.revision)
    if allowed.public and spec.adapter is not None:
        raise ModelError("an adapter", "this server offers only listed models", "Leave the adapter out.")
    with allowed.veiled("model", called), hub.explained(name):  # a file that cannot be read, above all
        resolved = _resolve(replace(spec, name=name, revision=revision))
        if spec.adapter is not None:
            resolved = _adapted(resolved, adapters.check_adapter(spec.adapter))
    return resolved if not allowed.public or name in embedded.MODELS else replace(resolved, name=called)


def _adapted(resolved: ResolvedModel, adapter: Path) -> ResolvedModel:
    digest = hashlib.sha256(f"{resolved.digest}\0{_folder_digest(adapter)}".encode()).hexdigest()
    return replace(resolved, digest=digest, adapter=str(adapter))


def _resolve(spec: ModelSpec) -> ResolvedModel:
    device = placement.check_device(spec.device)
    dtype = placement.check_dtype(spec.dtype, device)
    name = spec.name.strip()
    name = ALIASES.get(name, name)
    if name.split(":")[0] == EMBEDDED:
        if name not in embedded.MODELS:
            raise embedded.unknown(name)
        _check_no_revision(spec.revision, f"the model {name}, which comes with the product", "it has only one")
        return embedded.resolved(name, dtype, device)
    path = expanded(name)
    is_file = path.suffix.lower() in (gguf_file.ENDING, ".safetensors") and not path.is_dir()
    if is_file or hub.looks_like_folder(name):
        kind = "file" if is_file else "folder"
        _check_no_revision(spec.revision, f"the {kind} {name}", "only models on the hub have revisions")
        if is_file:
            hub.check_weight_file(path)
            if path.suffix.lower() == gguf_file.ENDING:
                # The hub's cache keeps files under other names, without an ending: what it is called says what it is.
                stamp = _stamp(path.resolve(), path.resolve().parent)
                return ResolvedModel(name, str(path.absolute()), "local", _digest_of((stamp,)), dtype, device)
            path = path.parent
        elif (path / weight_patch.SETTINGS).is_file():
            return _patched(spec, path.resolve())
        return _folder(name, path, dtype, device)
    commit = hub.commit(name, spec.revision)
    return ResolvedModel(name, name, commit, commit, dtype, device)


def _folder(name: str, path: Path, dtype: str, device: str) -> ResolvedModel:
    """Resolve a folder: a model's own, or that of a sentence encoder which keeps its transformer in another below."""
    inner = sentence_encoder.transformer_folder(path)
    hub.check_folder(inner)
    path, inner = path.resolve(), inner.resolve()
    digest = _folder_digest(path)
    if inner == path:
        return ResolvedModel(name, str(path), "local", digest, dtype, device)
    digest = hashlib.sha256(f"{digest}\0{_folder_digest(inner)}".encode()).hexdigest()
    return ResolvedModel(name, str(inner), "local", digest, dtype, device, encoder_folder=str(path))


def _patched(spec: ModelSpec, folder: Path) -> ResolvedModel:
    """Resolve an exported patch: the model that it belongs to, with the patch in its digest."""
    with hub.explained(spec.name):
        stated = json.loads((folder / weight_patch.SETTINGS).read_text(encoding="utf-8"))
        values = hashlib.sha256((folder / weight_patch.VALUES).read_bytes()).hexdigest()
        source, revision = str(folder / weight_patch.INCLUDED), None
        if not Path(source).is_dir():
            source, revision = str(stated["model"] or ""), str(stated["revision"])
            if not source or hub.looks_like_folder(source) or source.split(":")[0] == EMBEDDED:
                raise ModelError(
                    f"load the patch {folder}",
                    "the model that it belongs to is neither in it nor on the hub",
                    f"Put the unmodified model's folder into it, under the name {weight_patch.INCLUDED}.",
                )
    model = _resolve(replace(spec, name=source, revision=revision))
    digest = hashlib.sha256(f"{model.digest}\0{values}".encode()).hexdigest()
    return replace(model, name=spec.name.strip(), digest=digest, patch=str(folder))


def _check_no_revision(revision: str | None, of: str, why: str) -> None:
    if revision:
        raise ModelError(f"revision {revision} of {of}", why, "Leave the revision out.")


# What says nothing of a model's numbers: prose, pictures, code, which is not run, and weights in other formats than
# safetensors, which are not read. Any other file may.
_OTHER_ENDINGS = (
    *(".md", ".rst", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".html", ".css", ".ipynb", ".py", ".sh"),
    *(".csv", ".log", ".tmp", ".lock", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".ot", ".tflite"),
    *(".gguf", ".mlmodel"),
)
_PROSE = ("readme", "license", "licence", "notice", "use_policy", "changelog", "citation", "requirements")
_OTHER_JSON = frozenset(("trainer_state.json", "all_results.json", "train_results.json", "eval_results.json"))


def _matters(path: Path) -> bool:
    """Whether a file of a model's folder may change the model's numbers."""
    name = path.name
    return not (
        name.startswith(".")
        or name in _OTHER_JSON
        or path.suffix.lower() in _OTHER_ENDINGS
        or name.lower().startswith(_PROSE)
    )


def _folder_digest(folder: Path) -> str:
    """SHA-256 over names and contents of the files that matter, remembered while sizes and times stay."""
    files = [path for path in folder.iterdir() if path.is_file() and _matters(path)]
    files += [folder / name for name in sentence_encoder.files_beside(folder) if (folder / name).is_file()]
    return _digest_of(tuple(_stamp(path, folder) for path in sorted(set(files))))


def _stamp(path: Path, folder: Path) -> tuple[str, str, int, int]:
    """What stays while a file does: path, name in its model's folder, size, time."""
    facts = path.stat()
    return str(path), path.relative_to(folder).as_posix(), facts.st_size, facts.st_mtime_ns


@lru_cache(maxsize=32)
def _digest_of(stamp: tuple[tuple[str, str, int, int], ...]) -> str:
    sha = hashlib.sha256()
    for path, name, _, _ in stamp:
        sha.update(f"{name}\0{sha256_of(Path(path))}\n".encode())
    return sha.hexdigest()
