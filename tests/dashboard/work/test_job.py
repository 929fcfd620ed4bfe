"""A job: whom it gives way to, and what is said of how it ended."""

from __future__ import annotations

import time

from core.progress import Progress
from dashboard.work.job import Job
from tests.helpers.bench import X


def test_it_gives_way_while_nobody_looks() -> None:
    job = Job(X)
    assert job.yields()
    job.seen = {"a": time.monotonic() - 60, "b": time.monotonic()}
    assert job.watched
    assert not job.yields()
    job.background = True
    assert job.yields()


def test_it_is_paused_once_it_has_begun_and_waits() -> None:
    job = Job(X)
    assert not job.paused
    assert job.snapshot.stage == "waiting"
    job.progress = Progress()
    assert job.paused
    job.state = "running"
    assert not job.paused
