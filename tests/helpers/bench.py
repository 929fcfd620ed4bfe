"""A stand-in for the engine: a test decides its every step, and the queue needs no model."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.progress import Cancelled, Progress
from dashboard.work.job import Job
from dashboard.work.queue import Jobs
from tests.helpers.results import make_result

LONG = 600.0  # seconds after which a test has failed rather than waits; a busy machine compiles kernels for minutes
X, Y, Z = (Experiment(model="made", experts=k) for k in (10, 20, 30))  # three that differ


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for a condition; between looks, which may cost what is waited for, a little longer each time."""
    deadline, pause = time.monotonic() + LONG, 0.002
    while not condition():
        assert time.monotonic() < deadline, f"never: {what or condition}"
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)


def ends(job: Job, state: str = "done") -> None:
    """Wait until a job has ended, and assert how: done, stopped or failed."""
    until(lambda: not job.active, f"{job.title or job.request} ends")
    assert job.state == state, (job.state, job.error)


def away(job: Job) -> None:
    """Let every visitor of a job have closed the page a minute ago."""
    for visitor in job.seen:
        job.seen[visitor] -= 60


@dataclass(frozen=True, eq=False)
class HeldQuestion:
    """A question that takes until a test lets it go on; then it reports progress, where it can be stopped."""

    begun: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def known(self, _engine: Engine) -> bool | None:
        return None

    def estimate(self, _engine: Engine) -> float:
        return 1.0

    def run(self, _engine: Engine, progress: Progress) -> bool:
        progress.stage("held by a test", 2)
        self.begun.set()
        assert self.goes_on.wait(LONG)
        progress.advance()
        return True


@contextmanager
def worker_held(jobs: Jobs) -> Iterator[HeldQuestion]:
    """Keep the queue's one worker busy meanwhile: whatever else is asked for waits."""
    question = HeldQuestion()
    job = jobs.submit("a test", question, title="Held by a test")
    assert question.begun.wait(LONG)
    try:
        yield question
    finally:
        question.goes_on.set()
        until(lambda: not job.active, "the worker is free")


class Bench:
    """The methods of the engine that the queue uses; work goes on only as `step`, `finish` and `fail` say.

    Attributes
    ----------
    begun, cancelled : list of Experiment
        In the order in which it happened.
    most_at_once : int
        Experiments that were ever inside `run` together.
    seconds : float
        What `estimate` says of each.
    units : int
        Of work in each; a step is ten.
    """

    units = 100

    def __init__(self) -> None:
        self.begun: list[Experiment] = []
        self.cancelled: list[Experiment] = []
        self.stored: dict[Experiment, Result] = {}
        self.asked: Counter[Experiment] = Counter()
        self.most_at_once = 0
        self.seconds = 1.0
        self.changed: set[Experiment] = set()
        self._inside = 0
        self._lock = threading.Lock()
        self._began = threading.Condition(self._lock)
        self._orders: dict[Experiment, queue.Queue[BaseException | str]] = {}

    # -- what the queue calls

    def known(self, experiment: Experiment) -> Result | None:
        self.asked[experiment] += 1
        return self.stored.get(experiment)

    def holds(self, result: Result) -> bool:
        return result.plan.experiment not in self.changed

    def estimate(self, _experiment: Experiment) -> dict[str, float]:
        return {"work": self.seconds}

    def run(self, experiment: Experiment, progress: Progress | None = None) -> Result:
        progress = progress or Progress()
        with self._lock:
            self.begun.append(experiment)
            self._began.notify_all()
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
        try:
            progress.stage("working", self.units)
            while True:
                order = self._orders_of(
                    experiment
                ).get()  # without a timeout: the waiting test has one, and names its condition
                if isinstance(order, BaseException):
                    raise order
                if order == "finish":
                    return make_result(experiment) if isinstance(experiment, Experiment) else experiment
                try:
                    progress.advance(10)
                finally:
                    self._orders_of(experiment).task_done()
        except Cancelled:
            self.cancelled.append(experiment)
            raise
        finally:
            with self._lock:
                self._inside -= 1

    def _orders_of(self, experiment: Experiment) -> queue.Queue[BaseException | str]:
        with self._lock:  # the worker and a test may be the first to ask at the same time
            return self._orders.setdefault(experiment, queue.Queue())

    # -- what a test says

    def step(self, experiment: Experiment) -> None:
        """Let it report progress once."""
        self._orders_of(experiment).put("step")

    def idle(self, experiment: Experiment) -> None:
        """Wait until it has done all that it was told, and waits for more."""
        orders = self._orders_of(experiment)
        with orders.all_tasks_done:
            assert orders.all_tasks_done.wait_for(lambda: not orders.unfinished_tasks, LONG), f"{experiment} is busy"

    def finish(self, experiment: Experiment) -> None:
        """Let it end well; also before it has begun."""
        self._orders_of(experiment).put("finish")

    def fail(self, experiment: Experiment, error: BaseException) -> None:
        """Let it raise."""
        self._orders_of(experiment).put(error)

    def runs(self, experiment: Experiment, times: int = 1) -> None:
        """Wait until it has begun so many times."""
        with self._began:
            began = self._began.wait_for(lambda: self.begun.count(experiment) >= times, LONG)
        assert began, f"{experiment} did not begin {times} times"
