"""Workers on a cluster, and the requests they are at: a dead one is started again, and its request with it."""

from __future__ import annotations

import itertools
import logging
import math
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import serialisation
from core.cluster import version
from core.cluster.connection import Cluster
from core.cluster.worker import Worker
from core.errors import ComputeError
from core.pipeline.messages import Expectation, Message, apply_message
from core.progress import Progress
from core.stats.units import counted

log = logging.getLogger(__name__)

RETRIES = 3
"""How often a request is begun anew whose worker died: by Ray, once it is asked again, and by Ray once more."""

SILENCE = 60.0
"""Seconds without an answer after which a worker is given up: its machine has gone, and it found no room elsewhere."""

LOOK, PATIENCE = 0.25, 2.0
"""Seconds between two looks at the progress, and for workers that were told to stop."""

_THREADS = 4  # of a worker: one computes, the others say how that goes
_LAST_CHANCE = 5.0  # seconds that a silent worker has to answer
_BEGIN_WITHIN = 120.0  # seconds until a worker must have started


@dataclass
class Member:
    """One worker, and what it is at.

    Attributes
    ----------
    number : int
    actor : object
        Ray's handle of a `core.cluster.worker.Worker`.
    host : str
    asked : int
        Number of its request.
    running : object or None
        Ray's reference to the outcome of its request; None while it is idle.
    progress : Progress or None
        Does as the worker's.
    """

    number: int
    actor: Any
    host: str = ""
    asked: int = 0
    running: Any = None
    progress: Progress | None = None
    _hearing: Any = None
    taken: Any = None
    _request: Any = None
    _heard_at: float = 0.0  # when it last answered
    _alive_at: float = 0.0  # when the work last gave a sign of life
    _expectation: Expectation = field(default_factory=Expectation)
    _asked_again_at: float = math.inf


