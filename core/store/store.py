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

import errno
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

from core.errors import StoreError
from core.store import disk, files, manifest, temporary_folders
from core.store.artefact import Artefact, Payload
from core.store.fetched import FOLDER, path_here, whole_here
from core.store.files import JSON, MANIFEST, DamagedArtefact, FileEntry, Spec, digest
from core.store.locks import Locks
from core.store.shared_store import SharedStore
from core.store.stage import PASSING

__all__ = ["JSON", "Artefact", "DamagedArtefact", "Payload", "Spec", "Store", "StoreError", "digest"]

T = TypeVar("T")

log = logging.getLogger(__name__)

_USE_NOTED_EVERY = 60.0  # seconds
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Store:
    """The artefacts below one folder, shared safely by any number of threads and processes.

    Parameters
    ----------
    root : Path or str
        The folder; created if it does not exist. Half-written files of killed processes are removed.
    below : Path, optional
        Another store's folder, which is only read: what it has is not made again here.
    shared : callable, optional
        Gives, for the folder, what several machines share: it is looked in before anything is computed, and given what
        was computed here.

    Attributes
    ----------
    damaged : list of str
        A message for each damaged artefact that this object found and removed.

    Raises
    ------
    StoreError
        If the folder cannot be written to.
    """

    def __init__(
        self, root: Path | str, *, below: Path | None = None, shared: Callable[[Path], SharedStore] | None = None
    ) -> None:
        self.root = Path(root).resolve()
        self.below = None if below is None else below.resolve()
        self.damaged: list[str] = []
        self._locks = Locks(self.root)
        with files.explained(f"cache folder {self.root}"):
            self._locks.folder.mkdir(parents=True, exist_ok=True)
            self._clock_ahead = temporary_folders.now_in(self.root) - time.time()
        self.shared = None if shared is None else shared(self.root)
        self.sweep()

    def find(self, stage: str, spec: Spec, *, here: bool = False) -> Artefact | None:
        """Look up an artefact; None if it is absent, or was damaged and therefore removed.

        Quick: manifest and file sizes are checked, checksums only when a file is read.

        Parameters
        ----------
        here : bool
            Do not ask a shared store for what this cache does not have.
        """
        key = digest(spec)
        found = self._sound(files.checked_name(stage, "stage"), key, thorough=False)
        if found is None and not here:
            found = self._elsewhere(stage, key)
        if found is not None:
            self._note_use(found)
        return found

    def put(self, stage: str, spec: Spec, payload: Payload, seconds: float | None = None) -> Artefact:
        """Store a result; if an undamaged artefact of the same spec exists already, that one is kept.

        Raises
        ------
        StoreError
            If the payload cannot be stored, or the disk is full or cannot be written to; nothing is left behind.
        """
        payload.check()
        with self._locks.held(files.checked_name(stage, "stage"), digest(spec)):
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

        try:
            artefact = self._get(stage, spec, make)
            artefact.fetch()  # the caller reads files by their paths
        except DamagedArtefact:
            artefact = self._get(stage, spec, make)
            artefact.fetch()
        return artefact

    def read(self, stage: str, spec: Spec, compute: Callable[[], Payload], reader: Callable[[Artefact], T]) -> T:
        """Return ``reader(artefact)``; if the artefact turns out damaged or removed meanwhile, compute it and retry.

        The safest way to read. `reader` may run twice, so it must have no other effect than reading.
        """
        try:
            return reader(self.get_or_compute(stage, spec, compute))
        except DamagedArtefact:
            return reader(self.get_or_compute(stage, spec, compute))

    def entries(self, stage: str | None = None) -> list[Artefact]:
        """List all artefacts, or those of one stage, the oldest first; damaged ones are removed on the way."""
        pattern = "*/*" if stage is None else f"{stage}/*"
        places = {
            (folder.parent.name, folder.name)
            for root in filter(None, (self.root, self.below, self.root / FOLDER))
            for folder in root.glob(pattern)
            if files.NAME.fullmatch(folder.parent.name) and _DIGEST.fullmatch(folder.name)
        }
        sound = [self._sound(*place, thorough=False) for place in sorted(places)]
        return sorted((entry for entry in sound if entry is not None), key=lambda entry: entry.created)

    def size(self) -> int:
        """Bytes of all artefacts, as far as they lie here."""
        return sum(entry.nbytes_here for entry in self.entries())

    def remove(self, artefact: Artefact) -> None:
        """Remove an artefact; if it no longer exists, or another has replaced it, do nothing."""
        with self._locks.held(artefact.stage, artefact.digest):
            try:
                current = self._load(artefact.stage, artefact.digest)
            except DamagedArtefact:
                current = artefact
            if current == artefact:
                self._discard(artefact.stage, artefact.digest)

    def last_used(self, artefact: Artefact) -> float:
        """When an artefact was last looked up or made, in seconds since the epoch, to within a minute.

        By this machine's clock, also where the folder lies on a file system with another.
        """
        try:
            return artefact.path.stat().st_mtime - self._clock_ahead
        except OSError:
            return artefact.created.timestamp()

    def remove_unused(self, artefact: Artefact, since: float) -> bool:
        """Remove an artefact unless it was used since a moment, or is locked; gives whether it is gone."""
        with self._locks.held(artefact.stage, artefact.digest, wait=False) as held:
            if not held or self.last_used(artefact) >= since:
                return False
            self._discard(artefact.stage, artefact.digest)
        return True

    def send_waiting(self) -> int:
        """Send to the shared store what could not be sent before; gives how many artefacts.

        Raises
        ------
        StoreError
            If the shared store does not take them.
        """
        return 0 if self.shared is None else self.shared.send_waiting(self._own)

    def send_waiting_beside(self) -> None:
        """Do so in the background, if anything waits; what still cannot be sent stays noted."""

        def send() -> None:
            with suppress(StoreError):
                if sent := self.send_waiting():
                    log.info("sent %d results to the shared store that had waited", sent)

        if self.shared is not None and not self.shared.is_sending and self.shared.waiting():
            threading.Thread(target=send, name="sending", daemon=True).start()

    def _own(self, stage: str, key: str) -> Artefact | None:
        """An artefact that was made here; None if there is none, or it is damaged."""
        found = self._sound(stage, key, thorough=True)
        return None if found is None or found.path.parent.parent != self.root else found

    @property
    def waits(self) -> bool:
        """Whether a thread of this process waits for a lock that another holds."""
        return bool(self._locks.waiting)

    def lock(self, stage: str, spec: Spec, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Lock an artefact against all other threads and processes; the same thread may enter again.

        Parameters
        ----------
        wait : bool
            If False and another holds the lock, go on without it; what is yielded says whether it is held.
        """
        return self._locks.held(files.checked_name(stage, "stage"), digest(spec), wait=wait)

    def _get(self, stage: str, spec: Spec, make: Callable[[], Artefact]) -> Artefact:
        key = digest(spec)
        artefact = self._sound(files.checked_name(stage, "stage"), key, thorough=True)
        if artefact is None:
            with self._locks.held(stage, key):
                # The previous holder of the lock may have made it.
                artefact = self._sound(stage, key, thorough=True) or self._elsewhere(stage, key, afresh=True) or make()
        self._note_use(artefact)
        return artefact

    def _elsewhere(self, stage: str, key: str, *, afresh: bool = False) -> Artefact | None:
        """Look an artefact up in the shared store, if there is one."""
        return None if self.shared is None else self.shared.find(stage, key, afresh=afresh)

    def _note_use(self, artefact: Artefact) -> None:
        """Give an artefact's folder the present time, once a minute at most."""
        with suppress(OSError):  # another user's, or gone
            if artefact.path.is_relative_to(self.root) and time.time() - self.last_used(artefact) > _USE_NOTED_EVERY:
                os.utime(artefact.path)

    def _load(self, stage: str, key: str) -> Artefact | None:
        """Read a manifest and check the file sizes; None if absent, `DamagedArtefact` if anything is wrong."""
        path = self.root / stage / key
        if self.below is not None and not os.path.lexists(path):
            path = self.below / stage / key
        if not os.path.lexists(path):
            return self.shared.taken(stage, key) if self.shared else whole_here(self.root, stage, key)
        artefact = manifest.load(path, stage, key)
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
        except DamagedArtefact as damage:
            if self.below is not None and not os.path.lexists(self.root / stage / key):
                log.warning("a damaged artefact is not used: %s", damage)
                return None
        # Check again under the lock: without it, this could be another process's half-done removal, or its replacement
        # could be removed. If another process holds the lock, it will find the damage itself.
        with self._locks.held(stage, key, wait=False) as held:
            if not held:
                return None
            try:
                return inspect()
            except DamagedArtefact as damage:
                self.damaged.append(str(damage))
                log.warning("removed a damaged artefact: %s", damage)
                self._discard(stage, key)
                return None

    def _draft(self, stage: str, key: str) -> AbstractContextManager[Path]:
        """Create a temporary folder beside the artefact's place; if it is still there afterwards, it is deleted."""
        return temporary_folders.made(self.root, stage, key)

    def _commit(
        self,
        draft: Path,
        stage: str,
        spec: Spec,
        facts: Mapping[str, JSON],
        entries: list[FileEntry],
        seconds: float | None,
    ) -> Artefact:
        """Complete a draft with its manifest, force it to disk, and rename it to the artefact's place in one step.

        Where another machine was first, its artefact is taken instead: all then have the same bits.
        """
        key = digest(spec)
        text = manifest.compose(stage, spec, facts, entries, seconds)
        files.write_file(draft / MANIFEST, lambda sink: sink.write(text))
        disk.sync_tree(draft)
        if self.shared is not None and not facts.get(PASSING):
            theirs = self.shared.offer(draft, manifest.read(text, draft, stage, key))
            if theirs is not None and (taken := self.shared.take(stage, key, theirs)) is not None:
                return taken
        final = self.root / stage / key
        try:
            draft.rename(final)
        except OSError as error:
            # Another machine's, whose lock is not seen here, on a file system that both share.
            theirs_here = self._sound(stage, key, thorough=True) if error.errno in _TAKEN else None
            if theirs_here is None:
                raise
            return theirs_here
        disk.sync(final.parent)
        if self.shared is not None:
            disk.delete(path_here(self.root, stage, key))  # parts of another's that could not be had
        artefact = self._load(stage, key)
        if artefact is None:
            raise files.damaged(final, "it vanished as soon as it was stored")
        if self.shared is not None and not self.shared.trouble:
            self.send_waiting_beside()
        return artefact

    def _discard(self, stage: str, key: str) -> None:
        """Remove an artefact, in one step as others see it; the lock must be held."""
        with files.explained(f"removing {stage} from {self.root}"):
            disk.delete(path_here(self.root, stage, key))
            if os.path.lexists(self.root / stage / key):
                aside = temporary_folders.path(self.root, stage, key)
                (self.root / stage / key).rename(aside)
                disk.delete(aside)

    def sweep(self) -> None:
        """Delete the half-written and half-deleted folders of killed processes; see `core.store.temporary_folders`."""
        temporary_folders.sweep(self.root, time.time() + self._clock_ahead, self._locks.path)
