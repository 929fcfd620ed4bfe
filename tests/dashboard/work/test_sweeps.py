"""Cells of a grid in the queue: one job, whose tasks give way, take turns, count, stop and fail one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.analyses import grid
from core.errors import BusyError, SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store.store import Store
from core.sweep.tasks import Task
from dashboard.work import sweeps
from dashboard.work.job import Job
from dashboard.work.limits import Limits
from dashboard.work.questions import TextCellQuestion
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, X, Y, ends, until


class TaskBench(Bench):
    """A bench whose tasks are those of a real model and a real table; nothing of them is computed."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def begins(self, number: int) -> Task:
        """Wait until so many tasks and requests have begun; returns the last of these."""
        until(lambda: len(self.begun) >= number, f"{number} begin")
        return self.begun[number - 1]

    def done(self, number: int) -> Task:
        """Let the task that is the so-manyth to begin end well."""
        task = self.begins(number)
        self.finish(task)
        return task


@pytest.fixture
def bench(tmp_path: Path) -> TaskBench:
    return TaskBench(Engine(Store(tmp_path / "cache")))


@pytest.fixture
def jobs(bench: TaskBench) -> Jobs:
    return Jobs(bench)


@pytest.fixture
def cells(tiny_link: dict[str, str]) -> list[Experiment]:
    """Three: the unmodified model, and two numbers of experts."""
    here = Experiment(
        model=tiny_link["model"],
        corpus=tiny_link["corpus"],
        target="ja",
        experts=20,
        dtype="float32",
        device="cpu",
        languages=("en", "ja"),
        probe_languages=("en", "ja"),
    )
    return list(dict.fromkeys(grid.grid(here, [10, 20], [0.0, 1.0])))


def begin(jobs: Jobs, visitor: str, cells: Sequence[Experiment]) -> Job:
    sweeps.fill(jobs, visitor, cells)
    return jobs.all()[-1]


def end(jobs: Jobs, bench: TaskBench) -> None:
    """Stop all that is active."""
    for job in jobs.all():
        jobs.stop(job.request)
    if bench.begun:
        bench.step(bench.begun[-1])
    until(lambda: not any(job.active for job in jobs.all()), "all end")


def test_cells_are_one_job_that_gives_way_within_a_task_and_between_two(
    jobs: Jobs, bench: TaskBench, cells: list[Experiment]
) -> None:
    job = begin(jobs, "one", cells)
    assert jobs.all() == [job]
    first = bench.begins(1)
    assert first.kind == "capture"
    jobs.submit("two", X)
    bench.step(first)  # at its next report it sees that somebody waits
    bench.runs(X)
    assert bench.cancelled == [first]
    assert job.paused
    bench.finish(X)
    bench.runs(first, times=2)
    jobs.submit("two", Y)
    bench.finish(first)
    bench.runs(Y)
    assert bench.begun == [first, X, first, Y], "the next task went before somebody who waits"
    bench.finish(Y)
    kinds = [bench.done(number).kind for number in range(5, 12)]
    assert kinds == ["capture", "rank", "space", "cell", "space", "cell", "space"]
    assert job.snapshot.stage.startswith("2 of 3 cells")
    assert 0.5 < job.snapshot.fraction < 1
    bench.done(12)
    ends(job)
    assert bench.most_at_once == 1


def test_visitors_take_turns_task_by_task(jobs: Jobs, bench: TaskBench, cells: list[Experiment]) -> None:
    begin(jobs, "one", cells)
    bench.begins(1)
    begin(jobs, "two", [replace(cell, target="en") for cell in cells])
    targets = [bench.done(number).experiment.target for number in range(1, 7)]
    assert targets == ["ja", "en"] * 3
    bench.begins(7)
    end(jobs, bench)


