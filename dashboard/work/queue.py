"""Long work in the background: one worker a process, so that a model never works for two visitors at once.

A visitor has one request at a time: a new one supersedes the old. Visitors who ask for the same thing share one job. A
job whose visitors have all left goes on, but gives way to visitors who wait; the stages that it finished stay in the
store. Background work, which a visitor may ask for in addition to the one request, gives way in the same manner.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.errors import AskError
from core.progress import Cancelled, Progress, Snapshot
from dashboard.work.protocol import Backend, Request

log = logging.getLogger(__name__)

_AWAY_AFTER = 15.0  # seconds since the last call of `Jobs.touch`; a page that waits calls it every second
_RESULTS_KEPT = 24
_ENDED_KEPT = 200  # jobs: more than the cells of the largest grid that a page asks for


def settle() -> None:
    """Exclude all living objects from garbage collection.

    Streamlit collects garbage after every run of a page, and a page that waits runs every second. With torch, numba and
    a model loaded each collection would go through a million permanent objects and stop everything else meanwhile.
    """
    gc.collect()
    gc.freeze()


def in_one_line(error: BaseException) -> str:
    """An unexpected error in one line, for the page."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@dataclass
class Job:
    """One request being computed.

    Attributes
    ----------
    request : Request
        What is asked: an experiment, or another question.
    state : str
        ``waiting``, ``running``, ``done``, ``failed`` or ``stopped``.
    progress : Progress, optional
        Once it runs.
    seen : dict of str to float
        When each visitor that wants it last looked.
    error : AskError or str, optional
        Why it failed: a refusal, or something unexpected in one line.
    stage : str
        What it was doing when it last reported.
    background : bool
        Gives way to whatever else is waiting, and is not withdrawn by its visitor's next request.
    title : str
        What it is, for a list of jobs.
    """

    request: Request
    state: str = "waiting"
    progress: Progress | None = None
    error: AskError | str | None = None
    seen: dict[str, float] = field(default_factory=dict)
    stop: bool = False
    stage: str = ""
    background: bool = False
    title: str = ""

    @property
    def snapshot(self) -> Snapshot:
        """Where the work stands at this moment."""
        return self.progress.snapshot() if self.progress else Snapshot("waiting", 0.0, 0.0, 0.0)

    @property
    def active(self) -> bool:
        """Whether it is yet to finish."""
        return self.state in ("waiting", "running")

    @property
    def watched(self) -> bool:
        """Whether somebody who wants it has looked at it lately."""
        now = time.monotonic()
        return any(now - moment <= _AWAY_AFTER for moment in self.seen.values())

    def yields(self) -> bool:
        """Whether it gives way: background work, or one that nobody has looked at for a while."""
        return self.background or not self.watched


