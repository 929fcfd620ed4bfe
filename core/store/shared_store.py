"""A store that several machines share, behind the local one: what one has computed, the others need not.

At its address lie ``blobs/AB/SHA256``, the content of every file, and ``STAGE/DIGEST.json``, the manifest of every
artefact, which is written last and exclusively: of several machines that computed the same, one wins and the others
take its files. Nothing is locked and nothing is changed, so a machine that dies or loses the network leaves nothing
half done there; what it could not send is noted in its own cache and sent later.

Here, what has come from there lies in a folder of the cache (`core.store.fetched`).
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from core.errors import StoreError
from core.store import disk, fetched, files, manifest
from core.store.artefact import Artefact
from core.store.fetched import is_here, path_here
from core.store.files import MANIFEST, DamagedArtefact, FileEntry
from core.store.place import Place, Refused, Unreachable
from core.store.stage import PASSING, STAGES
from core.store.unsent import UnsentArtefacts

T = TypeVar("T")

log = logging.getLogger(__name__)

_ABOUT = "language-neurons.json"
_FORMAT = 1
_ABSENT_FOR = 20.0  # seconds for which what was not there is not asked for again by those who only look
_MOST_ABSENT = 10_000
_AT_ONCE = 8  # files that are sent
_MOST_REFUSED = 3  # artefacts, after which the others are not tried
_AWAY_FOR = 30.0  # seconds after which a place that did not answer is tried again


@dataclass(frozen=True)
class Content:
    """What a shared store holds.

    Attributes
    ----------
    artefacts : dict of str to int
        Their number, by stage.
    bytes : int
        Of all files, each content once.
    """

    artefacts: dict[str, int]
    bytes: int


class SharedStore:
    """One shared store, as one cache folder uses it.

    Parameters
    ----------
    place : Place
        Where it is.
    root : Path
        The cache folder.
    read_only : bool
        Whether results are only taken from it.

    Attributes
    ----------
    trouble : str
        Why the last thing that was asked of it failed; empty where it did not.
    """

    def __init__(self, place: Place, root: Path, *, read_only: bool = False) -> None:
        self.place, self.read_only = place, read_only
        self.root, self.unsent = root, UnsentArtefacts(root)
        self.trouble = ""
        self._absent: dict[tuple[str, str], float] = {}
        self._distrusted: set[tuple[str, str]] = set()
        self._away_until = {"read": 0.0, "write": 0.0}
        self._known = False  # whether it was seen to be a shared store, of a format that this version knows
        self._sending = threading.Lock()

    # -- what is there -------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Find out whether it can be used at all, before hours of work.

        Raises
        ------
        StoreError
            If it does not answer, may not be read, is of a later version, or is new and cannot be written to.
        """
        if not self._known:
            text = self.place.read(_ABOUT)
            if text is None and self.read_only:
                raise StoreError(
                    f"the shared store {self.place.address}", "there is none", "Name the address that others write to."
                )
            if text is None:
                self._refuse_unmounted()
                self.place.make_folder()
                text = self.place.create(_ABOUT, json.dumps({"format": _FORMAT}).encode())
                log.warning("the shared store %s is new: nothing was there", self.place.address)
            try:
                version = int(json.loads(text)["format"])
            except (ValueError, TypeError, KeyError) as error:
                raise StoreError(
                    f"the shared store {self.place.address}",
                    f"its file {_ABOUT} is not one that this program writes ({error})",
                    "Name another place, or take that file away.",
                ) from error
            if version > _FORMAT:
                raise StoreError(
                    f"the shared store {self.place.address}",
                    f"a later version of this program keeps it (format {version}, this one knows {_FORMAT})",
                    "Update this program, or name another place.",
                )
            self._known = True
            self._note_seen()

    def _note_seen(self) -> None:
        if self.place.is_folder and not self.read_only and self.root.is_dir():
            with suppress(OSError):  # a later start then makes a new one where it is not mounted
                fetched.note_seen(self.root, self.place.address)

    def _refuse_unmounted(self) -> None:
        """Make no new store in an empty mount point: nobody would see what is put there, nor later what is below."""
        mark = fetched.mark_of(self.root, self.place.address)
        if self.place.is_folder and os.path.lexists(mark):
            raise Unreachable(
                f"use the shared store {self.place.address}",
                f"its file {_ABOUT} is not there any more: its file system may not be mounted",
                f"Mount it; or if it was removed, and a new one is to be made, remove {mark}.",
            )

    def find(self, stage: str, key: str, *, afresh: bool = False) -> Artefact | None:
        """Look an artefact up there and note its manifest here, without its files; None if there is none.

        Parameters
        ----------
        afresh : bool
            Ask even if it was not there some seconds ago.
        """
        address = stage, key
        if not is_shared(stage) or address in self._distrusted or self.is_away:
            return None
        if not afresh and time.monotonic() - self._absent.get(address, -_ABSENT_FOR) < _ABSENT_FOR:
            return None
        try:
            text = self._ask("read", lambda: self.place.read(_manifest_name(stage, key)))
        except StoreError:
            return None
        if text is None:
            if len(self._absent) >= _MOST_ABSENT:
                self._absent.clear()  # what is dropped is asked for once more
            self._absent[address] = time.monotonic()
            return None
        return self.take(stage, key, text)

    def take(self, stage: str, key: str, text: bytes) -> Artefact | None:
        """Keep a manifest from there in the cache; None if it is damaged or of another version."""
        path = self.path(stage, key)
        try:
            manifest.read(text, path, stage, key)
        except DamagedArtefact as damage:
            log.warning("not used from %s: %s", self.place.address, damage)
            self._distrusted.add((stage, key))
            return None
        with files.explained(f"keeping {stage} in {path.parent}"):
            path.mkdir(parents=True, exist_ok=True)
            disk.write_whole(path / MANIFEST, text)
        return self.taken(stage, key)

    def path(self, stage: str, key: str) -> Path:
        """Where an artefact from there lies here."""
        return path_here(self.root, stage, key)

    def taken(self, stage: str, key: str) -> Artefact | None:
        """An artefact from there whose manifest is here; None where a file is missing that cannot be had now."""
        path = self.path(stage, key)
        if not os.path.lexists(path / MANIFEST):
            return None
        try:
            artefact = manifest.load(path, stage, key)
        except DamagedArtefact:
            disk.delete(path)
            return None
        cannot_be_had = self.is_away or (stage, key) in self._distrusted
        if cannot_be_had and not all(is_here(path, entry) for entry in artefact.files):
            return None
        return replace(artefact, source=self)

    def bring(self, artefact: Artefact, entry: FileEntry) -> None:
        """Put a file of an artefact into its folder here, unless it is there; see `core.store.artefact.Source`."""
        if is_here(artefact.path, entry):
            return
        what = f"a file of {artefact.stage} from {self.place.address}"
        try:
            path = artefact.path / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with disk.whole(path) as draft:
                there = self._ask("read", lambda: self.place.download(_blob_name(entry.sha256), draft))
                if not there or disk.sha256_of(draft) != entry.sha256:
                    self._distrusted.add((artefact.stage, artefact.digest))
                    raise DamagedArtefact(what, "it is not what was written there", "It is computed again here.")
        except (Unreachable, Refused) as trouble:
            raise DamagedArtefact(what, trouble.why, trouble.instead) from trouble
        except OSError as error:
            with files.explained(f"keeping {what}"):
                raise error

    def content(self) -> Content:
        """Count what is there; raises `StoreError` if it cannot be read."""
        counts: dict[str, int] = {}
        total = 0
        for name, size in self._ask("read", lambda: self.place.sizes("")).items():
            first, _, rest = name.partition("/")
            if "/.tmp-" in name:
                continue  # a part of what was cut off
            if first == "blobs":
                total += size
            elif rest.endswith(".json"):
                counts[first] = counts.get(first, 0) + 1
        return Content(counts, total)

    # -- what is sent --------------------------------------------------------------------------------------------------

    def offer(self, path: Path, artefact: Artefact) -> bytes | None:
        """Send a new artefact; where it cannot be sent now, it is noted and sent later.

        Parameters
        ----------
        path : Path
            Its folder, complete with its manifest.

        Returns
        -------
        bytes or None
            Another machine's manifest, where that was first.
        """
        if self.read_only or not is_shared(artefact.stage):
            return None
        address = artefact.stage, artefact.digest
        self.unsent.add(*address)
        try:
            theirs = self._ask("write", lambda: self._send(path, artefact))
        except StoreError as trouble:
            self.unsent.say_why(*address, trouble.why)
            return None
        self.unsent.remove(*address)
        return theirs

    def waiting(self) -> list[tuple[str, str]]:
        """Stages and digests of what is to be sent, the oldest first."""
        return self.unsent.all()

    @property
    def is_sending(self) -> bool:
        """Whether what waited is being sent."""
        return self._sending.locked()

    def is_waiting(self, stage: str, key: str) -> bool:
        """Whether an artefact is to be sent."""
        return self.unsent.has(stage, key)

    def send_waiting(self, load: Callable[[str, str], Artefact | None]) -> int:
        """Send what could not be sent before; gives how many are sent.

        What is not taken waits behind all others, which are sent nevertheless unless the place does not answer.

        Parameters
        ----------
        load : callable
            Gives an artefact of the cache by stage and digest; None if it is there no more.

        Raises
        ------
        StoreError
            If the place does not take one of them.
        """
        sent, refusals = 0, list[Refused]()
        with self._sending:
            for stage, key in self.waiting():
                artefact = load(stage, key)
                if artefact is not None:
                    # Of two machines that computed the same while they did not see each other, the first to send is
                    # the others' truth; what was shown here stays as it is.
                    try:
                        self._ask("write", partial(self._send, artefact.path, artefact))
                    except StoreError as trouble:
                        self.unsent.say_why(stage, key, trouble.why)  # with that, its note is the newest
                        if not isinstance(trouble, Refused) or len(refusals) + 1 == _MOST_REFUSED:
                            raise
                        refusals.append(trouble)
                        self._away_until["write"] = 0.0
                        continue
                    sent += 1
                self.unsent.remove(stage, key)
        if refusals:
            raise refusals[0]
        return sent

    def note(self, artefact: Artefact) -> None:
        """Note that an artefact of the cache is to be sent; not what passes (`core.store.stage.PASSING`)."""
        if is_shared(artefact.stage) and not artefact.facts.get(PASSING):
            self.unsent.add(artefact.stage, artefact.digest)

    def _send(self, path: Path, artefact: Artefact) -> bytes | None:
        """Send files that are not there, then the manifest; gives another's where that was first."""
        if self.place.is_folder and self.place.size(_ABOUT) is None:
            raise Unreachable(
                f"write to the shared store {self.place.address}",
                f"its file {_ABOUT} is not there any more: its file system may not be mounted",
                "Mount it again; what is computed meanwhile is kept and sent later.",
            )
        address = artefact.stage, artefact.digest
        name, text = _manifest_name(*address), (path / MANIFEST).read_bytes()
        mends = address in self._distrusted
        if not mends and (there := self.place.read(name)) is not None:
            return None if there == text else self._sound_of(there, *address, instead_of=text)

        def send(entry: FileEntry) -> None:
            blob = _blob_name(entry.sha256)
            if mends or self.place.size(blob) != entry.bytes:
                self.place.upload(path / entry.path, blob)

        with ThreadPoolExecutor(_AT_ONCE) as pool:  # a service takes long for each, and many at once
            list(pool.map(send, artefact.files))
        if mends:
            self.place.replace(name, text)
            self._distrusted.discard(address)
            return None
        there = self.place.create(name, text)
        self._absent.pop(address, None)
        return None if there == text else there

    def _sound_of(self, there: bytes, stage: str, key: str, *, instead_of: bytes) -> bytes | None:
        """Another's manifest if it is sound, else ours is put in its place."""
        try:
            manifest.read(there, Path(), stage, key)
        except DamagedArtefact:
            self.place.replace(_manifest_name(stage, key), instead_of)
            return None
        return there

    # -- trouble -------------------------------------------------------------------------------------------------------

    @property
    def is_away(self) -> bool:
        """Whether it did not answer some seconds ago, so that it is not asked again yet."""
        return time.monotonic() < self._away_until["read"]

    def _ask(self, kind: str, ask: Callable[[], T]) -> T:
        """Ask the place for something, unless it has failed some seconds ago; failures are said once."""
        if time.monotonic() < self._away_until[kind]:
            raise Unreachable(f"use the shared store {self.place.address}", self.trouble, "It is tried again soon.")
        try:
            self.check()
            answer = ask()
        except StoreError as trouble:
            self._away_until[kind] = time.monotonic() + _AWAY_FOR
            if isinstance(trouble, Unreachable):
                self._away_until = dict.fromkeys(self._away_until, self._away_until[kind])
            if self.trouble != trouble.why:
                self.trouble = trouble.why
                log.warning("%s What is computed meanwhile is kept in the cache, and sent later.", trouble)
            raise
        if kind == "write":
            self.trouble = ""
        return answer

    def retry(self) -> None:
        """Ask again at once, whatever went wrong before."""
        self._away_until = {"read": 0.0, "write": 0.0}
        self._absent.clear()


def is_shared(stage: str) -> bool:
    """Whether a stage's artefacts go to a shared store: what another machine can make as well at once does not."""
    return stage not in STAGES or STAGES[stage].shared


def _manifest_name(stage: str, key: str) -> str:
    return f"{stage}/{key}.json"


def _blob_name(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256}"
