"""The queue: one worker, shared jobs, new requests instead of old ones, and nobody sees another's numbers."""

from __future__ import annotations

import threading

import pytest

from core.errors import BusyError, SettingError
from core.experiment.settings import Experiment
from core.pipeline.result import Result
from core.progress import Cancelled, Progress
from dashboard.work.job import TURN, Health, Job
from dashboard.work.queue import Jobs, Limits
from tests.helpers.bench import LONG, Bench, X, Y, Z, until


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def jobs(bench: Bench) -> Jobs:
    return Jobs(bench)


def ends(job: Job, state: str) -> None:
    """Wait until a job has ended, and check how."""
    until(lambda: not job.active, f"{job.request.experts} ends")
    assert job.state == state


def away(job: Job) -> None:
    """Let every visitor of a job have closed the page a minute ago."""
    for visitor in job.seen:
        job.seen[visitor] -= 60


# -- one at a time ---------------------------------------------------------------------------------------------------


def test_one_experiment_at_a_time_in_the_order_asked(jobs: Jobs, bench: Bench) -> None:
    made = [jobs.submit(f"visitor {n}", experiment) for n, experiment in enumerate((X, Y, Z))]
    bench.runs(X)
    assert [job.state for job in made] == ["running", "waiting", "waiting"]
    assert [jobs.ahead(job) for job in made] == [0, 1, 2]
    for experiment in (Z, Y, X):  # whoever could finish first
        bench.finish(experiment)
    for job in made:
        ends(job, "done")
    assert bench.begun == [X, Y, Z]
    assert bench.most_at_once == 1


