"""A worker of a cluster: keeps a model in memory, answers one request after another, and says how that goes.

Nothing heavy crosses: requests, messages and small answers are plain data (`core.serialisation`), results lie in the
cache that all share.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

import psutil

from core.errors import AskError
from core.pipeline.messages import MOVED, Message
from core.version import __version__

_MOST_SAID = 10_000  # messages that nobody fetched
_TRAFFIC_EVERY = 10.0  # seconds between two looks at what was read and written


class MessageBuffer:
    """Messages, until they are fetched; a `core.pipeline.messages.MessageSink`."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque(maxlen=_MOST_SAID)

    def say(self, **message: Any) -> None:
        """Add a message."""
        self._messages.append(message)

    def fetch(self) -> list[Message]:
        """Give the messages since the last call."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._messages.popleft())
        return found


class Traffic:
    """What this process and those that it started have read and written."""

    def __init__(self) -> None:
        self._counted, self._looked = 0, -math.inf

    def moved(self) -> bool:
        """Whether that was more than a little since the last look; looks again after some seconds alone."""
        if time.monotonic() - self._looked < _TRAFFIC_EVERY:
            return False
        before, self._counted, self._looked = self._counted, _traffic(), time.monotonic()
        return self._counted - before > MOVED


def _traffic() -> int:
    counted = 0
    with suppress(psutil.Error):
        this = psutil.Process()
        for process in (this, *this.children(recursive=True)):
            with suppress(psutil.Error, AttributeError):  # it has ended, or the system does not count this
                counters = process.io_counters()
                counted += counters.read_bytes + counters.write_bytes
    return counted


class Worker:
    """Computes answers over the cache in a folder; its methods may be called from several threads.

    Parameters
    ----------
    ranks : int
        Processes over which it spreads a model (`core.inference.ranks`), one for each of its GPUs.
    """

    def __init__(self, root: str, ranks: int = 1) -> None:
        # Imported where it runs: this file is read wherever a cluster is.
        from core.pipeline.backend import LocalBackend
        from core.pipeline.engine import Engine
        from core.store.opening import open_store

        self._engine = Engine(open_store(root), ranks=ranks)
        self._backend = LocalBackend(self._engine)
        self._said, self._traffic = MessageBuffer(), Traffic()
        self._at = 0  # number of the request that it is at, or was at last
        self._stops: dict[int, threading.Event] = {}
        self._one = threading.Lock()

    def about(self) -> dict[str, Any]:
        """Which program this is, where it runs, and why it cannot use the shared store, if it cannot."""
        from core.cluster.version import stages

        here = {"host": socket.gethostname(), "pid": os.getpid()}
        return {"version": __version__, "stages": stages(), "shared": self._why_not_shared(), **here}

    def _why_not_shared(self) -> str:
        """Empty where it can, or there is none: credentials are each machine's own, and may be missing here."""
        shared = self._engine.store.shared
        try:
            if shared is not None:
                shared.check()
        except AskError as error:
            return str(error)
        return ""

    def sees(self, name: str) -> bool:
        """Whether a file is in its cache: the driver has put one into its own."""
        return (self._engine.store.root / name).exists()

    def run(self, number: int, asked: Any) -> Message:
        """Compute an answer, and say how it ended; begun anew by Ray where the process that computed it died.

        Parameters
        ----------
        number : int
            Of the request, for `stop`.
        asked : JSON
            The request, as `core.serialisation.encode` gives it.
        """
        from core.pipeline.worker import ReportedProgress, outcome

        stop = self._stops.setdefault(number, threading.Event())
        with self._one:
            self._said.fetch()  # what nobody has heard of an earlier request
            self._at = number
            damaged = len(self._engine.store.damaged)
            ended, sound = outcome(self._backend, asked, ReportedProgress(self._said, stop))
            self._stops.pop(number, None)
            state = self._engine.models.state()
            return {**ended, "sound": sound, "state": state, "damaged": self._engine.store.damaged[damaged:]}

    def heard(self, number: int) -> list[Message]:
        """The messages of a request since the last call; none while the worker is at another.

        Where it says nothing, one that says whether there are other signs of life: a download reports nothing, and who
        waits until another process has made an artefact does not hang.
        """
        if number != self._at:
            return []
        return self._said.fetch() or ([{"moved": True}] if self._engine.store.waits or self._traffic.moved() else [])

    def stop(self, number: int) -> None:
        """Stop a request at its next report."""
        self._stops.setdefault(number, threading.Event()).set()
