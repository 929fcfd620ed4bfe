"""The model is loaded ahead of need: once a result is on the page, once for all, and behind whatever is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.work.preload import ModelLoadQuestion, soon
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, X, ends, until


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """With no model in memory."""
    return Engine(Store(tmp_path / "cache"))


def test_nothing_is_loaded_for_a_setting_without_a_result(jobs: Jobs, engine: Engine) -> None:
    soon(jobs, engine, X)
    assert jobs.all() == []


def test_once_a_result_is_there_its_model_is_loaded_once_in_the_background(
    jobs: Jobs, bench: Bench, engine: Engine
) -> None:
    bench.finish(X)
    ends(jobs.submit("a", X))
    soon(jobs, engine, X)
    job = jobs.find(ModelLoadQuestion(X))
    assert job is not None
    assert job.background
    soon(jobs, engine, X)
    assert jobs.find(ModelLoadQuestion(X)) is job
    bench.fail(ModelLoadQuestion(X), OSError("not enough memory"))
    until(lambda: not job.active, "loading ends")
    soon(jobs, engine, X)
    assert jobs.find(ModelLoadQuestion(X)) is job, "what failed once is tried again at every run of a page"
