"""Computes in a child process, which may die: a panic, an abort, an endless loop or want of memory end one job alone.

The child is `core.pipeline.worker`. What it computes lies in the store, where this process reads it; how the work goes
crosses as plain data (`core.serialisation`). A child that ends, or that does not stop when it is told to, is replaced.
"""

from __future__ import annotations

import atexit
import json
import logging
import queue
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from core import serialisation, subprocesses
from core.errors import ComputeError, TooLargeError
from core.pipeline.backend import RemoteBackend
from core.pipeline.engine import Engine
from core.pipeline.messages import HANGS, MOVED, Expectation, answer_of, apply_message, note_state
from core.progress import Cancelled, Progress

_log = logging.getLogger(__name__)
_LOOK = 0.25  # seconds between two looks at whether the child is to stop, and how much memory it takes
_ENDED: dict[str, Any] = {"ended": True}
_OUTCOMES = ("done", "cancelled", "refused", "failed", "ended")
_INSTEAD = "Try again, with a smaller model or fewer sentences where it was too much; what was finished is kept."


class Child:
    """One child process and what it says."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self.process = subprocess.Popen(
            subprocesses.command("core.pipeline.worker", str(root), str(most_bytes)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="ascii",
            env=subprocesses.environment(),
        )
        atexit.register(self.process.kill)  # it may be where it does not hear that this process ends
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._number = 0
        self.heard = time.monotonic()
        self._traffic = 0
        threading.Thread(target=self._read, name="child", daemon=True).start()

    def ask(self, request: Any) -> None:
        """Have it compute an answer."""
        self._number += 1
        self.heard = time.monotonic()
        self._say(number=self._number, ask=serialisation.encode(request))

    def cancel(self) -> None:
        """Have it stop at its next report."""
        self._say(cancel=self._number)

    def next(self, timeout: float) -> dict[str, Any] | None:
        """Give its next message; None if it says nothing for so many seconds."""
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            return None
        self.heard = time.monotonic()
        return message

    def memory(self) -> int:
        """Bytes of memory that it takes."""
        with suppress(psutil.Error):
            taken: int = psutil.Process(self.process.pid).memory_info().rss
            return taken
        return 0

    def note_traffic(self) -> None:
        """Count it as heard of if it has read or written since the last look."""
        with suppress(psutil.Error, AttributeError):  # not every system counts this
            counted = psutil.Process(self.process.pid).io_counters()
            traffic = counted.read_bytes + counted.write_bytes
            if traffic - self._traffic > MOVED:
                self.heard = time.monotonic()
            self._traffic = traffic

    def kill(self) -> None:
        """End it at once."""
        atexit.unregister(self.process.kill)
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):  # what was not sent is not sent any more
                self.process.stdin.close()

    def how_it_ended(self) -> str:
        """How it ended, in words."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        if self.process.poll() is None:  # it lives, and what it says cannot be understood
            self.kill()
            return "said what cannot be understood and was ended"
        return subprocesses.ending(self.process.returncode)

    def _say(self, **message: Any) -> None:
        assert self.process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended; that is read where its messages are
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError, OSError), self.process.stdout as lines:
            for line in lines:
                self._messages.put(json.loads(line))
        self._messages.put(_ENDED)


_early: dict[Path, Child] = {}


