"""A model over several processes of this machine, each with a part of every weight: for what no single GPU holds.

The processes (`core.inference.rank`) are started with the model, and end with it. A refusal in one of them is the
answer; if one dies, the others are ended, and all are started anew with the next request.
"""

from __future__ import annotations

import logging
import queue
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import machine, serialisation, subprocesses
from core.errors import AskError, ComputeError, refusal
from core.inference.rank import STOP, LoadRequest
from core.models import sharding
from core.models.load import skeleton_of, without_weights
from core.models.loaded_model import LoadedModel
from core.models.spec import ResolvedModel
from core.store.store import Store

log = logging.getLogger(__name__)

_PATIENCE = 60.0  # seconds for the others' answers, once one has refused or all were told to stop
_ENDS_WITHIN = 10.0  # seconds
_SHOWN = 2000  # characters of what a process said before it died, for the log


def load_over(resolved: ResolvedModel, store: Store, count: int) -> LoadedModel:
    """Load a model over several processes of this machine.

    Parameters
    ----------
    count : int
        Processes, each with a GPU of its own where the model's device is ``cuda``.

    Returns
    -------
    LoadedModel
        Reads neurons and embeds sentences as one that was loaded here; what needs more refuses it
        (`LoadedModel.check_whole`).

    Raises
    ------
    ModelError
        If it cannot be spread (`core.models.sharding.check`), or not be loaded.
    ComputeError
        If a process ends before it has its part.
    """
    sharding.check(resolved, skeleton_of(resolved), count)
    processes = RankProcesses(resolved, store.root, count)
    model = without_weights(resolved, store, processes)
    processes.start()
    return model


