"""The manifest of an artefact: what it is, what its files are, what made it; with a checksum of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from core import machine
from core.store import files
from core.store.artefact import Artefact
from core.store.files import JSON, MANIFEST, FileEntry, Spec, digest
from core.version import __version__

FORMAT = 1


def compose(
    stage: str, spec: Spec, facts: Mapping[str, JSON], entries: list[FileEntry], seconds: float | None
) -> bytes:
    """Write the manifest of an artefact that this process has made.

    Raises
    ------
    StoreError
        If a fact is no JSON value.
    """
    files.plain(facts, "facts")  # for an error that names the fact
    manifest: dict[str, JSON] = {
        "format": FORMAT,
        "stage": stage,
        "spec": spec,
        "facts": facts,
        "created": datetime.now(UTC).isoformat(),
        "seconds": seconds,
        "files": [entry.as_json() for entry in entries],
        # Says which GPU computed what is stored for "cuda"; no part of the address.
        "made_by": {"version": __version__, **machine.described()},
    }
    manifest["sha256"] = digest(manifest)
    return json.dumps(files.plain(manifest, "manifest"), indent=1, ensure_ascii=False).encode()


def load(path: Path, stage: str, key: str) -> Artefact:
    """Read the manifest in an artefact's folder; again only if its size or time has changed. Raises as `read`."""
    with files.missing_is_damage(path / MANIFEST):
        status = (path / MANIFEST).stat()
    load_once = _load if files.is_settled(status) else _load.__wrapped__
    return load_once(path, stage, key, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4096)
def _load(path: Path, stage: str, key: str, _status: tuple[int, int, int]) -> Artefact:
    with files.missing_is_damage(path / MANIFEST):
        text = (path / MANIFEST).read_bytes()
    return read(text, path, stage, key)


def read(text: bytes, path: Path, stage: str, key: str) -> Artefact:
    """Read a manifest.

    Parameters
    ----------
    path : Path
        The artefact's folder.
    stage, key : str
        Which artefact it must be of.

    Raises
    ------
    DamagedArtefact
        If it is not as it was written, or of another artefact.
    """
    try:
        manifest = json.loads(text)
        checksum = manifest.pop("sha256")
        if (manifest["format"], manifest["stage"], digest(manifest["spec"])) != (FORMAT, stage, key):
            raise ValueError("it describes another artefact, or is of another format")
        if checksum != digest(manifest):
            raise ValueError("its checksum is wrong")
        created = datetime.fromisoformat(manifest["created"])
        if created.tzinfo is None:  # it could not be put in order with the others
            raise ValueError("its time names no zone")
        return Artefact(
            stage=stage,
            digest=key,
            spec=manifest["spec"],
            facts=manifest["facts"],
            path=path,
            created=created,
            seconds=manifest["seconds"],
            files=tuple(map(FileEntry.from_json, manifest["files"])),
            made_by={str(name): str(value) for name, value in manifest.get("made_by", {}).items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise files.damaged(path / MANIFEST, f"it cannot be understood ({error})") from error
