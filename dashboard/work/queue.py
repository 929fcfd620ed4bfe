"""Long work in the background: one worker a process, so that a model never works for two visitors at once.

A visitor has one request at a time: a new one supersedes the old. Visitors who ask for the same thing share one job. A
job whose visitors have all left goes on, but gives way to visitors who wait; the stages that it finished stay in the
store. Background work, which a visitor may ask for in addition to the one request, gives way in the same manner. A
request that is done in parts (`dashboard.work.job.PartwiseRequest`) waits for its turn before each of them.

Visitors have equal shares of the worker (`dashboard.work.order`). A long job is paused for one that takes less than
half of what is left of it, once it has run for `dashboard.work.job.TURN` seconds, and at least as long as the short one
will: nobody waits for minutes behind somebody's minutes, and a long job has at least half of the worker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from core.errors import AskError, ComputeError, TooLargeError, in_one_line
from core.pipeline.backend import Backend, Request
from core.progress import Cancelled, Progress, Snapshot
from dashboard.work.answers import Answers
from dashboard.work.garbage import settle
from dashboard.work.job import TURN, Health, Job, PartwiseRequest
from dashboard.work.limits import Limits
from dashboard.work.order import Order

log = logging.getLogger(__name__)

_MOST_LOSSES = 1  # of what computes, after which a job is begun once more


class Jobs:
    """The queue and its worker.

    Parameters
    ----------
    clock : callable
        Seconds from some moment on; decides whose turn it is.
    """

    def __init__(
        self, backend: Backend, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.backend = backend
        self.limits = limits or Limits()
        self._clock = clock
        self._changed = threading.Condition()
        self._active: OrderedDict[Request, Job] = OrderedDict()  # in the order asked
        self._of_visitor: dict[str, set[Job]] = {}  # active ones; a job that was told to stop is nobody's
        self._order = Order()
        self._served = clock()  # until when the order's clock has been told of the work done
        self._running: Job | None = None
        self._upcoming: Job | None = None  # for which the running job was told to pause
        self._ended: OrderedDict[Request, Job] = OrderedDict()  # in the order in which they did
        self._answers = Answers(backend)
        self._n_ended = self._n_failed = self._restarts = 0
        self._worker = self._start()

    def result(self, request: Request) -> Any | None:
        """The answer if it is known, from memory or the store; raises `AskError` if it cannot be."""
        return self._answers.find(request)

    def peek(self, request: Request) -> Any | None:
        """The answer if it is in memory; looks nothing up."""
        return self._answers.peek(request)

    def submit(self, visitor: str, request: Request, *, background: bool = False, title: str = "") -> Job:
        """Ask for an answer; whatever else this visitor asked for is withdrawn, unless this is background work.

        Raises
        ------
        BusyError
            If the visitor, or all together, have as many jobs that wait or run as the limits allow.
        """
        with self._changed:
            found = self._active.get(request)
            known = found is not None and not found.stop and not found.background
        seconds = 0.0 if known or background else self._estimate(request)  # background work takes turns by number
        with self._changed:
            self._revive()
            self._share()
            if not background:
                self._withdraw(visitor, keep=request)
            job = self._active.get(request)
            if job is None or job.stop:
                size = request.size if isinstance(request, PartwiseRequest) else 1
                job = Job(request, background=background, title=title, seconds=seconds, asked=size)
                self._check_room(visitor, job)
                self._ended.pop(request, None)
                self._active[request] = job
                # At the end of the queue, also where a job that is about to stop stood before.
                self._active.move_to_end(request)
                self._note(visitor, job)
                self._order.give_tag(job, visitor)
                self._order.add(job)
            else:
                self._join(visitor, job, background, seconds)
            self._changed.notify_all()
            return job

    def all(self) -> list[Job]:
        """The ended jobs that are kept, in the order in which they ended, then the active ones in the order asked."""
        with self._changed:
            return [*self._ended.values(), *self._active.values()]

    def health(self) -> Health:
        """How the worker does."""
        with self._changed:
            return Health(self._worker.is_alive(), self._n_ended, self._n_failed, self._restarts)

    def stop(self, request: Request) -> None:
        """Stop a job for all who asked for it; what it finished is kept."""
        with self._changed:
            job = self._active.get(request)
            if job is not None:
                job.for_all = True
                self._stop(job)

    def was_stopped(self, visitor: str, request: Request) -> bool:
        """Whether a visitor waited for a request that was stopped for all; it is told them once."""
        with self._changed:
            job = self._find(request)
            if job is None or not job.stop or not job.for_all:  # it may be about to stop yet
                return False
            return job.seen.pop(visitor, None) is not None

    def find(self, request: Request) -> Job | None:
        """The job for a request, running or ended."""
        with self._changed:
            return self._find(request)

    def touch(self, visitor: str, request: Request) -> Job | None:
        """Note that a visitor still waits for a request; returns its job."""
        with self._changed:
            job = self._find(request)
            if job is not None and visitor in job.seen:
                was_away = not job.watched
                job.seen[visitor] = time.monotonic()
                if was_away:
                    self._order.refresh(job)
            return job

    def ahead(self, job: Job) -> int:
        """How many jobs are before this one; those about to stop do not count."""
        with self._changed:
            if job not in self._order:
                return 0
            return self._order.ahead(job) + (self._running is not None and not self._running.stop)

    def leave(self, visitor: str) -> None:
        """Withdraw whatever a visitor asked for."""
        with self._changed:
            self._withdraw(visitor, keep=None)

    def withdraw(self, visitor: str, request: Request) -> None:
        """Withdraw one thing that a visitor asked for; it stops unless somebody else wants it."""
        with self._changed:
            job = self._active.get(request)
            if job is not None and visitor in job.seen:
                self._let_go(visitor, job)

    def drop_answers(self) -> None:
        """Drop all answers from memory, since their artefacts were removed."""
        self._answers.clear()

    def forget(self, request: Request) -> None:
        """Drop an ended job, so that it can be asked for anew."""
        with self._changed:
            self._ended.pop(request, None)

    def _find(self, request: Request) -> Job | None:
        return self._active.get(request) or self._ended.get(request)

    # -- who asks for what; all with the lock held ---------------------------------------------------------------------

    def _check_room(self, visitor: str, job: Job) -> None:
        if not job.background and self._number_of(visitor) < self.limits.of_visitor:
            self._make_room()
        self.limits.check(job.size, self._number_of(visitor), self._number_in_all())

    def _make_room(self) -> None:
        """Let somebody who waits have the place of work that gives way to them in any case, of whoever has most."""
        if self._number_in_all() < self.limits.in_all:
            return
        give_way = [job for job in reversed(self._active.values()) if job.state == "waiting" and job.yields()]
        if give_way:
            self._stop(max(give_way, key=lambda job: max(map(self._number_of, job.seen), default=0)))

    def _number_of(self, visitor: str) -> int:
        """How many jobs of a visitor wait or run."""
        return sum(job.size for job in self._of_visitor.get(visitor, ()))

    def _number_in_all(self) -> int:
        return sum(job.size for job in self._active.values())

    def _note(self, visitor: str, job: Job) -> None:
        job.seen[visitor] = time.monotonic()
        self._of_visitor.setdefault(visitor, set()).add(job)

    def _join(self, visitor: str, job: Job, background: bool, seconds: float) -> None:
        """Let one more visitor want a job; once a visitor waits for it, it is no longer background work."""
        self._note(visitor, job)
        if background or not job.background:
            self._order.refresh(job)
            return
        waits = job in self._order
        self._order.remove(job)  # it stands by its length too
        job.background, job.seconds = False, seconds
        self._order.give_tag(job, visitor)
        if waits:
            self._order.add(job)

    def _withdraw(self, visitor: str, keep: Request | None) -> None:
        for job in list(self._of_visitor.get(visitor, ())):
            if job.background or job.request == keep:
                continue
            self._let_go(visitor, job)

    def _let_go(self, visitor: str, job: Job) -> None:
        job.seen.pop(visitor, None)
        self._not_wanted(visitor, job)
        if not job.seen:
            self._stop(job)

    def _not_wanted(self, visitor: str, job: Job) -> None:
        jobs = self._of_visitor.get(visitor, set())
        jobs.discard(job)
        if not jobs:
            self._of_visitor.pop(visitor, None)

    def _stop(self, job: Job) -> None:
        job.stop = True
        if job.state == "waiting":
            self._end(job, "stopped")
        for visitor in job.seen:
            self._not_wanted(visitor, job)

    def _end(self, job: Job, state: str, error: AskError | str | None = None) -> None:
        """Note how a job ended, and forget the oldest ended jobs, except failures that a visitor has yet to see."""
        job.error, job.state = error, state
        if job.parts is not None:
            job.parts.close()
        self._share()
        self._order.remove(job)
        self._n_ended += 1
        self._n_failed += state == "failed"
        for visitor in job.seen:
            self._not_wanted(visitor, job)
        if self._active.get(job.request) is not job:  # it was asked for anew while this one was about to stop
            return
        del self._active[job.request]
        self._ended[job.request] = job
        beyond = len(self._ended) - self.limits.ended
        for old in list(islice(self._ended.values(), max(beyond, 0))):
            if beyond > self.limits.ended or not (old.state == "failed" and old.watched):
                del self._ended[old.request]
                beyond -= 1

    # -- whose turn it is ----------------------------------------------------------------------------------------------

    def _estimate(self, request: Request) -> float:
        """Seconds that a request takes; 0 where that cannot be said, since then it soon ends with a refusal."""
        try:
            return sum(self.backend.estimate(request).values())
        except Exception:
            log.debug("no estimate", exc_info=True)
            return 0.0

    def _share(self) -> None:
        """Tell the order of the work done since it was last told."""
        now = self._clock()
        self._order.serve(now - self._served, self._order.watched + (self._running is not None))
        self._served = now

    def _next(self) -> Job:
        with self._changed:
            while True:
                self._share()
                job = self._order.take(self._upcoming)
                if job is not None:
                    self._upcoming, self._running = None, job
                    job.state, job.interrupted, job.turn_began = "running", False, self._clock()
                    return job
                self._changed.wait()

    def _check(self, job: Job, snapshot: Snapshot) -> None:
        """Raise `Cancelled` in a job that is to stop, or that must give way to a job that a visitor waits for."""
        if snapshot.stage != job.stage:
            job.stage = snapshot.stage
            settle()  # the stage before may have loaded or compiled something
        with self._changed:
            if job.stop or self._gives_way(job, snapshot):
                job.interrupted = True
                raise Cancelled

    def _gives_way(self, job: Job, snapshot: Snapshot) -> bool:
        shortest = self._order.shortest_watched()
        if shortest is None:
            return False
        if job.yields():
            return True
        ran = self._clock() - job.turn_began
        if ran < max(job.turn, shortest.seconds) or snapshot.remaining <= 2 * shortest.seconds:
            return False
        self._upcoming = shortest
        return True

    def _start(self) -> threading.Thread:
        worker = threading.Thread(target=self._work, name="worker", daemon=True)
        worker.start()
        return worker

    def _revive(self) -> None:
        """Start another worker if the worker has ended, which nothing in it should do; its job failed with it."""
        if self._worker.is_alive():
            return
        if self._running is not None:
            self._end(self._running, "failed", "the worker ended")
        self._running = None
        self._restarts += 1
        self._worker = self._start()

    def _work(self) -> None:
        while True:
            job = self._next()
            state, error = self._run(job)
            waits = state == "waiting" and not job.stop
            left = self._estimate(job.request) if waits and not job.background else 0.0
            with self._changed:
                self._share()
                self._running = None
                if waits and not job.stop:
                    self._pause(job, left)
                else:
                    self._end(job, "stopped" if state == "waiting" else state, error)
                self._changed.notify_all()

    def _pause(self, job: Job, left: float) -> None:
        """Let a job wait for its next turn; the turn is longer where the last one finished nothing that is kept."""
        job.state = "waiting"
        if job.background:  # at the end of its visitor's work
            self._order.give_tag(job, next(iter(job.seen), ""))
        else:
            job.turn = TURN if left < job.seconds else 2 * job.turn
            job.seconds = left
        self._order.add(job)

    def _run(self, job: Job) -> tuple[str, AskError | str | None]:
        """Compute a job's answer; return the state that it is in then, and why it failed. Raises nothing at all."""
        try:
            job.progress = Progress(partial(self._check, job), partial=job.progress.partial if job.progress else None)
            if isinstance(job.request, PartwiseRequest):
                return self._part(job, job.request, job.progress)
            self._answers.keep(job.request, self.backend.run(job.request, job.progress))
        except Cancelled as cancelled:
            # For its next turn, unless it is to stop.
            return ("waiting", None) if job.interrupted else ("failed", in_one_line(cancelled))
        except ComputeError as lost:
            return self._lost(job, lost)
        except AskError as refusal:
            return "failed", refusal
        except BaseException as unexpected:  # a panic in Rust code is no Exception, and the worker must outlive it
            log.exception("the job failed")
            return "failed", in_one_line(unexpected)
        return "done", None

    def _lost(self, job: Job, error: ComputeError) -> tuple[str, AskError | None]:
        """What computed a job was lost: it did not pause in time, or ended; then the job is begun once more.

        Not where it took too much memory.
        """
        if job.interrupted:
            return "waiting", None
        job.losses += 1
        again = job.losses <= _MOST_LOSSES and not isinstance(error, TooLargeError)
        return ("waiting", None) if again else ("failed", error)

    def _part(self, job: Job, request: PartwiseRequest, progress: Progress) -> tuple[str, AskError | str | None]:
        """Do the next part of a job; it waits again after that, or has ended."""
        if job.parts is None:
            job.parts = request.begin(self.backend)
        if job.parts.next(progress.report):
            return "waiting", None
        return ("done", None) if job.parts.error is None else ("failed", job.parts.error)
