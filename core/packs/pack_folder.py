"""The packs of a machine: those that were put beside its cache, and the one that comes with the program."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core import access
from core.errors import PackError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.packs.contents import QUESTIONS
from core.packs.pack import Pack
from core.packs.provenance import Origin
from core.pipeline.computed_settings import Summary
from core.pipeline.result import Result
from core.store.disk import write_whole

log = logging.getLogger(__name__)

FOLDER = "packs"
"""Below the cache."""
OPENING = Path(__file__).with_name("opening.pack")
"""The pack that comes with the program: the setting that the dashboard opens with."""

LARGEST = 1 << 28
"""Bytes of a pack that is taken."""

_Stamp = tuple[str, int, int]


class PackFolder:
    """Looks answers up in packs; on a public server in the opening one alone, since nobody listed what is in others.

    Parameters
    ----------
    cache : Path
        The folder of artefacts; packs lie in its folder ``packs``.
    opening : Path, optional
        A pack that is not in the cache, and is asked last.
    """

    def __init__(self, cache: Path, opening: Path | None) -> None:
        self.folder, self._opening = cache / FOLDER, opening
        self._open: dict[_Stamp, Pack | PackError] = {}
        self._origins: dict[int, tuple[Any, Pack]] = {}  # by the identity of an answer, which is held with it
        self._lock = threading.Lock()

    def find(self, experiment: Experiment, question: Callable[..., Any], bound: Plan | None = None) -> Any | None:
        """The answer to a question about an experiment if a pack has it; the same object each time.

        Parameters
        ----------
        bound : Plan, optional
            The experiment's plan on this machine: a pack of another model or other sentences of the same name has none.
        """
        part = next((name for name, asked in QUESTIONS.items() if asked is question), None)
        if part is None:
            return None
        for pack in self._all():
            try:
                answer = pack.find(experiment, part, bound)
            except Exception as damage:  # whatever a pack from elsewhere does, the others are asked
                log.warning("a pack is not used: %s", damage)
                continue
            if answer is not None:
                self._origins[id(answer)] = (answer, pack)
                return answer
        return None

    def origin(self, answer: object) -> Origin | None:
        """Where an answer was computed, if it is from a pack."""
        held, pack = self._origins.get(id(answer), (None, None))
        return pack.origin(answer) if pack is not None and held is answer else None

    def is_opening(self, answer: object) -> bool:
        """Whether an answer is from the pack that comes with the program."""
        held, pack = self._origins.get(id(answer), (None, None))
        return held is answer and pack is self._read(self._opening)

    def packs(self) -> list[Pack]:
        """The packs that were put here, the newest first; without those that cannot be read, which the log names."""
        paths = self._paths()
        there = {str(path) for path in (*paths, self._opening) if path is not None}
        with self._lock:
            self._drop(lambda known: known[0] not in there)
        return [pack for path in paths if isinstance(pack := self._read(path), Pack)]

    def settings(self, model: str | None = None) -> list[Experiment]:
        """The settings of these packs; with a model, those of it."""
        every = [setting for pack in self.packs() for setting in pack.settings]
        return [setting for setting in every if model in (None, setting.model)]

    def results(self) -> list[tuple[Experiment, Result, Origin]]:
        """Every setting of every pack that has its result, with it and where it was computed, the newest pack first.

        What comes with the program is the last. A pack that is damaged is left out, and the log names it.
        """
        return self._every(lambda pack, number: pack.result(number) if pack.has_result(number) else None)

    def cells(self) -> list[tuple[Experiment, Summary, Origin]]:
        """The same of every setting of which a pack has the measures alone."""
        return self._every(lambda pack, number: None if pack.has_result(number) else pack.summary(number))

    def every(self) -> list[tuple[Experiment, Result | Summary, Origin]]:
        """Both of these."""
        return [*self.results(), *self.cells()]

    def _every(self, read: Callable[[Pack, int], Any]) -> list[tuple[Experiment, Any, Origin]]:
        found = []
        for pack in self._all():
            try:
                read_of = [read(pack, number) for number in range(len(pack.settings))]
                of_pack = zip(pack.settings, read_of, pack.origins, strict=True)
                found += [(setting, answer, origin) for setting, answer, origin in of_pack if answer is not None]
            except Exception as damage:  # as above
                log.warning("a pack is not used: %s", damage)
        return found

    def put(self, content: bytes, name: str) -> Pack:
        """Check a pack and put it here.

        Raises
        ------
        PackError
            If it is no pack, damaged or of a newer version, or cannot be written; then nothing is kept.
        """
        pack = Pack(content, name)
        pack.verify()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Under its digest: no name from elsewhere becomes a path, and the same pack twice is one file.
            path = self.folder / f"{pack.digest}.pack"
            if not path.is_file() or path.read_bytes() != content:
                write_whole(path, content)
            else:
                with self._lock:  # the newest is asked first; what is open of it stays so
                    known = self._open.pop(_stamp(path), None)
                    path.touch()
                    if known is not None:
                        self._open[_stamp(path)] = known
        except OSError as error:
            raise PackError(
                f"keep the pack {name} in {self.folder}",
                error.strerror or str(error),
                "Make room or allow writing there, or name another cache folder.",
            ) from error
        return pack

    def _all(self) -> Iterator[Pack]:
        yield from self.packs()
        if isinstance(opening := self._read(self._opening), Pack):
            yield opening

    def _paths(self) -> list[Path]:
        if access.current().public:
            return []
        try:
            paths = [(path.stat().st_mtime_ns, path) for path in self.folder.glob("*.pack")]
        except OSError:
            return []
        return [path for _, path in sorted(paths, reverse=True)]

    def _drop(self, goes: Callable[[_Stamp], bool]) -> None:
        """Let go of packs that are no more, and of what was read of them; the lock is held."""
        gone = {id(self._open.pop(known)) for known in list(self._open) if goes(known)}
        if gone:
            self._origins = {at: found for at, found in list(self._origins.items()) if id(found[1]) not in gone}

    def _read(self, path: Path | None) -> Pack | PackError | None:
        """A pack, opened once while its file stays as it is."""
        try:
            if path is None:
                return None
            stamp = _stamp(path)
            with self._lock:
                if stamp not in self._open:
                    self._drop(lambda known: known[0] == str(path))
                    self._open[stamp] = _opened(path)
                return self._open[stamp]
        except OSError:
            return None


def read_file(path: Path) -> bytes:
    """Read a file that is said to be a pack.

    Raises
    ------
    PackError
        If it cannot be read, or is larger than any pack.
    """
    try:
        if path.stat().st_size > LARGEST:
            why = f"it has more than {LARGEST:,} bytes"
            raise PackError(f"open the pack {path}", why, "Name a file that python -m core pack wrote.")
        return path.read_bytes()
    except OSError as error:
        raise PackError(f"open the pack {path}", error.strerror or str(error), "Name a file that is there.") from error


def _stamp(path: Path) -> _Stamp:
    """What stays while a file does."""
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def _opened(path: Path) -> Pack | PackError:
    try:
        return Pack(read_file(path), path.name)
    except PackError as refusal:
        log.warning("a pack is not used: %s", refusal)
        return refusal
