"""Answers computed on a cluster, by the protocol of `core.pipeline.backend.Backend`: for the dashboard's queue."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from typing import Any

import torch

from core.cluster.connection import connected, lost
from core.cluster.pool import LOOK, PATIENCE, Pool
from core.errors import ComputeError
from core.pipeline.backend import RemoteBackend
from core.pipeline.engine import Engine
from core.pipeline.messages import Message, answer_of, note_state
from core.progress import Cancelled, Progress


class ClusterBackend(RemoteBackend):
    """Computes on one worker of a cluster; reads what is known in this process, whatever the cluster does.

    Parameters
    ----------
    engine : Engine
        Reads what is known, over the cache that the cluster has too; it is told how fast the worker's model runs.
    address : str
        As `core.cluster.connection.chosen` gives it.
    gpus_per_model : int, optional
        0 for the processor; unless given, 1 where this machine and the cluster have any: both must mean the same by
        ``device="auto"``.

    Raises
    ------
    SettingError, ComputeError
        As `core.cluster.connection.connected` and `core.cluster.pool.Pool`.
    """

    def __init__(self, engine: Engine, address: str, gpus_per_model: int | None = None) -> None:
        super().__init__(engine)
        self._one = threading.Lock()
        self._address, self._gpus, self._closed = address, gpus_per_model, False
        self._join()

    def _join(self) -> None:
        """Join the cluster, and start the worker."""
        with ExitStack() as held:
            self._cluster = held.enter_context(connected(self._address))
            gpus = self._gpus
            if gpus is None:
                gpus = int(any(self._cluster.gpus) and torch.cuda.is_available())
            self._places = self._cluster.places(gpus)[:1]
            self._pool: Pool | None = self._started()
            self._held = held.pop_all()

    def _started(self) -> Pool:
        return Pool(self._cluster, self.engine.store.root, self._places)

    def run(self, request: Any, progress: Progress) -> Any:
        """Compute the answer on the worker.

        Raises
        ------
        AskError
            Where there can be none; `core.errors.ComputeError` where the worker died again and again, does not answer,
            or cannot be started.
        Cancelled
            Where a report of the progress raised it.
        """
        with self._one:
            try:
                message = self._asked(request, progress)
            except ConnectionError as error:
                gone = lost(error, "compute this on the cluster", "Try again: it is joined anew.")
                self._leave()
                raise gone from error
            note_state(message, self.engine)
            if "state" not in message and "failed" in message:
                raise ComputeError("compute this on the cluster", str(message["failed"]), "Try again.")
            return answer_of(request, message, self._here)

    def _asked(self, request: Any, progress: Progress) -> Message:
        """The outcome that the worker gives."""
        if self._closed:
            raise ComputeError("compute this on the cluster", "this program has left it", "Start it again.")
        if self._pool is None:  # the cluster answered no longer
            self._join()
        elif not self._pool.members:  # the worker was given up, since it did not answer
            self._pool = self._started()
        pool = self._pool
        assert pool is not None
        (member,) = pool.members
        pool.ask(member, request, progress)
        try:
            while not (outcomes := pool.ended(LOOK)):
                pass
        except Cancelled:
            pool.stop(PATIENCE)
            raise
        ((_, message),) = outcomes
        return message

    def _leave(self) -> None:
        """End the worker and leave the cluster, which may have gone."""
        if self._pool is None:
            return
        with suppress(Exception):
            self._pool.close()
        with suppress(Exception):
            self._held.close()
        self._pool = None

    def about(self) -> str:
        """Where it computes, in words."""
        at = [f"at present on {member.host}" for member in (self._pool.members if self._pool else ())]
        return f"Computes on {self._cluster.about()}, {', '.join(at) or 'where the next job starts a worker'}."

    def close(self) -> None:
        """End the worker, and leave the cluster."""
        self._closed = True
        self._leave()
