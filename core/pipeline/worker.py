"""The process that computes for a server: ``python -m core.pipeline.worker CACHE BYTES``.

`core.pipeline.child` starts it. It reads requests from standard input and says on standard output how the work goes,
each message a line of JSON (see `core.serialisation`). Answers lie in the store, where the server reads them; small
ones go along with the message. It ends with the server: when its standard input ends.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

from core import access, serialisation
from core.errors import AskError, as_parts, in_one_line
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.pipeline.backend import LocalBackend
from core.pipeline.engine import Engine
from core.pipeline.messages import MessageSink
from core.pipeline.result import Result
from core.progress import Cancelled, Progress, Snapshot
from core.store.opening import open_store
from core.store.store import Store
from core.subprocesses import limit_memory

_log = logging.getLogger(__name__)
_EVERY = 0.1  # seconds between two messages of units that are done
_WAITING_EVERY = 30.0  # seconds between two messages that it waits at a lock


class Channel:
    """What is said to the server; any thread may."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._writing = stream, threading.Lock()

    def say(self, **message: Any) -> None:
        """Send a message; where the server has gone, nobody hears it."""
        line = json.dumps(message)
        with self._writing, suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()


class ReportedProgress(Progress):
    """A progress that reports each step to the server; its clock then says how long everything takes.

    Parameters
    ----------
    cancelled : Event
        Once it is set, the work stops at its next report.
    """

    def __init__(self, channel: MessageSink, cancelled: threading.Event) -> None:
        super().__init__(self._stop_if_cancelled)
        self._channel, self._cancelled = channel, cancelled
        self._untold, self._told = 0.0, 0.0

    def plan(self, seconds: Mapping[str, float]) -> None:
        """Set which stages will run."""
        super().plan(seconds)
        self._channel.say(plan=dict(seconds))

    def stage(self, name: str, total: float = 1.0) -> None:
        """Begin a stage."""
        self._tell()
        self._channel.say(stage=[name, total])
        super().stage(name, total)

    def advance(self, units: float = 1.0) -> None:
        """Count units of this stage's work as done."""
        self._untold += units
        if time.monotonic() - self._told > _EVERY:
            self._tell()
        super().advance(units)

    def finish(self) -> None:
        """End the last stage."""
        self._tell()
        self._channel.say(finish=True)
        super().finish()

    def publish(self, partial: Any) -> None:
        """Show a preliminary result."""
        super().publish(partial)
        self._channel.say(partial=serialisation.encode(partial))

    def _tell(self) -> None:
        if self._untold:
            self._channel.say(advance=self._untold)
        self._untold, self._told = 0.0, time.monotonic()

    def _stop_if_cancelled(self, _: Snapshot) -> None:
        if self._cancelled.is_set():
            raise Cancelled


class Inbox:
    """What the server says, read in a thread of its own while the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._cancelled: dict[int, threading.Event] = {}
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def take(self) -> tuple[int, Any, threading.Event]:
        """Wait for the next request; returns its number, what is asked, and the event that cancels it."""
        message = self._requests.get()
        number = int(message["number"])
        return number, message["ask"], self._cancelled[number]

    def done(self, number: int) -> None:
        """Forget a request that was answered."""
        self._cancelled.pop(number, None)

    def _read(self) -> None:
        for line in self._stream:
            message = json.loads(line)
            if "ask" in message:
                self._cancelled[int(message["number"])] = threading.Event()
                self._requests.put(message)
            elif event := self._cancelled.get(int(message["cancel"])):
                event.set()
        os._exit(0)  # the server has ended, and nobody waits for what is being computed


def outcome(backend: LocalBackend, asked: Any, progress: Progress) -> tuple[dict[str, Any], bool]:
    """Compute an answer; returns what to say of it, and whether this process is still sound afterwards."""
    try:
        answer = backend.run(serialisation.decode(asked, ours_alone=False), progress)
        return {"done": _facts(answer)}, True
    except Cancelled:
        return {"cancelled": True}, True
    except AskError as refusal:
        return {"refused": as_parts(refusal)}, True
    except BaseException as unexpected:  # a panic in Rust code is no Exception; what it leaves behind nobody knows
        _log.exception("the job failed")
        return {"failed": in_one_line(unexpected)}, isinstance(unexpected, Exception)


def _facts(answer: object) -> dict[str, Any]:
    """What the server cannot read from the store: how a result came about, and answers that are plain data."""
    if isinstance(answer, Result):
        return {"seconds": dict(answer.seconds), "computed": list(answer.computed)}
    if hasattr(answer, "plan"):  # with it come all sentences
        return {}
    try:
        return {"answer": serialisation.encode(answer)}
    except TypeError:
        return {}


def tell_of_waiting(store: Store, channel: MessageSink, over: threading.Event, every: float = _WAITING_EVERY) -> None:
    """Say now and then, until it is over, that the work waits for another process to make an artefact: it lives."""
    while not over.wait(every):
        if store.waits:
            channel.say(moved=True)


def main() -> int:
    """Serve until the server ends."""
    root, most = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends this process, however it ends itself
    # What libraries print must not stand among the messages.
    channel = Channel(os.fdopen(os.dup(1), "w", encoding="ascii"))
    os.dup2(2, 1)
    inbox = Inbox(sys.stdin)
    limit_memory(most)
    os.environ[access.TABLES] = ""  # a table may crash this process, which is there for that
    engine = Engine(open_store(root))
    backend = LocalBackend(engine)
    threading.Thread(
        target=tell_of_waiting, args=(engine.store, channel, threading.Event()), name="waiting", daemon=True
    ).start()
    channel.say(ready=os.getpid())
    with suppress(AskError):  # loads what the first request needs; a request itself says what is wrong
        plan(Experiment())
    while True:
        number, asked, cancelled = inbox.take()
        damaged_before = len(engine.store.damaged)
        said, sound = outcome(backend, asked, ReportedProgress(channel, cancelled))
        inbox.done(number)
        channel.say(state=engine.models.state(), damaged=engine.store.damaged[damaged_before:])
        channel.say(**said, sound=sound)
        if not sound:
            return 1


if __name__ == "__main__":
    sys.exit(main())
