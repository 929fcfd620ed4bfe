"""A worker of a cluster: keeps a model in memory, answers one request after another, and says how that goes.

Nothing heavy crosses: requests, messages and small answers are plain data (`core.serialisation`), results lie in the
cache that all share.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from core.pipeline.messages import Message
from core.version import __version__

_MOST_SAID = 10_000  # messages that nobody fetched


class Said:
    """Messages, until they are fetched; a `core.pipeline.messages.Speaks`."""

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


class Worker:
    """Computes answers over the cache in a folder; its methods may be called from several threads.

    Parameters
    ----------
    ranks : int
        Processes over which it spreads a model (`core.inference.ranks`), one for each of its GPUs.
    """

    def __init__(self, root: str, ranks: int = 1) -> None:
        # Imported where it runs: this file is read wherever a cluster is.
        from core.pipeline.backend import InThisProcess
        from core.pipeline.engine import Engine
        from core.store.opening import open_store

        self._engine = Engine(open_store(root), ranks=ranks)
        self._backend = InThisProcess(self._engine)
        self._said = Said()
        self._at = 0  # number of the request that it is at, or was at last
        self._stops: dict[int, threading.Event] = {}
        self._one = threading.Lock()

    def about(self) -> dict[str, Any]:
        """Which program this is, and where it runs."""
        from core.cluster.version import stages

        return {"version": __version__, "stages": stages(), "host": socket.gethostname(), "pid": os.getpid()}

    def run(self, number: int, asked: Any) -> Message:
        """Compute an answer, and say how it ended; begun anew by Ray where the process that computed it died.

        Parameters
        ----------
        number : int
            Of the request, for `stop`.
        asked : JSON
            The request, as `core.serialisation.encode` gives it.
        """
        from core.pipeline.worker import Told, outcome

        stop = self._stops.setdefault(number, threading.Event())
        with self._one:
            self._said.fetch()  # what nobody has heard of an earlier request
            self._at = number
            damaged = len(self._engine.store.damaged)
            ended, sound = outcome(self._backend, asked, Told(self._said, stop))
            self._stops.pop(number, None)
            state = self._engine.models.state()
            return {**ended, "sound": sound, "state": state, "damaged": self._engine.store.damaged[damaged:]}

    def heard(self, number: int) -> list[Message]:
        """The messages of a request since the last call; none while the worker is at another."""
        return self._said.fetch() if number == self._at else []

    def stop(self, number: int) -> None:
        """Stop a request at its next report."""
        self._stops.setdefault(number, threading.Event()).set()