def test_it_stops_for_all_or_for_a_visitor_alone(jobs: Jobs, bench: TaskBench, cells: list[Experiment]) -> None:
    job = begin(jobs, "one", cells)
    first = bench.done(1)
    second = bench.begins(2)
    assert begin(jobs, "two", cells) is job
    standing = sweeps.standing(jobs, cells)
    assert standing.active == [job]
    assert standing.states == {cells[0]: "running", cells[1]: "waiting", cells[2]: "waiting"}
    jobs.leave("one")
    sweeps.stop(jobs, standing.active, "one")
    bench.step(second)
    bench.idle(second)
    assert job.state == "running"
    assert not job.stop
    sweeps.stop(jobs, standing.active)
    bench.step(second)
    ends(job, "stopped")
    assert sweeps.standing(jobs, cells) == sweeps.CellStates()
    begin(jobs, "one", cells)  # anew, from what is known by then
    assert bench.begins(3) == first
    end(jobs, bench)


def test_a_visitors_next_request_leaves_their_cells_alone(
    jobs: Jobs, bench: TaskBench, cells: list[Experiment]
) -> None:
    job = begin(jobs, "one", cells)
    bench.begins(1)
    jobs.submit("one", X)
    jobs.leave("one")
    assert job.active
    assert not job.stop
    end(jobs, bench)


def test_every_cell_that_is_to_be_measured_counts(bench: TaskBench, cells: list[Experiment]) -> None:
    jobs = Jobs(bench, Limits(of_visitor=4, in_all=6))
    job = begin(jobs, "one", cells)
    bench.begins(1)
    others = [replace(cell, target="en") for cell in cells[:2]]
    with pytest.raises(
        BusyError, match="you have 3 requests that wait or run, this is 2 more, and this server takes 4"
    ):
        sweeps.fill(jobs, "one", others)
    sweeps.fill(jobs, "two", others)
    with pytest.raises(BusyError, match="all visitors together have 5 requests"):
        sweeps.fill(jobs, "three", [replace(cell, target="de") for cell in cells[:2]])
    end(jobs, bench)
    assert job.state == "stopped"
    again = begin(jobs, "one", cells)
    for number in range(2, 7):  # reading twice, ranking, the unmodified space, and the cell of that
        bench.done(number)
    bench.begins(7)
    assert again.size == 2
    sweeps.fill(jobs, "one", others)
    end(jobs, bench)


def test_a_cell_that_fails_is_said_and_the_others_go_on(jobs: Jobs, bench: TaskBench, cells: list[Experiment]) -> None:
    job = begin(jobs, "one", cells)
    for number in range(1, 6):
        bench.done(number)
    failing = bench.begins(6)
    assert (failing.kind, failing.experiment) == ("space", cells[1])
    refusal = SettingError("this", "that", "the other")
    bench.fail(failing, refusal)
    going_on = bench.begins(7)
    standing = sweeps.standing(jobs, cells[1:])
    assert standing.states == {cells[1]: "failed", cells[2]: "running"}
    assert standing.failures == {cells[1]: refusal}
    assert (standing.active, standing.failed) == ([job], [])
    bench.finish(going_on)
    bench.done(8)
    ends(job, "failed")
    assert "1 of 3 cells" in str(job.error)
    assert "this: that" in str(job.error)
    assert sweeps.standing(jobs, cells).states == {cells[1]: "failed"}
    assert sweeps.standing(jobs, cells).failed == [job]
    assert sweeps.standing(jobs, cells, TextCellQuestion) == sweeps.CellStates(), "other measures were not asked for"
    again = begin(jobs, "one", cells[1:2])
    bench.begins(9)
    assert sweeps.standing(jobs, cells).failures == {}
    end(jobs, bench)
    assert again.state == "stopped"


def test_what_cells_share_is_paid_for_once(bench: TaskBench, cells: list[Experiment]) -> None:
    cost = sweeps.cost(bench.engine, cells)
    both, one, other = (cost.seconds(each) for each in (cells[1:], cells[1:2], cells[2:]))
    estimates = [bench.engine.estimate(cell) for cell in cells[1:]]
    shared = estimates[0]["load"] + estimates[0]["capture"] + estimates[0]["embed_pre"]
    assert max(one, other) < both < one + other - shared + 1e-6
    assert cost.seconds([]) == 0
    nowhere = [replace(cell, target="xx") for cell in cells]
    assert sweeps.cost(bench.engine, nowhere).seconds(nowhere) == 0