@dataclass(eq=False)
class _Group:
    """Processes that were started together, and what they say: a rank with each message."""

    folder: tempfile.TemporaryDirectory[str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    said: queue.SimpleQueue[tuple[int, dict[str, Any]]] = field(default_factory=queue.SimpleQueue)

    def log_of(self, rank: int) -> Path:
        """What a process and its libraries say beside their answers."""
        return Path(self.folder.name) / f"rank-{rank}.log"

    def listen(self, rank: int, process: subprocess.Popen[bytes]) -> None:
        """Queue what a process says, in a thread of its own."""

        def read() -> None:
            with suppress(EOFError, OSError, ValueError):
                while True:
                    self.said.put((rank, serialisation.receive(process.stdout)))  # type: ignore[arg-type]
            self.said.put((rank, {"ended": True}))

        threading.Thread(target=read, name=f"rank-{rank}", daemon=True).start()

    def tell(self, rank: int, request: Any) -> None:
        """Send a request; a process that has died says so by its end."""
        with suppress(OSError, ValueError):
            serialisation.send(self.processes[rank].stdin, request)  # type: ignore[arg-type]

    def end(self) -> None:
        """End all processes."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDS_WITHIN)
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
        with suppress(OSError):
            self.folder.cleanup()


class RankProcesses:
    """The processes that hold a model together; a `core.models.loaded_model.Ranks`.

    Parameters
    ----------
    root : Path
        Folder of the cache, which keeps converted models.
    count : int
    """

    def __init__(self, resolved: ResolvedModel, root: Path, count: int) -> None:
        self._resolved, self._root, self._count = resolved, root, count
        self._group: _Group | None = None

    @property
    def count(self) -> int:
        """How many."""
        return self._count

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Those that run; none before they are started, and after one has died."""
        return tuple(process.pid for process in self._group.processes) if self._group else ()

    def start(self) -> None:
        """Start them, unless they run, and have each load its part.

        They load one after the other: each reads the whole model before it keeps its part.

        Raises
        ------
        AskError
        """
        if self._group is not None:
            return
        group = self._group = _Group(tempfile.TemporaryDirectory(prefix="ranks-"))
        weakref.finalize(self, group.end)
        try:
            for rank in range(self._count):
                arguments = (self._resolved.device, str(rank), str(self._count), group.folder.name)
                with group.log_of(rank).open("wb") as told:
                    process = subprocess.Popen(
                        subprocesses.command("core.inference.rank", *arguments),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=told,
                        env=subprocesses.environment(),
                    )
                group.processes.append(process)
                group.listen(rank, process)
            self._answers(group, range(self._count), "joined")
            for rank in range(self._count):
                group.tell(rank, LoadRequest(self._resolved, str(self._root)))
                said = self._answers(group, [rank], "loaded")
                machine.note_gpu(said[rank]["gpu"])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End them."""
        group, self._group = self._group, None
        if group is not None:
            machine.note_gpu("")
            group.end()

    def ask(self, requests: Sequence[Any], passed: Callable[[int], None]) -> list[Any]:
        """Have each do its request, all at the same time.

        Parameters
        ----------
        requests : sequence
            One a rank; each makes equally many passes.
        passed : callable
            Called with a rank after each of its passes; what it raises stops all, and is raised again.

        Raises
        ------
        AskError
            That of a rank; `ComputeError` where one died, or they are no longer at the same place.
        """
        self.start()
        assert self._group is not None
        for rank, request in enumerate(requests):
            self._group.tell(rank, request)
        try:
            answers = self._answers(self._group, range(self._count), "done", passed)
        except _AllAnswered as ended:  # and they go on with the next request
            raise ended.reason from None
        except BaseException:
            self.close()
            raise
        return [answers[rank]["done"] for rank in range(self._count)]

    def _answers(
        self, group: _Group, ranks: Sequence[int], expected: str, passed: Callable[[int], None] = lambda _: None
    ) -> dict[int, dict[str, Any]]:
        """Wait until ranks have answered; raises `_AllAnswered` where all did and the answer is a refusal or a stop."""
        answers: dict[int, dict[str, Any]] = {}
        reason: BaseException | None = None
        deadline = None
        while len(answers) < len(ranks):
            try:
                rank, message = group.said.get(
                    timeout=None if deadline is None else max(0.0, deadline - time.monotonic())
                )
            except queue.Empty:
                raise reason or self._lost("said nothing any more and was ended") from None
            if "ended" in message or "failed" in message:
                raise self._died(group, rank, message)
            if "passed" not in message:
                answers[rank] = message
            if reason is None and (reason := self._reason(rank, message, passed)) is not None:
                deadline = time.monotonic() + _PATIENCE
                for other in ranks:
                    group.tell(other, STOP)
            if "refused" in message and not message["sound"]:
                raise refusal(*message["refused"])
        if reason is not None:
            raise _AllAnswered(reason)
        if any(expected not in answer for answer in answers.values()):
            raise self._lost(f"did not answer as it should ({', '.join(sorted(map(str, answers.values())))[:200]})")
        return answers

    def _reason(self, rank: int, message: dict[str, Any], passed: Callable[[int], None]) -> BaseException | None:
        """Why the work ends with a message, if it does."""
        if "refused" in message:
            return refusal(*message["refused"])
        if "passed" in message:
            try:
                passed(rank)
            except BaseException as error:
                return error
        return None

    def _died(self, group: _Group, rank: int, message: dict[str, Any]) -> AskError:
        said = ""
        with suppress(OSError):
            said = group.log_of(rank).read_text(encoding="utf-8", errors="replace")[-_SHOWN:]
        log.info("rank %d of %s ended: %s", rank, self._resolved.name, said)
        if "ended" in message:
            with suppress(subprocess.TimeoutExpired):
                return self._lost(subprocesses.ending(group.processes[rank].wait(_ENDS_WITHIN)))
        for process in group.processes:  # one that was killed, whose connection this one has lost
            with suppress(subprocess.TimeoutExpired):
                if (status := process.wait(1.0)) < 0:
                    return self._lost(subprocesses.ending(status))
        return self._lost(f"stopped with {message['failed']}" if "failed" in message else "closed its answers")

    def _lost(self, how: str) -> ComputeError:
        return ComputeError(
            f"pass sentences through {self._resolved.name}",
            f"one of the {self._count} processes that hold its weights {how}",
            "Try again: they are started anew, and what was finished is kept.",
        )


class _AllAnswered(Exception):  # noqa: N818 - no error of its own
    """All ranks have answered, and this is why there is no result."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason
