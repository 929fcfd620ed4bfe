"""What it costs to compute in a process apart: the first estimate of a new setting, and a known page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count

from benchmarks.pages import LOADED, known, visits
from benchmarks.rows import Benchmark, Target, Times, check
from benchmarks.setting import Setting
from core.experiment.settings import Experiment
from core.location import default_cache
from core.pipeline.backend import Backend, LocalBackend
from core.pipeline.child import ChildBackend
from core.pipeline.early_estimates import Estimate
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.work.queue import Jobs

MOST = 1.1
ROUNDS, VISITS = 9, 9
_APART, _HERE = "apart", "here"


def _first_estimate(jobs: Jobs, strengths: Iterator[float]) -> float:
    """Seconds from asking for a strength that nobody asked for until there is an estimate of it."""
    asked = Experiment(strength=next(strengths))
    start = time.perf_counter()
    job = jobs.submit("a visitor", asked)
    while job.active and not (job.progress and isinstance(job.progress.partial, Estimate)):
        time.sleep(0.002)
    seconds = time.perf_counter() - start
    check(job.active or job.state == "done", f"the setting is not computed: {job.error}")
    jobs.stop(asked)  # the rest says nothing more
    while job.active:
        time.sleep(0.05)
    return seconds


def _estimates(_setting: Setting) -> tuple[float, str]:
    known()
    # Strengths that nobody else asks for; a cache that has them from another run would answer at once.
    strengths = (1.0 + time.time() % 1e4 * 1e-5 + number * 1e-7 for number in count())
    sides: dict[str, Callable[[Engine], Backend]] = {_HERE: LocalBackend, _APART: ChildBackend}
    with ExitStack() as open_ones:
        queues = {}
        for side, make in sides.items():
            backend = open_ones.enter_context(closing(make(Engine(Store(default_cache())))))
            queues[side] = Jobs(backend)
            _first_estimate(queues[side], strengths)  # loads the model
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(ROUNDS):
            for side in list(sides) if number % 2 == 0 else reversed(list(sides)):
                seconds[side].append(_first_estimate(queues[side], strengths))
    return _compared(Times(seconds), "from a new strength to its first estimate, the model loaded")


def _known_page(_setting: Setting) -> tuple[float, str]:
    def work(visit: Callable[..., float], serve: Callable[..., object]) -> list[float]:
        with ExitStack() as open_ones:
            addresses: dict[str, str] = {}
            for side, worker in ((_HERE, "here"), (_APART, "child")):
                server = serve(LANGUAGE_NEURONS_WORKER=worker)
                addresses[side] = open_ones.enter_context(server)  # type: ignore[arg-type]
                visit(addresses[side])
                visit(f"{addresses[side]}/jobs", LOADED)
            for number in range(VISITS):
                for side in list(addresses) if number % 2 == 0 else reversed(list(addresses)):
                    seconds[side].append(visit(addresses[side]))
        return []

    seconds: dict[str, list[float]] = {_HERE: [], _APART: []}
    visits(work)
    return _compared(Times(seconds), "until figures, charts and map of a known page are drawn")


def _compared(times: Times, what: str) -> tuple[float, str]:
    return times.ratio(_APART, _HERE), (
        f"{times.median(_APART):.2f} s against {times.median(_HERE):.2f} s {what}; "
        f"ratios {times.spread(_APART, _HERE)}, in turns"
    )


BENCHMARKS = (
    Benchmark(
        "apart-estimate",
        "the first estimate of a new setting, computed in a process apart",
        "in the server's own",
        Target("at most", MOST),
        _estimates,
    ),
    Benchmark(
        "apart-page",
        "a known page of a server that computes in a process apart",
        "in its own",
        Target("at most", MOST),
        _known_page,
    ),
)
