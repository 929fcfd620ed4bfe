"""Exactly which weights a name means, found without loading them, so that cached results need no model."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from core.errors import ModelError
from core.models import embedded, hub, placement
from core.models.spec import ALIASES, EMBEDDED, ModelSpec, ResolvedModel


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Find out exactly which weights are meant, without loading them.

    Raises
    ------
    ModelError
        For a wrong id, a gated model, a missing folder, no network, an unknown device or precision.
    """
    device = placement.check_device(spec.device)
    dtype = placement.check_dtype(spec.dtype, device)
    name = spec.name.strip()
    name = ALIASES.get(name, name)
    if name.split(":")[0] == EMBEDDED:
        if name not in embedded.MODELS:
            raise embedded.unknown(name)
        if spec.revision:
            raise ModelError(
                f"revision {spec.revision} of the model {name}, which comes with the product",
                "it has only one",
                "Leave the revision out.",
            )
        return embedded.resolved(name, dtype, device)
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
