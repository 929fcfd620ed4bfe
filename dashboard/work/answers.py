"""The newest answers, in memory; one that is not there is looked up in the store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from core.pipeline.backend import Backend, Request

MOST = 24
"""Answers that are kept, those used last."""


class Answers:
    """The answers of a backend that were asked for last; any thread may call any method."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._kept: OrderedDict[Request, Any] = OrderedDict()

    def find(self, request: Request) -> Any | None:
        """The answer if it is known, from memory or the store; raises `AskError` if it cannot be."""
        with self._lock:
            in_memory = self._kept.get(request)
            if in_memory is not None:
                self._kept.move_to_end(request)
        # A table or a model folder may have been edited since; its name does not show that.
        if in_memory is not None and self._backend.holds(in_memory):
            return in_memory
        answer = self._backend.known(request)
        if answer is not None:
            self.keep(request, answer)
        return answer

    def peek(self, request: Request) -> Any | None:
        """The answer if it is in memory; looks nothing up."""
        with self._lock:
            return self._kept.get(request)

    def keep(self, request: Request, answer: Any) -> None:
        """Keep an answer, as the newest; the one that was used longest ago goes."""
        with self._lock:
            self._kept[request] = answer
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Drop all of them."""
        with self._lock:
            self._kept.clear()
