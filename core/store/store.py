"""Content-addressed artefacts on disk: whole or absent, computed once, checked before they are used.

An artefact is a folder ``ROOT/STAGE/DIGEST/`` of ``.npy`` arrays, ``.parquet`` tables or other files, and a
``manifest.json`` with a checksum of each. DIGEST is the digest of the spec, which is everything that determines the
content. So nothing is ever changed in place: an artefact appears by one rename when all of it is on disk, and is
removed by another.

Examples
--------
>>> import numpy as np, tempfile
>>> store = Store(tempfile.mkdtemp())
>>> spec = {"version": 1, "seed": 7}
>>> double = lambda: Payload(arrays={"x": np.arange(3.0) * 2}, facts={"n": 3})
>>> store.get_or_compute("doubles", spec, double).array("x")
array([0., 2., 4.])
>>> store.read("doubles", spec, double, lambda artefact: artefact.facts["n"])
3
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from core.errors import StoreError
from core.store import disk, files
from core.store.artefact import Artefact, Payload
from core.store.files import JSON, MANIFEST, DamagedArtefact, FileEntry, Spec, digest

__all__ = ["JSON", "Artefact", "DamagedArtefact", "Payload", "Spec", "Store", "StoreError", "digest"]

T = TypeVar("T")

log = logging.getLogger(__name__)

FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = re.compile(r"\.tmp-\d+-[0-9a-f]+-([0-9a-f]{64})")


@lru_cache(maxsize=4096)
def _manifest(path: Path, stage: str, key: str, _status: tuple[int, int, int]) -> Artefact:
    """Read the manifest of an artefact; raises `DamagedArtefact` if it is not as it was written."""
    with files.missing_is_damage(path / MANIFEST):
        text = (path / MANIFEST).read_bytes()
    try:
        manifest = json.loads(text)
        checksum = manifest.pop("sha256")
        if (manifest["format"], manifest["stage"], digest(manifest["spec"])) != (FORMAT, stage, key):
            raise ValueError("it describes another artefact, or is of another format")
        if checksum != digest(manifest):
            raise ValueError("its checksum is wrong")
        return Artefact(
            stage=stage,
            digest=key,
            spec=manifest["spec"],
            facts=manifest["facts"],
            path=path,
            created=datetime.fromisoformat(manifest["created"]),
            seconds=manifest["seconds"],
            files=tuple(map(FileEntry.from_json, manifest["files"])),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise files.damaged(path / MANIFEST, f"it cannot be understood ({error})") from error


class Store:
    """The artefacts below one folder, shared safely by any number of threads and processes.

    Parameters
    ----------
    root : Path or str
        The folder; created if it does not exist. Half-written files of killed processes are removed.

    Attributes
    ----------
    damaged : list of str
        A message for each damaged artefact that this object found and removed.

    Raises
    ------
    StoreError
        If the folder cannot be written to.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).resolve()
        self.damaged: list[str] = []
        with files.explained(f"cache folder {self.root}"):
            (self.root / ".locks").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        self._sweep()

    def find(self, stage: str, spec: Spec) -> Artefact | None:
        """Look up an artefact; None if it is absent, or was damaged and therefore removed.

        Quick: manifest and file sizes are checked, checksums only when a file is read.
        """
        return self._sound(files.checked_name(stage, "stage"), digest(spec), thorough=False)

    def put(self, stage: str, spec: Spec, payload: Payload, seconds: float | None = None) -> Artefact:
        """Store a result; if an undamaged artefact of the same spec exists already, that one is kept.

        Raises
        ------
        StoreError
            If the payload cannot be stored, or the disk is full or cannot be written to; nothing is left behind.
        """
        payload.check()
        with self._locked(files.checked_name(stage, "stage"), digest(spec)):
            present = self._sound(stage, digest(spec), thorough=True)
            if present is not None:
                return present
            with self._draft(stage, digest(spec)) as draft, files.explained(f"storing {stage} in {self.root}"):
                return self._commit(draft, stage, spec, payload.facts, payload.write(draft), seconds)

    def get_or_compute(self, stage: str, spec: Spec, compute: Callable[[], Payload]) -> Artefact:
        """Return the artefact, computed if necessary; of several callers at the same time, only one computes it.

        If the checksum of one of its files is wrong, it is computed again (a process hashes each file once).

        Parameters
        ----------
        stage : str
            Name of the kind of artefact.
        spec : mapping of str to JSON
            Everything that determines it, the version of the code included.
        compute : callable
            Returns the content. What it raises passes through unchanged and leaves nothing. It may ask the store
            for other artefacts, but not from another thread for this one.
        """

        def make() -> Artefact:
            start = time.perf_counter()
            payload = compute()
            return self.put(stage, spec, payload, time.perf_counter() - start)

        return self._get(stage, spec, make)

    def get_or_build(self, stage: str, spec: Spec, build: Callable[[Path], Mapping[str, JSON]]) -> Artefact:
        """Do as `get_or_compute`, for files of any kind; the caller reads them in ``Artefact.path``.

        Parameters
        ----------
        stage, spec
            As there.
        build : callable
            Fills the empty folder it is given, with subfolders if it likes, and returns facts. No links, and no
            ``manifest.json`` at the top. What it raises passes through unchanged and leaves nothing.
        """

        def make() -> Artefact:
            start = time.perf_counter()
            with self._draft(stage, digest(spec)) as draft:
                facts = build(draft)
                seconds = time.perf_counter() - start
                with files.explained(f"storing {stage} in {self.root}"):
                    return self._commit(draft, stage, spec, facts, files.record_folder(draft), seconds)

        return self._get(stage, spec, make)

    def read(self, stage: str, spec: Spec, compute: Callable[[], Payload], reader: Callable[[Artefact], T]) -> T:
        """Return ``reader(artefact)``; if the artefact turns out damaged or removed meanwhile, compute it and retry.

        The safest way to read. `reader` may run twice, so it must have no other effect than reading.
        """
        try:
            return reader(self.get_or_compute(stage, spec, compute))
        except DamagedArtefact:
            return reader(self.get_or_compute(stage, spec, compute))

    def entries(self) -> list[Artefact]:
        """List all artefacts, the oldest first; damaged ones are removed on the way."""
        sound = [
            self._sound(folder.parent.name, folder.name, thorough=False)
            for folder in self.root.glob("*/*")
            if files.NAME.fullmatch(folder.parent.name) and _DIGEST.fullmatch(folder.name)
        ]
        return sorted((entry for entry in sound if entry is not None), key=lambda entry: entry.created)

    def size(self) -> int:
        """Bytes of all artefacts."""
        return sum(entry.nbytes for entry in self.entries())

    def remove(self, artefact: Artefact) -> None:
        """Remove an artefact; if it no longer exists, or another has replaced it, do nothing."""
        with self._locked(artefact.stage, artefact.digest):
            try:
                current = self._load(artefact.stage, artefact.digest)
            except DamagedArtefact:
                current = artefact
            if current == artefact:
                self._discard(artefact.stage, artefact.digest)

    @contextmanager
    def lock(self, stage: str, spec: Spec) -> Iterator[None]:
        """Lock an artefact against all other threads and processes; the same thread may enter again."""
        with self._locked(files.checked_name(stage, "stage"), digest(spec)):
            yield

    def _get(self, stage: str, spec: Spec, make: Callable[[], Artefact]) -> Artefact:
        key = digest(spec)
        artefact = self._sound(files.checked_name(stage, "stage"), key, thorough=True)
        if artefact is None:
            with self._locked(stage, key):
                # The previous holder of the lock may have made it.
                artefact = self._sound(stage, key, thorough=True) or make()
        return artefact

    def _lock_path(self, stage: str, key: str) -> Path:
        return self.root / ".locks" / f"{stage}-{key}.lock"

    @contextmanager
    def _locked(self, stage: str, key: str, *, wait: bool = True) -> Iterator[bool]:
        # A singleton lock is re-entrant within a thread and exclusive between threads. The system releases the lock of
        # a process that dies. The file stays: if it were removed, two processes could lock two files of one name.
        guard = FileLock(self._lock_path(stage, key), is_singleton=True)
        with files.explained(f"locking {stage} in {self.root}"):
            try:
                guard.acquire(blocking=wait)
            except Timeout:
                held = False
            else:
                held = True
        try:
            yield held
        finally:
            if held:
                guard.release()

    def _load(self, stage: str, key: str) -> Artefact | None:
        """Read a manifest and check the file sizes; None if absent, `DamagedArtefact` if anything is wrong."""
        path = self.root / stage / key
        if not os.path.lexists(path):
            return None
        with files.missing_is_damage(path / MANIFEST):
            status = (path / MANIFEST).stat()
        # As with the other files, a manifest is read again only if its size or time has changed.
        settled = files.is_settled(status)
        read = _manifest if settled else _manifest.__wrapped__
        artefact = read(path, stage, key, (status.st_ino, status.st_size, status.st_mtime_ns))
        for entry in artefact.files:
            files.check_size(path / entry.path, entry)
        return artefact

    def _sound(self, stage: str, key: str, *, thorough: bool) -> Artefact | None:
        """Load an artefact, with checksums if `thorough`; remove and report it if damaged."""

        def inspect() -> Artefact | None:
            artefact = self._load(stage, key)
            if artefact is not None and thorough:
                artefact.verify()
            return artefact

        try:
            return inspect()
        except DamagedArtefact:
            pass
        # Check again under the lock: without it, this could be another process's half-done removal, or its replacement
        # could be removed. If another process holds the lock, it will find the damage itself.
        with self._locked(stage, key, wait=False) as held:
            if not held:
                return None
            try:
                return inspect()
            except DamagedArtefact as damage:
                self.damaged.append(str(damage))
                log.warning("removed a damaged artefact: %s", damage)
                self._discard(stage, key)
                return None

    def _temporary(self, stage: str, key: str) -> Path:
        return self.root / stage / f".tmp-{os.getpid()}-{secrets.token_hex(6)}-{key}"

    @contextmanager
    def _draft(self, stage: str, key: str) -> Iterator[Path]:
        """Create a temporary folder beside the artefact's place; if it is still there afterwards, it is deleted."""
        draft = self._temporary(stage, key)
        try:
            with files.explained(f"storing {stage} in {self.root}"):
                draft.parent.mkdir(parents=True, exist_ok=True)
                disk.sync(self.root)
                draft.mkdir()
            yield draft
        finally:
            disk.delete(draft)

    def _commit(
        self,
        draft: Path,
        stage: str,
        spec: Spec,
        facts: Mapping[str, JSON],
        entries: list[FileEntry],
        seconds: float | None,
    ) -> Artefact:
        """Complete a draft with its manifest, force it to disk, and rename it to the artefact's place in one step."""
        key = digest(spec)
        manifest: dict[str, JSON] = {
            "format": FORMAT,
            "stage": stage,
            "spec": spec,
            "facts": facts,
            "created": datetime.now(UTC).isoformat(),
            "seconds": seconds,
            "files": [entry.as_json() for entry in entries],
        }
        files.plain(facts, "facts")  # for an error that names the fact
        manifest["sha256"] = digest(manifest)
        text = json.dumps(files.plain(manifest, "manifest"), indent=1, ensure_ascii=False).encode()
        files.write_file(draft / MANIFEST, lambda sink: sink.write(text))
        disk.sync_tree(draft)
        final = self.root / stage / key
        draft.rename(final)
        disk.sync(final.parent)
        artefact = self._load(stage, key)
        if artefact is None:
            raise files.damaged(final, "it vanished as soon as it was stored")
        return artefact

    def _discard(self, stage: str, key: str) -> None:
        """Remove an artefact, in one step as others see it; the lock must be held."""
        aside = self._temporary(stage, key)
        with files.explained(f"removing {stage} from {self.root}"):
            (self.root / stage / key).rename(aside)
            disk.delete(aside)

    def _sweep(self) -> None:
        """Delete the half-written and half-deleted folders of killed processes.

        A writer holds the artefact's lock, and the system releases the lock of a dead process: if it is free, nobody is
        writing. The process id in the name is less reliable: another process or container may have it by now.
        """
        for leftover in self.root.glob("*/.tmp-*"):
            match = _TEMPORARY.fullmatch(leftover.name)
            if match is None:
                continue
            try:
                # Not the singleton lock: a draft of this same thread must count as locked.
                with FileLock(self._lock_path(leftover.parent.name, match[1])).acquire(blocking=False):
                    disk.delete(leftover)
                    log.info("swept %s, left by a process that was killed", leftover.name)
            except OSError:  # includes Timeout: its writer lives. For any other error, the next start tries again.
                continue