class Pool:
    """Workers over one cache.

    Parameters
    ----------
    cluster : Cluster
    root : Path
        The cache, by the same path on every machine.
    places : sequence of mapping
        What each takes of the cluster, as `Cluster.places` gives it.
    ranks : int, optional
        Processes over which each spreads a model; one for each of its GPUs unless given.

    Raises
    ------
    ComputeError
        If none starts, or one is of another version.
    """

    def __init__(
        self,
        cluster: Cluster,
        root: Path,
        places: Sequence[dict[str, float]],
        ranks: int | None = None,
    ) -> None:
        self.ray = cluster.ray
        self._numbers = itertools.count(1)
        made = self.ray.remote(Worker)
        self.members = [
            Member(number, made.options(**_options(place)).remote(str(root), max(1, ranks or _gpus(place))))
            for number, place in enumerate(places)
        ]
        try:
            self._begin(cluster)
            self._check_cache(root)
        except BaseException:  # else those that wait for room would take it once there is some
            self.close()
            raise

    def _begin(self, cluster: Cluster) -> None:
        """Wait until the workers have started; those for which there is no room are let go."""
        starting = {member.actor.about.remote(): member for member in self.members}
        deadline, waiting = time.monotonic() + _BEGIN_WITHIN, list(starting)
        ready: list[Any] = []
        while waiting and time.monotonic() < deadline:
            done, waiting = self.ray.wait(waiting, timeout=1.0)
            ready += done
        if waiting and ready:
            these = counted(len(waiting), "worker")
            log.warning("%s did not start within %.0f seconds: the others go on alone", these, _BEGIN_WITHIN)
        for reference in waiting:
            self.ray.kill(starting[reference].actor)
            self.members.remove(starting[reference])
        for reference in ready:
            try:
                about = self.ray.get(reference)
            except self.ray.exceptions.RayError as error:
                raise ComputeError(
                    "start a worker on the cluster",
                    " ".join(str(error).split())[-500:],
                    "Install the same version of this program on all machines, with the cache at the same path.",
                ) from error
            version.check(about)
            starting[reference].host = str(about["host"])
            if why := about.get("shared"):
                log.warning("on %s: %s What it computes stays in the cache, to be sent later.", about["host"], why)
        if not self.members:
            raise ComputeError(
                "start a worker on the cluster",
                f"{cluster.about()} had no room for one within {_BEGIN_WITHIN:.0f} seconds",
                "Wait until others have finished, or ask for fewer --gpus-per-model.",
            )

    def _check_cache(self, root: Path) -> None:
        """Refuse workers that have a folder of their own at the path of the cache: nobody would find what they make."""
        mark = root / f".tmp-seen-by-workers-{secrets.token_hex(8)}"
        try:
            mark.touch()
        except OSError:  # a cache that cannot be written to is said where something is
            return
        try:
            asked = {member.actor.sees.remote(mark.name): member.host for member in self.members}
            ready, _ = self.ray.wait(list(asked), num_returns=len(asked), timeout=_BEGIN_WITHIN)
            apart = sorted({asked[reference] for reference in ready if not self._says(reference)})
        finally:
            mark.unlink(missing_ok=True)
        if apart:
            raise ComputeError(
                "compute on the cluster",
                f"the folder {root} of {', '.join(apart)} is another one than this machine's",
                "Name a folder that all machines share, at the same path: --cache.",
            )

    def _says(self, reference: Any) -> bool:
        try:
            return bool(self.ray.get(reference))
        except self.ray.exceptions.RayError:  # what is wrong with a worker shows when it is asked for something
            return True

    def idle(self) -> Iterator[Member]:
        """The workers that wait for a request."""
        return (member for member in self.members if member.running is None)

    def ask(self, member: Member, request: Any, progress: Progress) -> None:
        """Have a worker compute an answer."""
        member.asked, member.progress, member._heard_at = next(self._numbers), progress, time.monotonic()
        member._alive_at = time.monotonic()
        member._expectation = Expectation(begun=True, whole=getattr(request, "seconds", 0.0))
        member._request, member._asked_again_at = serialisation.encode(request), math.inf
        member.running = member.actor.run.remote(member.asked, member._request)

    def ended(self, timeout: float) -> list[tuple[Member, Message]]:
        """Wait for outcomes, and let the progress of all that work do as theirs; what its reports raise passes through.

        A worker that died more often than it is begun anew gives ``{"failed": ..., "sound": False}``, and so does one
        that hangs (`core.pipeline.messages.HANGS`), which is started anew; one that is given up ``{"lost": True}``, and
        it is a member no longer.

        Raises
        ------
        ComputeError
            If no worker is left.
        """
        busy = {member.running: member for member in self.members if member.running is not None}
        if not busy:
            return []
        done, _ = self.ray.wait(list(busy), num_returns=1, timeout=timeout)
        outcomes: list[tuple[Member, Message]] = []
        for reference in done:
            member = busy[reference]
            try:
                message = self.ray.get(reference)
            except self.ray.exceptions.ActorDiedError as error:  # it cannot start again
                self._give_up(member, f"cannot start again: {' '.join(str(error).split())[:300]}")
                outcomes.append((member, {"lost": True}))
                continue
            except self.ray.exceptions.RayError as error:
                if self._ask_again(member, error):
                    continue
                message = {"failed": f"its worker died: {' '.join(str(error).split())[:300]}", "sound": False}
            self._follow(member, last=True)
            member.running, member._hearing = None, None
            if not message["sound"]:
                with suppress(self.ray.exceptions.RayError):
                    self.ray.kill(member.actor, no_restart=False)
            outcomes.append((member, message))
        for member in busy.values():
            if member.running is None:
                continue
            self._follow(member)
            if time.monotonic() - member._heard_at > SILENCE and not self._answers(member):
                self._give_up(member)
                outcomes.append((member, {"lost": True}))
            elif member._expectation.hangs(silent := time.monotonic() - member._alive_at):
                self._start_anew(member)
                member.running, member._hearing = None, None
                why = f"it said nothing for {silent:.0f} seconds and was ended"
                outcomes.append((member, {"failed": why, "sound": False}))
        return outcomes

    def _ask_again(self, member: Member, error: Exception) -> bool:
        """Ask a worker again that cannot be reached, until it starts again somewhere or is given up.

        Not one that did start again, and died once more of the same request.
        """
        unavailable = isinstance(error, self.ray.exceptions.ActorUnavailableError)
        if not unavailable or member._heard_at > member._asked_again_at:
            return False
        member._asked_again_at = time.monotonic()
        member.running = member.actor.run.remote(member.asked, member._request)
        return True

    def _answers(self, member: Member) -> bool:
        """Whether a worker answers when it is given time to: this process may have stood still, and not the worker."""
        before = member._heard_at
        self._hear(member, _LAST_CHANCE)
        return member._heard_at > before

    def _give_up(self, member: Member, why: str = "") -> None:
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(member.actor)
        member.running = None
        self.members.remove(member)
        if not self.members:
            raise ComputeError(
                "go on with the cluster",
                f"the last worker {why or f'has not answered for {SILENCE:.0f} seconds'}",
                "See that its machines are there, and give the same command again: what was finished is kept.",
            )

    def _follow(self, member: Member, last: bool = False) -> None:
        """Hear what a worker says, without waiting for one that cannot answer now."""
        assert member.progress is not None
        asked_before = member._hearing is not None
        self._hear(member, 1.0 if last else 0.0)
        if last and asked_before and member._hearing is None:
            self._hear(member, 1.0)  # what it has said since
        member.progress.report(member.progress.snapshot())

    def _hear(self, member: Member, timeout: float) -> None:
        assert member.progress is not None
        if member._hearing is None:
            member._hearing = member.actor.heard.remote(member.asked)
        ready, _ = self.ray.wait([member._hearing], timeout=timeout)
        if not ready:
            return
        reference, member._hearing = member._hearing, None
        said: list[Message] = []
        with suppress(self.ray.exceptions.RayError):
            said = self.ray.get(reference)
            member._heard_at = time.monotonic()
        for message in said:
            member._alive_at = time.monotonic()
            member._expectation.note(message)
            apply_message(message, member.progress)

    def stop(self, within: float) -> None:
        """Stop all that work at their next report; those that do not within so many seconds are started again."""
        busy = [member for member in self.members if member.running is not None]
        for member in busy:
            member.actor.stop.remote(member.asked)
        if busy:
            self.ray.wait([member.running for member in busy], num_returns=len(busy), timeout=within)
        for member in busy:
            ready, _ = self.ray.wait([member.running], timeout=0)
            if not ready:
                self._start_anew(member)
            member.running, member._hearing = None, None

    def _start_anew(self, member: Member) -> None:
        with suppress(self.ray.exceptions.RayError):
            self.ray.cancel(member.running)  # else Ray begins it anew on the new process
            self.ray.kill(member.actor, no_restart=False)

    def close(self) -> None:
        """End the workers."""
        for member in self.members:
            with suppress(Exception):  # the cluster may have gone
                self.ray.kill(member.actor)


def _gpus(place: dict[str, float]) -> int:
    return int(place.get("num_gpus", 0))


def _options(place: dict[str, float]) -> dict[str, Any]:
    return {**place, "max_restarts": -1, "max_task_retries": RETRIES // 2, "max_concurrency": _THREADS}
