"""The order of waiting jobs: that of a service which all share equally, as a plain simulation of one gives it."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from core.experiment.settings import Experiment
from dashboard.work.job import Job
from dashboard.work.order import Order


def asked(number: int, seconds: float = 1.0, background: bool = False) -> Job:
    """A job that a visitor has just asked for."""
    job = Job(Experiment(experts=number + 1), seconds=seconds, background=background)
    job.seen[f"visitor {number}"] = time.monotonic()
    return job


def shared_service(arrivals: list[tuple[float, float]], step: float = 0.01) -> list[int]:
    """Serve all who are there side by side, a little at a time; return the order in which they end."""
    left = [length for _, length in arrivals]
    ended: list[int] = []
    now = 0.0
    while len(ended) < len(arrivals):
        here = [i for i, (at, _) in enumerate(arrivals) if at <= now and i not in ended]
        for i in here:
            left[i] -= step / len(here)
        ended += sorted((i for i in here if left[i] <= 1e-9), key=lambda i: left[i])
        now += step
    return ended


@pytest.mark.parametrize("seed", range(8))
def test_jobs_end_in_the_order_of_a_service_that_all_share(seed: int) -> None:
    draw = random.Random(seed)
    arrivals = sorted((draw.uniform(0, 20), draw.choice([1.0, 3.0, 7.0, 16.0, 31.0])) for _ in range(9))
    order, jobs = Order(), [asked(i, length) for i, (_, length) in enumerate(arrivals)]
    there: list[Job] = []
    now = 0.0
    for job, (at, _) in zip(jobs, arrivals, strict=True):
        while now < at:  # whoever's tag the clock has passed has ended in the shared service
            step = min(0.01, at - now)
            order.serve(step, sum(1 for other in there if other.tag > order.clock))
            now += step
        order.give_tag(job, "whoever")
        there.append(job)
        order.add(job)
    taken = [jobs.index(order.take()) for _ in jobs]
    expected = shared_service(arrivals)
    ends = {i: jobs[i].tag for i in expected}
    assert all(ends[a] <= ends[b] + 0.05 for a, b in pairwise(taken))
    assert all(ends[a] <= ends[b] + 0.05 for a, b in pairwise(expected))


def test_a_short_job_passes_long_ones_that_wait_but_not_those_that_are_due() -> None:
    order = Order()
    long, short, due = asked(1, 120), asked(2, 3), asked(3, 120)
    order.give_tag(due, "c")
    order.serve(1000, 2)
    for job, visitor in ((long, "a"), (short, "b")):
        order.give_tag(job, visitor)
    for job in (long, short, due):
        order.add(job)
    assert [order.take() for _ in range(4)] == [due, short, long, None]


def test_visitors_take_turns_with_background_work() -> None:
    order = Order()
    jobs = {name: [asked(n, background=True) for n in range(3)] for name in ("a", "b", "c")}
    for name in jobs:
        for job in jobs[name]:
            order.give_tag(job, name)
            order.add(job)
    taken = [order.take() for _ in range(9)]
    assert taken == [jobs[name][turn] for turn in range(3) for name in ("a", "b", "c")]
    late, new = asked(9, background=True), asked(10, background=True)
    order.give_tag(late, "a")
    order.give_tag(new, "d")
    assert late.tag == new.tag, "who has had their turns is not behind who never asked"


def test_background_work_comes_after_all_that_somebody_looks_at() -> None:
    order = Order()
    behind, person, gone = asked(1, background=True), asked(2, 500), asked(3, 1)
    for job in (behind, person, gone):
        order.give_tag(job, "a")
        order.add(job)
    gone.seen = {"visitor 3": time.monotonic() - 60}
    assert [order.ahead(job) for job in (gone, person, behind)] == [0, 1, 2]
    assert [order.take() for _ in range(3)] == [person, gone, behind]


def test_places_are_those_of_a_plain_sorted_list() -> None:
    draw = random.Random(0)
    order, waiting = Order(), []
    for number in range(400):
        job = asked(number, draw.choice([1.0, 2.0, 5.0]))
        order.serve(draw.random(), len(waiting))
        order.give_tag(job, "a")
        order.add(job)
        waiting.append(job)
        if draw.random() < 0.3:
            gone = waiting.pop(draw.randrange(len(waiting)))
            order.remove(gone)
            order.remove(gone)
            assert gone not in order
    expected = sorted(waiting, key=lambda job: job.tag)  # stable: of equals, who asked first
    assert [order.ahead(job) for job in expected] == list(range(len(expected)))
    assert order.watched == len(expected)
    assert order.shortest_watched().seconds == 1.0
    assert [order.take() for _ in expected] == expected