def start_early(root: Path) -> None:
    """Start the child of a cache folder before there is anything to compute: it takes seconds to get ready."""
    _early[root.resolve()] = Child(root.resolve(), subprocesses.machine_memory() * 9 // 10)


class ChildBackend(RemoteBackend):
    """Computes in a child process, one answer at a time; reads what is known in this one.

    Parameters
    ----------
    engine : Engine
        Reads what is known; its model host is told how fast the child's model runs, and which one is loaded.
    most_bytes : int, optional
        Memory that the child may take; nine tenths of the machine's unless given.
    patience : float
        Seconds for a child that was told to stop, after which it is ended; more where it was silent for long before,
        within ``silence``.
    silence : float
        Seconds without a word after which a child is ended, unless it reads or writes (a download says nothing).
    """

    def __init__(
        self, engine: Engine, most_bytes: int | None = None, patience: float = 30.0, silence: float = HANGS
    ) -> None:
        super().__init__(engine)
        self._most = most_bytes or subprocesses.machine_memory() * 9 // 10
        self._patience, self._silence = patience, silence
        self._one = threading.Lock()
        self._restarts = 0
        root = engine.store.root
        self._child = _early.pop(root) if root in _early else Child(root, self._most)

    def about(self) -> str:
        """Where it computes, in words."""
        gigabytes = f"{self._child.memory() / 1e9:.1f} of at most {self._most / 1e9:.1f} GB"
        return f"Computes in process {self._child.process.pid}, which takes {gigabytes}; restarts: {self._restarts}."

    @property
    def process_id(self) -> int:
        """The child's."""
        return self._child.process.pid

    def close(self) -> None:
        """End the child."""
        self._child.kill()

    def run(self, request: Any, progress: Progress) -> Any:
        """Compute the answer in the child.

        Raises
        ------
        AskError
            Where there can be none; `core.errors.ComputeError` where the child ended.
        Cancelled
            Where a report of the progress raised it.
        """
        with self._one:
            child = self._living()
            child.ask(request)
            following = _ChildRequest(child, progress, self.engine, self._most, self._silence)
            try:
                message = following.to_the_end()
            except Cancelled:
                self._interrupt(child, following)
                raise
            if "ended" in message:
                raise self._lost(message.get("why") or child.how_it_ended(), following.too_large)
            return self._answer(request, message)

    def _living(self) -> Child:
        if self._child.process.poll() is not None:  # it ended while nothing was asked of it
            self._restart()
        return self._child

    def _restart(self) -> None:
        self._child.kill()
        self._restarts += 1
        self.engine.models.take_over({"ran": {}, "loaded": []})
        self._child = Child(self.engine.store.root, self._most)

    def _interrupt(self, child: Child, following: _ChildRequest) -> None:
        """Have the child stop, or end it where it does not."""
        child.cancel()
        patience = max(self._patience, 3 * following.longest_silence, 3 * following.expected)
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            message = child.next(min(left, _LOOK))
            if message is None and (why := following.fault()):
                raise self._lost(why, following.too_large)
            if message is not None and "ended" in message:
                raise self._lost(child.how_it_ended())
            if message is not None and following.take_state(message):
                return
        raise self._lost(f"did not stop for {patience:.0f} seconds and was ended")

    def _answer(self, request: Any, message: dict[str, Any]) -> Any:
        if "failed" in message and not message["sound"]:
            self._restart()
        return answer_of(request, message, self._here)

    def _lost(self, how: str, too_large: bool = False) -> ComputeError:
        """Replace the child; returns the error that says how it was lost."""
        self._restart()
        kind = TooLargeError if too_large else ComputeError
        return kind("compute this", f"the process that computes {how}", _INSTEAD)


class _ChildRequest:
    """Follows one request to its end: has the progress here do as the child's does."""

    def __init__(self, child: Child, progress: Progress, engine: Engine, most: int, silence: float) -> None:
        self._child, self._progress, self._engine = child, progress, engine
        self._most, self._silence = most, silence
        self.longest_silence, self.too_large = 0.0, False
        self._expectation = Expectation()

    @property
    def expected(self) -> float:
        """Seconds that the present stage was expected to take."""
        return self._expectation.seconds

    def to_the_end(self) -> dict[str, Any]:
        """Wait for the outcome; returns the message that holds it."""
        while True:
            message = self._child.next(_LOOK)
            if message is None:
                if why := self.fault():
                    self._child.kill()
                    return {**_ENDED, "why": why}
                self._progress.report(self._progress.snapshot())  # where the work is told to stop
            elif self.take_state(message):
                return message
            else:
                self._do(message)

    def take_state(self, message: dict[str, Any]) -> bool:
        """Note what the child says of itself; returns whether the message is an outcome."""
        note_state(message, self._engine)
        return any(name in message for name in _OUTCOMES)

    def _do(self, message: dict[str, Any]) -> None:
        self._expectation.note(message)
        apply_message(message, self._progress)

    def fault(self) -> str | None:
        """Why the child must be ended now, if it must."""
        self._child.note_traffic()
        silent = time.monotonic() - self._child.heard
        self.longest_silence = max(self.longest_silence, silent if self._expectation.begun else 0.0)
        if self._expectation.hangs(silent, self._silence):
            return f"said nothing for {silent:.0f} seconds and was ended"
        if (taken := self._child.memory()) > self._most:
            self.too_large = True
            return f"took {taken / 1e9:.1f} GB of memory, more than the {self._most / 1e9:.1f} it may, and was ended"
        return None
