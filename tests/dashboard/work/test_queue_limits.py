"""How much a queue takes and keeps, and how it goes on after failures."""

from __future__ import annotations

import threading

import pytest

from core.errors import BusyError, ComputeError, SettingError, TooLargeError
from core.experiment.settings import Experiment
from core.pipeline.result import Result
from core.progress import Cancelled, Progress
from dashboard.work.job import Health, Job
from dashboard.work.limits import Limits
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, X, Y, Z, away, ends, until

# -- how much is taken ------------------------------------------------------------------------------------------------


def test_a_visitor_has_a_share_of_the_queue_and_the_queue_an_end(bench: Bench) -> None:
    jobs = Jobs(bench, Limits(of_visitor=3, in_all=5))
    cells = [Experiment(model="made", experts=k) for k in range(1, 9)]
    for cell in cells[:3]:
        jobs.submit("a", cell, background=True)
    with pytest.raises(BusyError, match=r"you have 3 requests that wait or run, .* stop some"):
        jobs.submit("a", cells[3], background=True)
    assert jobs.submit("a", cells[0], background=True).request == cells[0], "what is there already is no more"
    for cell in cells[3:5]:
        jobs.submit("b", cell, background=True)
    bench.runs(cells[0])
    with pytest.raises(BusyError, match="all visitors together have 5 requests"):
        jobs.submit("c", cells[5], background=True)
    waits = [jobs.submit(name, cell) for name, cell in zip("cdef", cells[4:], strict=True)]
    assert [job.state for job in waits] == ["waiting"] * 4, "whoever waits has the place of what gives way"
    stopped = [job.request for job in jobs.all() if not job.active]
    assert stopped[0] == cells[2], "of whoever has most, the last"
    assert {cells[0], *(job.request for job in waits)} == {job.request for job in jobs.all() if job.active}
    with pytest.raises(BusyError, match="all visitors together have 5 requests"):
        jobs.submit("g", cells[1])
    for cell in cells:
        bench.finish(cell)
    for job in waits:
        ends(job)


def test_asking_a_thousand_times_leaves_one_job(bench: Bench) -> None:
    jobs = Jobs(bench, Limits(ended=10))
    with_worker_busy = jobs.submit("other", X)
    bench.runs(X)
    for k in range(1000):
        jobs.submit("a", Experiment(model="made", experts=100 + k))
    assert [job.request.experts for job in jobs.all() if job.active] == [X.experts, 1099]
    assert len(jobs.all()) == 12
    jobs.leave("a")
    bench.finish(X)
    ends(with_worker_busy, "done")


def test_what_a_visitor_withdraws_is_theirs_no_more_and_stops_where_nobody_else_wants_it(bench: Bench) -> None:
    jobs = Jobs(bench, Limits(of_visitor=2))
    running = jobs.submit("other", X)
    bench.runs(X)
    shared, alone = (Experiment(model="made", experts=k) for k in (1, 2))
    for cell in (shared, alone):
        jobs.submit("a", cell, background=True)
    jobs.submit("b", shared, background=True)
    for cell in (shared, alone, X):  # the last one was never asked for by this visitor
        jobs.withdraw("a", cell)
    assert [jobs.find(cell).state for cell in (shared, alone)] == ["waiting", "stopped"]
    assert not running.stop
    for k in (3, 4):  # there is room again
        jobs.submit("a", Experiment(model="made", experts=k), background=True)
    for job in jobs.all():
        jobs.stop(job.request)
    bench.step(X)
    ends(running, "stopped")


def test_failures_that_are_looked_at_are_bounded_too(bench: Bench) -> None:
    jobs = Jobs(bench, Limits(ended=3))
    for k in range(20):
        asked = Experiment(model="made", experts=100 + k)
        bench.fail(asked, OSError("disk full"))
        ends(jobs.submit(f"visitor {k}", asked), "failed")
    assert len(jobs.all()) == 6


def test_a_backend_that_stops_by_itself_has_failed(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.fail(X, Cancelled())
    ends(job, "failed")
    assert job.error == "Cancelled"


def test_what_cannot_be_estimated_is_refused_where_it_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "estimate", lambda _: exec("raise OSError('gone')"))
    jobs = Jobs(bench)
    job = jobs.submit("a", X)
    bench.fail(X, SettingError("this", "that", "the other"))
    ends(job, "failed")


# -- failure ---------------------------------------------------------------------------------------------------------


def test_a_refusal_is_reported_as_it_is(jobs: Jobs, bench: Bench) -> None:
    refusal = SettingError("this", "that", "the other")
    job = jobs.submit("a", X)
    bench.fail(X, refusal)
    ends(job, "failed")
    assert job.error is refusal
    assert jobs.result(X) is None