class Jobs:
    """The queue and its worker.

    Parameters
    ----------
    ended_kept : int
        How many jobs that have ended are kept, the newest; a failure is kept beyond that while somebody waits for it.
    """

    def __init__(self, backend: Backend, ended_kept: int = _ENDED_KEPT) -> None:
        self.backend = backend
        self._ended_kept = ended_kept
        self._changed = threading.Condition()
        self._active: OrderedDict[Request, Job] = OrderedDict()  # in the order asked
        self._ended: OrderedDict[Request, Job] = OrderedDict()  # in the order in which they did
        self._results: OrderedDict[Request, Any] = OrderedDict()
        threading.Thread(target=self._work, name="worker", daemon=True).start()

    def result(self, request: Request) -> Any | None:
        """The answer if it is known, from memory or the store; raises `AskError` if it cannot be."""
        with self._changed:
            in_memory = self._results.get(request)
            if in_memory is not None:
                self._results.move_to_end(request)
        # A table or a model folder may have been edited since; its name does not show that.
        if in_memory is not None and self.backend.holds(in_memory):
            return in_memory
        answer = self.backend.known(request)
        if answer is not None:
            self._keep(request, answer)
        return answer

    def peek(self, request: Request) -> Any | None:
        """The answer if it is in memory; looks nothing up."""
        with self._changed:
            return self._results.get(request)

    def submit(self, visitor: str, request: Request, *, background: bool = False, title: str = "") -> Job:
        """Ask for an answer; whatever else this visitor asked for is withdrawn, unless this is background work."""
        with self._changed:
            if not background:
                self._withdraw(visitor, keep=request)
            job = self._active.get(request)
            if job is None or job.stop:
                self._ended.pop(request, None)
                job = self._active[request] = Job(request, background=background, title=title)
                self._active.move_to_end(
                    request
                )  # at the end of the queue, also where a job that is about to stop stood before
            job.background = (
                job.background and background
            )  # a job that a visitor waits for is no longer background work
            job.seen[visitor] = time.monotonic()
            self._changed.notify_all()
            return job

    def all(self) -> list[Job]:
        """The ended jobs that are kept, in the order in which they ended, then the active ones in the order asked."""
        with self._changed:
            return [*self._ended.values(), *self._active.values()]

    def stop(self, request: Request) -> None:
        """Stop a job for all who asked for it; what it finished is kept."""
        with self._changed:
            job = self._active.get(request)
            if job is not None:
                self._stop(job)

    def find(self, request: Request) -> Job | None:
        """The job for a request, running or ended."""
        with self._changed:
            return self._find(request)

    def touch(self, visitor: str, request: Request) -> Job | None:
        """Note that a visitor still waits for a request; returns its job."""
        with self._changed:
            job = self._find(request)
            if job is not None and visitor in job.seen:
                job.seen[visitor] = time.monotonic()
            return job

    def ahead(self, job: Job) -> int:
        """How many jobs are before this one; those about to stop do not count."""
        with self._changed:
            active = [other for other in self._active.values() if not other.stop]
            return active.index(job) if job in active else 0

    def leave(self, visitor: str) -> None:
        """Withdraw whatever a visitor asked for."""
        with self._changed:
            self._withdraw(visitor, keep=None)

    def drop_answers(self) -> None:
        """Drop all answers from memory, since their artefacts were removed."""
        with self._changed:
            self._results.clear()

    def forget(self, request: Request) -> None:
        """Drop an ended job, so that it can be asked for anew."""
        with self._changed:
            self._ended.pop(request, None)

    def _find(self, request: Request) -> Job | None:
        return self._active.get(request) or self._ended.get(request)

    def _withdraw(self, visitor: str, keep: Request | None) -> None:
        for job in list(self._active.values()):
            if job.request == keep or job.background:
                continue
            if job.seen.pop(visitor, None) is not None and not job.seen:
                self._stop(job)

    def _stop(self, job: Job) -> None:
        job.stop = True
        if job.state == "waiting":
            self._end(job, "stopped")

    def _end(self, job: Job, state: str, error: AskError | str | None = None) -> None:
        """Note how a job ended, and forget the oldest ended jobs, except failures that a visitor has yet to see."""
        job.error, job.state = error, state
        if self._active.get(job.request) is not job:  # it was asked for anew while this one was about to stop
            return
        del self._active[job.request]
        self._ended[job.request] = job
        beyond = len(self._ended) - self._ended_kept
        for old in list(self._ended.values())[: max(beyond, 0)]:
            if not (old.state == "failed" and old.watched):
                del self._ended[old.request]

    def _keep(self, request: Request, result: Any) -> None:
        with self._changed:
            self._results[request] = result
            while len(self._results) > _RESULTS_KEPT:
                self._results.popitem(last=False)

    def _next(self) -> Job:
        with self._changed:
            while True:
                waiting = [job for job in self._active.values() if job.state == "waiting"]
                if waiting:
                    job = min(waiting, key=Job.yields)  # the first that somebody looks at
                    job.state = "running"
                    return job
                self._changed.wait()

    def _heed(self, job: Job, snapshot: Snapshot) -> None:
        """Raise `Cancelled` in a job that is to stop, or that must give way to a job that a visitor waits for."""
        if snapshot.stage != job.stage:
            job.stage = snapshot.stage
            settle()  # the stage before may have loaded or compiled something
        with self._changed:
            waits = any(other.state == "waiting" and not other.yields() for other in self._active.values())
            if job.stop or (waits and job.yields()):
                raise Cancelled

    def _work(self) -> None:
        while True:
            job = self._next()
            state = "done"
            error: AskError | str | None = None
            try:
                job.progress = Progress(partial(self._heed, job))
                result = self.backend.run(job.request, job.progress)
                self._keep(job.request, result)
            except Cancelled:
                state = "waiting"  # for its next turn, unless it is to stop
            except AskError as refusal:
                state, error = "failed", refusal
            except BaseException as unexpected:  # a panic in Rust code is no Exception, and the worker must outlive it
                log.exception("the job failed")
                state, error = "failed", in_one_line(unexpected)
            with self._changed:
                if state == "waiting" and not job.stop:
                    job.state = state
                    self._active.move_to_end(job.request)
                else:
                    self._end(job, "stopped" if state == "waiting" else state, error)
                self._changed.notify_all()
