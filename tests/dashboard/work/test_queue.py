"""The queue: one worker, shared jobs, new requests instead of old ones, and nobody sees another's numbers."""

from __future__ import annotations

import threading

from core.experiment.settings import Experiment
from dashboard.work.queue import Jobs
from tests.helpers.bench import LONG, Bench, X, Y, Z, away, ends, until

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
    assert not jobs.was_stopped("a", X), "who left was not stopped"


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


def test_who_waited_for_what_was_stopped_for_all_is_told_so_once(jobs: Jobs, bench: Bench) -> None:
    job = jobs.submit("a", X)
    bench.runs(X)
    jobs.submit("b", X)
    assert not jobs.was_stopped("a", X)
    jobs.stop(X)
    assert jobs.was_stopped("b", X), "while it has not stopped yet"
    bench.step(X)
    ends(job, "stopped")
    assert [jobs.was_stopped(visitor, X) for visitor in ("c", "b", "a", "a")] == [False, False, True, False]