def test_anything_unexpected_is_one_line_and_the_worker_goes_on(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.fail(X, RuntimeError("shape mismatch\n  at layer 3\n"))
    ends(job, "failed")
    assert job.error == "RuntimeError: shape mismatch at layer 3"
    other = jobs.submit("a", Y)
    bench.finish(Y)
    ends(other, "done")


def test_a_failure_can_be_tried_again(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.fail(X, OSError("disk full"))
    ends(job, "failed")
    assert jobs.find(X) is job
    jobs.forget(X)
    assert jobs.find(X) is None
    again = jobs.submit("a", X)
    bench.finish(X)
    ends(again, "done")
    assert again.error is None


def test_a_running_job_is_not_forgotten(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.runs(X)
    jobs.forget(X)
    assert jobs.find(X) is job
    bench.finish(X)
    ends(job, "done")


class Panic(BaseException):
    """As code in Rust raises them: no Exception."""


class MuteError(Exception):
    """Fails when it is to say what it is."""

    def __str__(self) -> str:
        raise Panic("nothing to say")


def lost(kind: type[ComputeError] = ComputeError) -> ComputeError:
    return kind("compute this", "the process that computes was ended", "Try again.")


def test_a_job_is_begun_once_more_where_what_computed_it_was_lost(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.fail(X, lost())
    bench.runs(X, times=2)
    bench.finish(X)
    ends(job, "done")
    job = jobs.submit("a", Y)
    bench.fail(Y, lost())
    bench.fail(Y, lost())
    ends(job, "failed")
    job = jobs.submit("a", Z)
    bench.fail(Z, lost(TooLargeError))
    ends(job, "failed")
    assert (bench.begun.count(X), bench.begun.count(Y), bench.begun.count(Z)) == (2, 2, 1)


class DoesNotPause(Bench):
    """Is ended where it is told to stop, since it does not."""

    def run(self, experiment: Experiment, progress: Progress | None = None) -> Result:
        try:
            return super().run(experiment, progress)
        except Cancelled:
            raise lost() from None


def test_a_job_that_did_not_pause_in_time_waits_for_its_next_turn() -> None:
    bench = DoesNotPause()
    jobs = Jobs(bench)
    for times in (1, 2, 3):
        job = jobs.submit("a", X, background=True)
        bench.runs(X, times)
        short = jobs.submit("b", (Y, Z, Y)[times - 1])
        bench.step(X)
        bench.finish(short.request)
        ends(short, "done")
        jobs.forget(short.request)
    bench.finish(X)
    ends(job, "done")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (Panic("index out of bounds"), "Panic: index out of bounds"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (MuteError(), "MuteError: it cannot say what went wrong"),
    ],
)
def test_however_a_job_ends_it_fails_in_words_and_the_next_one_runs(
    jobs: Jobs, bench: Bench, raised: BaseException, words: str
) -> None:
    job = jobs.submit("a", X)
    bench.fail(X, raised)
    ends(job, "failed")
    assert job.error == words
    other = jobs.submit("a", Y)
    bench.finish(Y)
    ends(other, "done")
    assert jobs.health() == Health(alive=True, ended=2, failed=1, restarts=0)


def test_a_worker_that_ended_all_the_same_is_replaced(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # the test ends the worker on purpose
    jobs = Jobs(bench)
    monkeypatch.setattr(jobs, "_run", lambda _: exec("raise SystemExit"))
    job = jobs.submit("a", X)
    until(lambda: not jobs.health().alive, "the worker ends")
    monkeypatch.undo()
    other = jobs.submit("b", Y)
    bench.finish(Y)
    ends(other, "done")
    assert (job.state, job.error) == ("failed", "the worker ended")
    assert jobs.health().restarts == 1


# -- what is kept of jobs ---------------------------------------------------------------------------------------------


def run_many(jobs: Jobs, bench: Bench, number: int) -> list[Job]:
    """Run jobs to their end, one after the other."""
    made = []
    for k in range(number):
        experiment = Experiment(model="made", experts=1000 + k)
        bench.finish(experiment)
        made.append(jobs.submit(f"visitor {k}", experiment))
        ends(made[-1], "done")
    return made


def test_of_ended_jobs_the_newest_are_kept(bench: Bench) -> None:
    jobs = Jobs(bench, Limits(ended=3))
    made = run_many(jobs, bench, 8)
    active = jobs.submit("a", X)
    assert jobs.all() == [*made[-3:], active]
    assert jobs.find(made[0].request) is None
    bench.finish(X)
    ends(active, "done")
    assert jobs.all() == [*made[-2:], active]


def test_stopped_jobs_are_ended_jobs(bench: Bench) -> None:
    jobs = Jobs(bench, Limits(ended=2))
    running = jobs.submit("a", X)
    bench.runs(X)
    waiting = [jobs.submit("b", Experiment(model="made", experts=k)) for k in range(1, 6)]
    assert [job.state for job in waiting] == ["stopped"] * 4 + ["waiting"]
    assert jobs.all() == [*waiting[2:4], running, waiting[4]]
    for job in (running, waiting[4]):
        bench.finish(job.request)
        ends(job, "done")


def test_a_failure_is_kept_until_who_waits_was_told(bench: Bench) -> None:
    jobs = Jobs(bench, Limits(ended=2))
    failed = jobs.submit("a", X)
    bench.fail(X, OSError("disk full"))
    ends(failed, "failed")
    run_many(jobs, bench, 4)
    assert jobs.touch("a", X) is failed
    assert len(jobs.all()) == 3
    away(failed)
    run_many(jobs, bench, 1)
    assert jobs.find(X) is None
    assert len(jobs.all()) == 2
