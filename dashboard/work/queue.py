"""Long work in the background: one worker a process, so that two visitors never meet inside one model.

A visitor has one request at a time: a new one supersedes the old. Visitors who ask for the same thing share one job. A
job whose visitors have all left goes on, but gives way to whoever is waiting; what it finished stays in the store. So
does background work, which a visitor may ask for beside the one request.
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

_AWAY_AFTER = 15.0  # seconds without a sign of life; a page that waits shows one every second
_RESULTS_KEPT = 24


def settle() -> None:
    """Take what is alive now out of the garbage collector's sight.

    Streamlit collects garbage after every run of a page, and a page that waits runs every second. With torch, numba and
    a model loaded each collection would go through a million objects that stay for good, while nothing else moves.
    """
    gc.collect()
    gc.freeze()


def in_one_line(error: Exception) -> str:
    """What went wrong unexpectedly, for the page."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@dataclass
class Job:
    """One request being computed.

    Attributes
    ----------
    experiment : Request
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

    experiment: Request
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

    def yields(self) -> bool:
        """Whether it gives way: background work, or one that nobody has looked at for a while."""
        return self.background or all(time.monotonic() - moment > _AWAY_AFTER for moment in self.seen.values())


class Jobs:
    """The queue and its worker."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._changed = threading.Condition()
        self._jobs: OrderedDict[Request, Job] = OrderedDict()
        self._results: OrderedDict[Request, Any] = OrderedDict()
        threading.Thread(target=self._work, name="worker", daemon=True).start()

    def result(self, experiment: Request) -> Any | None:
        """The result if it is known, from memory or the store; raises `AskError` if it cannot be."""
        with self._changed:
            kept = self._results.get(experiment)
            if kept is not None:
                self._results.move_to_end(experiment)
        # A table or a model folder may have been edited since; its name says nothing of that.
        if kept is not None and self.backend.holds(kept):
            return kept
        found = self.backend.known(experiment)
        if found is not None:
            self._keep(experiment, found)
        return found

    def peek(self, experiment: Request) -> Any | None:
        """The answer if it is in memory; looks nothing up."""
        with self._changed:
            return self._results.get(experiment)

    def submit(self, visitor: str, experiment: Request, *, background: bool = False, title: str = "") -> Job:
        """Ask for an experiment; whatever else this visitor asked for is withdrawn, unless this is background work."""
        with self._changed:
            if not background:
                self._withdraw(visitor, keep=experiment)
            job = self._jobs.get(experiment)
            if job is None or not job.active or job.stop:
                job = self._jobs[experiment] = Job(experiment, background=background, title=title)
                self._jobs.move_to_end(experiment)  # an earlier one's place in the queue is gone
            job.background = job.background and background  # what somebody waits for is background work no more
            job.seen[visitor] = time.monotonic()
            self._changed.notify_all()
            return job

    def all(self) -> list[Job]:
        """Every job, active or ended, in the order asked."""
        with self._changed:
            return list(self._jobs.values())

    def stop(self, experiment: Request) -> None:
        """Stop a job for all who asked for it; what it finished is kept."""
        with self._changed:
            job = self._jobs.get(experiment)
            if job is not None and job.active:
                self._stop(job)

    def find(self, experiment: Request) -> Job | None:
        """The job for an experiment, running or ended."""
        with self._changed:
            return self._jobs.get(experiment)

    def touch(self, visitor: str, experiment: Request) -> Job | None:
        """A visitor's sign of life; gives the job."""
        with self._changed:
            job = self._jobs.get(experiment)
            if job is not None and visitor in job.seen:
                job.seen[visitor] = time.monotonic()
            return job

    def ahead(self, job: Job) -> int:
        """How many jobs are before this one; those about to stop do not count."""
        with self._changed:
            active = [other for other in self._jobs.values() if other.active and not other.stop]
            return active.index(job) if job in active else 0

    def leave(self, visitor: str) -> None:
        """Withdraw whatever a visitor asked for."""
        with self._changed:
            self._withdraw(visitor, keep=None)

    def drop_answers(self) -> None:
        """Keep no answer in memory: what they were made from is gone."""
        with self._changed:
            self._results.clear()

    def forget(self, experiment: Request) -> None:
        """Drop an ended job, so that it can be asked for anew."""
        with self._changed:
            job = self._jobs.get(experiment)
            if job is not None and not job.active:
                del self._jobs[experiment]

    def _withdraw(self, visitor: str, keep: Request | None) -> None:
        for job in self._jobs.values():
            if job.experiment == keep or not job.active or job.background:
                continue
            if job.seen.pop(visitor, None) is not None and not job.seen:
                self._stop(job)

    @staticmethod
    def _stop(job: Job) -> None:
        job.stop = True
        if job.state == "waiting":
            job.state = "stopped"

    def _keep(self, experiment: Request, result: Any) -> None:
        with self._changed:
            self._results[experiment] = result
            while len(self._results) > _RESULTS_KEPT:
                self._results.popitem(last=False)

    def _next(self) -> Job:
        with self._changed:
            while True:
                waiting = [job for job in self._jobs.values() if job.state == "waiting"]
                if waiting:
                    job = min(waiting, key=Job.yields)  # the first that somebody looks at
                    job.state = "running"
                    return job
                self._changed.wait()

    def _heed(self, job: Job, snapshot: Snapshot) -> None:
        """Stop a job that nobody wants any more, or that keeps somebody waiting."""
        if snapshot.stage != job.stage:
            job.stage = snapshot.stage
            settle()  # the stage before may have loaded or compiled something
        with self._changed:
            waits = any(other.state == "waiting" and not other.yields() for other in self._jobs.values())
            if job.stop or (waits and job.yields()):
                raise Cancelled

    def _work(self) -> None:
        while True:
            job = self._next()
            state = "done"
            error: AskError | str | None = None
            try:
                job.progress = Progress(partial(self._heed, job))
                result = self.backend.run(job.experiment, job.progress)
                self._keep(job.experiment, result)
            except Cancelled:
                state = "stopped" if job.stop else "waiting"
            except AskError as refusal:
                state, error = "failed", refusal
            except Exception as unexpected:
                log.exception("the job failed")
                state, error = "failed", in_one_line(unexpected)
            with self._changed:
                job.state, job.error = state, error
                if state == "waiting":
                    self._jobs.move_to_end(job.experiment)
                self._changed.notify_all()
