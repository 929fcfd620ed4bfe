"""Which task is next, of two models: said here in plain words, held against the schedule."""

from __future__ import annotations

import pytest

from core.experiment.settings import Experiment
from core.sweep.schedule import Schedule
from core.sweep.tasks import Task


def task(key: str, kind: str, *needs: str) -> Task:
    """A task of the model that its key begins with."""
    return Task(kind, Experiment(model=key[0]), key, needs)


def keys(schedule: Schedule, *models: str | None) -> list[str | None]:
    """What is taken one after the other by workers that have these models loaded."""
    taken = [schedule.take(model) for model in models]
    return [None if each is None else each.key for each in taken]


@pytest.fixture
def two_models() -> Schedule:
    """Of each of two models a space, and two captures that are named after it."""
    kinds = {"space": "space", "first": "capture", "second": "capture"}
    return Schedule([task(f"{model}-{name}", kind) for model in "xy" for name, kind in kinds.items()])


def test_what_most_waits_for_comes_first_and_of_that_what_was_named_first(two_models: Schedule) -> None:
    assert keys(two_models, "x", "x", "x") == ["x-first", "x-second", "x-space"]


def test_tasks_of_the_model_that_is_loaded_come_before_those_of_another(two_models: Schedule) -> None:
    assert keys(two_models, "y", "y", "y", "y") == ["y-first", "y-second", "y-space", "x-first"]


def test_a_worker_without_a_model_takes_the_one_that_fewest_work_on(two_models: Schedule) -> None:
    assert keys(two_models, None, None, None, None) == ["x-first", "y-first", "x-second", "y-second"]
    two_models.finish(two_models.tasks["y-first"])
    assert keys(two_models, None) == ["y-space"], "one works on y, two on x"


def test_a_task_begins_once_all_that_it_needs_is_done() -> None:
    first, second = task("x-first", "capture"), task("x-second", "capture")
    schedule = Schedule([first, second, task("x-rank", "rank", "x-first", "x-second", "x-known-before")])
    assert keys(schedule, "x", "x", "x") == ["x-first", "x-second", None]
    schedule.finish(first)
    assert keys(schedule, "x") == [None]
    schedule.finish(second)
    assert keys(schedule, "x", "x") == ["x-rank", None]
    assert not schedule.ended
    schedule.finish(schedule.tasks["x-rank"])
    assert schedule.ended


def test_what_was_put_back_waits_in_its_former_place(two_models: Schedule) -> None:
    assert keys(two_models, "x", "x") == ["x-first", "x-second"]
    two_models.put_back(two_models.tasks["x-first"])
    assert set(two_models.running) == {"x-second"}
    assert keys(two_models, "x", "x") == ["x-first", "x-space"]


def test_what_cannot_begin_at_the_moment_is_left_where_it_is(two_models: Schedule) -> None:
    assert two_models.take("x", skip={"x-first", "x-second", "x-space"}) is two_models.tasks["y-first"]
    assert keys(two_models, "x") == ["x-first"]


def test_what_needs_a_task_that_failed_fails_with_it() -> None:
    capture, rank = task("x-capture", "capture"), task("x-rank", "rank", "x-capture")
    space, other = task("x-space", "space", "x-rank"), task("y-space", "space")
    schedule = Schedule([capture, rank, space, other])
    assert schedule.take("x") is capture
    assert schedule.fail(capture, "no memory") == [capture, rank, space]
    assert schedule.failed == dict.fromkeys(("x-capture", "x-rank", "x-space"), "no memory")
    assert list(schedule.left()) == [other]
    assert keys(schedule, "x", "x") == ["y-space", None]
    schedule.finish(other)
    assert schedule.ended