def test_many_visitors_at_once_run_one_by_one_and_each_gets_their_own(jobs: Jobs, bench: Bench) -> None:
    asked = [Experiment(model="made", experts=k) for k in range(1, 13)]
    start = threading.Barrier(len(asked))

    def visit(experiment: Experiment) -> None:
        start.wait(LONG)
        jobs.submit(f"visitor {experiment.experts}", experiment)
        bench.finish(experiment)

    threads = [threading.Thread(target=visit, args=(experiment,)) for experiment in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    for experiment in asked:
        until(lambda experiment=experiment: jobs.result(experiment))
        assert jobs.result(experiment).plan.experiment == experiment
    assert bench.most_at_once == 1
    assert sorted(e.experts for e in bench.begun) == list(range(1, 13))


def test_progress_is_seen(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.runs(X)
    until(lambda: job.snapshot.stage == "working")
    before = job.snapshot
    bench.step(X)
    # a tenth of the work is done now: what is left is known from its pace
    until(lambda: job.snapshot.remaining > 0 and job.snapshot.elapsed > before.elapsed)
    bench.finish(X)
    ends(job, "done")


# -- sharing ---------------------------------------------------------------------------------------------------------


def test_two_visitors_of_one_setting_share_one_job(jobs: Jobs, bench: Bench) -> None:
    first, second = jobs.submit("a", X), jobs.submit("b", X)
    assert first is second
    bench.finish(X)
    ends(first, "done")
    assert bench.begun == [X]


def test_a_shared_job_goes_on_while_one_still_wants_it(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    jobs.submit("b", X)
    bench.runs(X)
    jobs.leave("a")
    bench.step(X)
    bench.finish(X)
    ends(job, "done")
    assert bench.cancelled == []


def test_a_shared_job_stops_when_the_last_leaves(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    jobs.submit("b", X)
    bench.runs(X)
    jobs.leave("a")
    jobs.submit("b", Y)
    bench.step(X)
    ends(job, "stopped")
    assert bench.cancelled == [X]


def test_asking_twice_is_asking_once(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.runs(X)
    assert jobs.submit("a", X) is job
    bench.step(X)
    bench.finish(X)
    ends(job, "done")
    assert bench.begun == [X]


# -- superseding and stopping ----------------------------------------------------------------------------------------


def test_a_new_request_cancels_the_running_one_inside(jobs: Jobs, bench: Bench) -> None:
    old = jobs.submit("a", X)
    bench.runs(X)
    new = jobs.submit("a", Y)
    bench.step(X)
    ends(old, "stopped")
    bench.finish(Y)
    ends(new, "done")
    assert bench.cancelled == [X]
    assert jobs.result(X) is None


def test_a_superseded_request_that_waits_never_runs(jobs: Jobs, bench: Bench) -> None:
    other = jobs.submit("b", Z)
    bench.runs(Z)
    superseded = jobs.submit("a", X)
    wanted = jobs.submit("a", Y)
    assert superseded.state == "stopped"
    assert jobs.ahead(wanted) == 1
    for experiment in (Z, Y):
        bench.finish(experiment)
    ends(other, "done")
    ends(wanted, "done")
    assert bench.begun == [Z, Y]


def test_leaving_stops_the_work(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.runs(X)
    jobs.leave("a")
    bench.step(X)
    ends(job, "stopped")
    assert bench.cancelled == [X]
    assert job.error is None


def test_leaving_without_a_request_is_nothing(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    jobs.leave("b")
    bench.step(X)
    bench.finish(X)
    ends(job, "done")


def test_what_was_stopped_can_be_asked_for_again(jobs: Jobs, bench: Bench) -> None:
    old = jobs.submit("a", X)
    bench.runs(X)
    jobs.leave("a")
    bench.step(X)
    ends(old, "stopped")
    again = jobs.submit("a", X)
    bench.finish(X)
    ends(again, "done")
    assert jobs.result(X).plan.experiment == X


def test_asking_while_the_old_one_is_still_stopping(jobs: Jobs, bench: Bench) -> None:
    old = jobs.submit("a", X)
    bench.runs(X)
    jobs.leave("a")  # told to stop; it has not heard yet
    again = jobs.submit("b", X)
    assert again is not old
    bench.step(X)
    ends(old, "stopped")
    bench.runs(X, 2)
    assert again.state == "running"
    bench.step(X)
    bench.finish(X)
    ends(again, "done")
    assert bench.most_at_once == 1


def test_who_comes_back_stands_at_the_end(jobs: Jobs, bench: Bench) -> None:
    first = jobs.submit("a", X)
    bench.runs(X)
    second = jobs.submit("b", Y)
    jobs.leave("a")
    bench.step(X)
    ends(first, "stopped")
    bench.runs(Y)
    third, again = jobs.submit("c", Z), jobs.submit("a", X)
    assert [jobs.ahead(job) for job in (second, third, again)] == [0, 1, 2]
    for experiment in (Y, X, Z):
        bench.finish(experiment)
    for job in (second, third, again):
        ends(job, "done")
    assert bench.begun == [X, Y, Z, X]


# -- visitors who are gone -------------------------------------------------------------------------------------------


def test_a_deserted_job_gives_way_to_who_waits_and_is_finished_later(jobs: Jobs, bench: Bench) -> None:
    deserted = jobs.submit("a", X)
    bench.runs(X)
    away(deserted)
    wanted = jobs.submit("b", Y)
    bench.step(X)
    bench.runs(Y)
    assert bench.cancelled == [X]
    assert deserted.state == "waiting"
    bench.step(X)
    bench.finish(X)
    bench.finish(Y)
    ends(wanted, "done")
    ends(deserted, "done")
    assert bench.begun == [X, Y, X]
    assert jobs.result(X).plan.experiment == X


def test_a_deserted_job_goes_on_while_nobody_waits(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.runs(X)
    away(job)
    for _ in range(3):
        bench.step(X)
    bench.finish(X)
    ends(job, "done")
    assert bench.cancelled == []


def test_who_waits_does_not_push_out_who_looks(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.runs(X)
    other = jobs.submit("b", Y)
    jobs.touch("a", X)
    bench.step(X)
    bench.finish(X)
    ends(job, "done")
    bench.finish(Y)
    ends(other, "done")
    assert bench.cancelled == []


def test_who_looks_comes_before_who_is_gone(jobs: Jobs, bench: Bench) -> None:
    running = jobs.submit("a", X)
    bench.runs(X)
    gone, here = jobs.submit("b", Y), jobs.submit("c", Z)
    away(gone)
    for experiment in (X, Y, Z):
        bench.finish(experiment)
    for job in (running, gone, here):
        ends(job, "done")
    assert bench.begun == [X, Z, Y]


def test_a_sign_of_life_counts_only_from_who_asked(jobs: Jobs) -> None:
    job = jobs.submit("a", X)
    away(job)
    jobs.touch("b", X)
    assert job.yields()
    assert jobs.touch("a", X) is job
    assert not job.yields()
    assert jobs.touch("a", Y) is None


# -- long and short ---------------------------------------------------------------------------------------------------


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
    with pytest.raises(BusyError, match="all visitors together have 5 requests"):
        jobs.submit("c", cells[5])
    for cell in cells[:5]:
        bench.finish(cell)
    until(lambda: not any(job.active for job in jobs.all()))
    bench.finish(cells[5])
    ends(jobs.submit("c", cells[5]), "done")


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


# -- results ---------------------------------------------------------------------------------------------------------


def test_results_come_from_memory_the_second_time(jobs: Jobs, bench: Bench) -> None:
    assert jobs.result(X) is None
    job = jobs.submit("a", X)
    bench.finish(X)
    ends(job, "done")
    result = jobs.result(X)
    assert jobs.result(X) is result
    assert bench.asked[X] == 1  # the store was asked before the work only


def test_what_the_store_has_is_not_computed(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.finish(X)
    ends(job, "done")
    bench.stored[Y] = jobs.result(X)
    assert jobs.result(Y) is bench.stored[Y]
    assert jobs.result(Y) is bench.stored[Y]
    assert bench.asked[Y] == 1
    assert bench.begun == [X]


def test_a_result_never_shows_for_another_experiment(jobs: Jobs, bench: Bench) -> None:
    """Neither in memory, nor by a job that was superseded while it ran."""
    old = jobs.submit("a", X)
    bench.runs(X)
    new = jobs.submit("a", Y)
    bench.finish(X)  # it ends well before it hears that nobody wants it
    ends(old, "done")
    assert jobs.result(Y) is None
    assert new.active
    bench.finish(Y)
    ends(new, "done")
    assert jobs.result(X).plan.experiment == X
    assert jobs.result(Y).plan.experiment == Y
    assert jobs.result(Z) is None


def test_a_result_whose_sentences_or_model_changed_on_disk_is_not_shown(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.finish(X)
    ends(job, "done")
    assert jobs.result(X) is not None
    bench.changed.add(X)
    assert jobs.result(X) is None


def test_memory_has_a_limit(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.finish(X)
    ends(job, "done")
    result = jobs.result(X)
    for k in range(100, 200):
        experiment = Experiment(model="made", experts=k)
        bench.stored[experiment] = result
        assert jobs.result(experiment) is result
    assert jobs.result(X) is None  # forgotten by memory; this store never had it
    assert bench.asked[X] == 1
