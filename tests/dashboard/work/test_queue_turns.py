"""Long and short jobs in one queue: whose turn it is, and how long a turn lasts."""

from __future__ import annotations

import pytest

from core.experiment.settings import Experiment
from core.pipeline.result import Result
from core.progress import Cancelled, Progress
from dashboard.work.job import TURN
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, ends


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Lengths(Bench):
    """Says of each experiment how long it takes: as many seconds as it has experts."""

    units = 10**6  # so many that a step says nothing of the pace

    def estimate(self, experiment: Experiment) -> dict[str, float]:
        return {"work": float(experiment.experts)}

    def run(self, experiment: Experiment, progress: Progress | None = None) -> Result:
        assert progress is not None
        progress.plan({"working": experiment.experts})
        return super().run(experiment, progress)


def of(seconds: int) -> Experiment:
    return Experiment(model="made", experts=seconds)


@pytest.fixture
def lengths() -> Lengths:
    return Lengths()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reports(bench: Bench, experiment: Experiment) -> None:
    """Let a job report once and wait until the queue has heard it."""
    bench.step(experiment)
    bench.idle(experiment)


def test_a_short_job_begins_at_once_beside_six_tabs_of_minutes(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    long = [jobs.submit(f"tab {n}", of(120 + n)) for n in range(6)]
    lengths.runs(of(120))
    clock.now = 100.0
    short = jobs.submit("a person", of(3))
    lengths.step(of(120))
    lengths.runs(of(3))
    assert (long[0].state, long[0].paused) == ("waiting", True)
    assert jobs.ahead(long[0]) == 1
    lengths.finish(of(3))
    ends(short, "done")
    for n in range(6):
        lengths.finish(of(120 + n))
    for job in long:
        ends(job, "done")
    assert lengths.begun == [of(120), of(3), *(of(120 + n) for n in range(6))]


def test_a_job_has_its_turn_before_it_is_paused(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    long = jobs.submit("a", of(300))
    lengths.runs(of(300))
    short = jobs.submit("b", of(20))
    for now in (TURN - 0.1, 19.9):  # at least five seconds, and as long as the short job will take
        clock.now = now
        reports(lengths, of(300))
        assert long.state == "running"
    clock.now = 20.0
    lengths.step(of(300))
    lengths.runs(of(20))
    for job in (short, long):
        lengths.finish(job.request)
        ends(job, "done")


def test_a_job_is_not_paused_for_one_that_takes_half_of_what_is_left(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    long = jobs.submit("a", of(100))
    lengths.runs(of(100))
    other = jobs.submit("b", of(51))
    clock.now = 90.0
    reports(lengths, of(100))
    assert long.state == "running"
    for job in (long, other):
        lengths.finish(job.request)
        ends(job, "done")
    assert lengths.cancelled == []


def test_a_stage_that_hangs_gives_way_though_it_was_guessed_to_be_short(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    long = jobs.submit("a", of(6))
    lengths.runs(of(6))
    short = jobs.submit("b", of(3))
    assert long.progress is not None
    long.progress.stage("working", lengths.units)
    for moment in ("_began", "_stage_began", "_reported"):
        setattr(long.progress, moment, getattr(long.progress, moment) - 200)
    clock.now = 200.0
    with pytest.raises(Cancelled):  # as whoever follows a silent child process reports
        long.progress.report(long.progress.snapshot())
    lengths.step(of(6))
    lengths.finish(of(3))
    ends(short, "done")
    lengths.finish(of(6))
    ends(long, "done")


def test_a_turn_that_finished_nothing_is_followed_by_a_longer_one(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    long = jobs.submit("a", of(300))
    for times, turn in enumerate((TURN, 2 * TURN, 4 * TURN), start=1):
        lengths.runs(of(300), times)
        short = jobs.submit("b", of(2))
        clock.now += turn - 0.1
        reports(lengths, of(300))
        assert long.state == "running"
        clock.now += 0.1
        lengths.step(of(300))
        lengths.finish(of(2))
        ends(short, "done")
        jobs.forget(of(2))
    lengths.finish(of(300))
    ends(long, "done")


def test_short_jobs_come_first_among_those_that_wait(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    made = [jobs.submit(f"visitor {seconds}", of(seconds)) for seconds in (5, 90, 30, 60, 10)]
    lengths.runs(of(5))
    assert [jobs.ahead(job) for job in made] == [0, 4, 2, 3, 1]
    for job in made:
        lengths.finish(job.request)
    for job in made:
        ends(job, "done")
    assert [experiment.experts for experiment in lengths.begun] == [5, 10, 30, 60, 90]


def test_background_work_that_somebody_waits_for_counts_as_long_as_it_is(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    running = jobs.submit("a", of(100))
    lengths.runs(of(100))
    cell = jobs.submit("b", of(90), background=True)
    assert jobs.ahead(cell) == 1
    assert jobs.submit("c", of(90)) is cell
    clock.now = 95.0
    reports(lengths, of(100))
    assert (running.state, cell.seconds, cell.background) == ("running", 90.0, False)
    for job in (running, cell):
        lengths.finish(job.request)
        ends(job, "done")
    assert lengths.cancelled == []


def test_what_was_seen_before_a_pause_stays_in_view(lengths: Lengths, clock: Clock) -> None:
    jobs = Jobs(lengths, clock=clock)
    long = jobs.submit("a", of(300))
    lengths.runs(of(300))
    assert long.progress is not None
    long.progress.partial = "an estimate"
    clock.now = 50.0
    short = jobs.submit("b", of(2))
    lengths.step(of(300))
    lengths.finish(of(2))
    ends(short, "done")
    lengths.runs(of(300), 2)
    assert long.progress.partial == "an estimate"
    lengths.finish(of(300))
    ends(long, "done")
