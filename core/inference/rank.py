"""One of the processes that hold a model together: ``python -m core.inference.rank KIND RANK COUNT FOLDER``.

`core.inference.ranks` starts it. Requests come on standard input and answers go to standard output, as
`core.serialisation` sends them. It ends with the process that started it: when its standard input ends.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch

from core import machine, serialisation
from core.errors import AskError, as_parts, in_one_line
from core.inference.forward import pass_share
from core.inference.shares import Share
from core.models import sharding
from core.models.load import load, skeleton_of
from core.models.loaded_model import LoadedModel
from core.models.spec import ResolvedModel
from core.progress import Cancelled
from core.store.opening import open_store

STOP = "stop"
"""The request to end what is being done after the present batch."""


@dataclass(frozen=True)
class LoadRequest:
    """The request to load a model and keep this rank's part.

    Attributes
    ----------
    root : str
        Folder of the cache, which keeps converted models.
    """

    resolved: ResolvedModel
    root: str


class Inbox:
    """What is asked, read in a thread of its own while the work goes on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.stop = threading.Event()
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def take(self) -> Any:
        """Wait for the next request."""
        return self._requests.get()

    def _read(self) -> None:
        while True:
            try:
                request = serialisation.receive(self._stream)
            except EOFError:
                os._exit(0)  # whoever started this has ended
            if request == STOP:
                self.stop.set()
            else:
                self.stop.clear()  # a stop that came too late was of the request before
                self._requests.put(request)


def loaded(request: LoadRequest, kind: str, count: int) -> LoadedModel:
    """Load a model on the processor and keep this rank's part of it; raises `ModelError`."""
    if kind == "cuda":
        sharding.check_room(request.resolved, skeleton_of(request.resolved), count)
    whole = load(replace(request.resolved, device="cpu"), open_store(request.root))
    return sharding.shard(replace(whole, resolved=request.resolved), kind)


def outcome(
    model: LoadedModel, share: Share, stop: threading.Event, ended: Callable[[], bool], said: Callable[[Any], None]
) -> dict[str, Any]:
    """Do a share; returns what to answer.

    Parameters
    ----------
    stop : Event
        Set where it is to end; all ranks end after the same batch.
    ended : callable
        Whether every pass that began has come to its end.
    said : callable
        Takes a message after each batch.
    """

    def advance(_: int) -> None:
        said({"passed": True})
        if sharding.any_of(stop.is_set()):
            raise Cancelled

    try:
        return {"done": pass_share(model, share, advance)}
    except Cancelled:
        return {"stopped": True}
    except AskError as refusal:
        sound = ended()
        if sound:  # the others ask after this batch whether they shall go on
            sharding.any_of(True)
        return {"refused": as_parts(refusal), "sound": sound}


def main() -> int:
    """Serve until the process that started this one ends."""
    kind, rank, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    # What libraries print must not stand among the answers.
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    inbox = Inbox(sys.stdin.buffer)
    if kind == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    try:
        sharding.join(kind, rank, count, folder / "meeting")
        serialisation.send(stream, {"joined": True})
        request = inbox.take()
        try:
            model = loaded(request, kind, count)
        except AskError as refusal:
            serialisation.send(stream, {"refused": as_parts(refusal), "sound": False})
            return 1
        ended = sharding.passes_ended(model.base)
        serialisation.send(stream, {"loaded": True, "gpu": machine.gpu() or ""})
        while True:
            answer = outcome(
                model, inbox.take(), inbox.stop, ended, lambda message: serialisation.send(stream, message)
            )
            serialisation.send(stream, answer)
    except BaseException as unexpected:
        serialisation.send(stream, {"failed": in_one_line(unexpected)})
        raise


if __name__ == "__main__":
    sys.exit(main())
