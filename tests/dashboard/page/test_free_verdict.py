"""What is free is measured beside a result that a visitor goes on looking at; on a queue that the test moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import access
from core.errors import SettingError
from core.packs.pack_folder import PackFolder
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.page import free_verdict
from dashboard.work import process
from dashboard.work.questions import RivalsQuestion
from dashboard.work.queue import Jobs, Limits
from tests.helpers.bench import LONG, Bench, X, Y, Z, ends, until
from tests.helpers.pages import page_of

NOT_ASKED = "The page Is it real? measures how the intervention compares"
GOES_ON = "goes on in the background"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def jobs(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The queue of the process that the page runs in; whoever sees a result has looked at it for long enough."""
    engine = Engine(Store(tmp_path / "cache"), PackFolder(tmp_path / "cache", None))
    started = process.Process(engine, Jobs(bench, Limits(in_all=2)))
    monkeypatch.setattr(process, "start", lambda: started)
    monkeypatch.setattr(bench, "holds", lambda _: True)  # its answers to questions are no results
    monkeypatch.setattr(free_verdict, "_LOOKS", 0.0)
    monkeypatch.setenv(access.UNASKED, "1")
    return started.jobs


def _page(experts: int) -> None:
    from dataclasses import replace

    import streamlit as st

    from dashboard.page import free_verdict
    from tests.helpers.bench import X
    from tests.helpers.results import make_result

    k = st.number_input("k", value=experts)
    made = st.session_state.setdefault(f"result-{k}", make_result(replace(X, experts=k)))
    free_verdict.draw(made)


def opened() -> AppTest:
    return page_of(_page, X.experts).run()


def said(page: AppTest) -> str:
    assert not page.exception
    return " ".join(str(html.proto.body) for html in page.get("html"))


def test_it_is_measured_in_the_background_and_the_words_then_go(jobs: Jobs, bench: Bench) -> None:
    page = opened()
    assert GOES_ON in said(page)
    job = jobs.find(RivalsQuestion(X))
    assert job is not None
    assert job.background
    bench.finish(RivalsQuestion(X))
    ends(job)
    assert said(page.run()) == ""


def test_nothing_is_measured_for_who_has_just_come(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_verdict, "_LOOKS", LONG)
    assert NOT_ASKED in said(opened().run())
    assert jobs.all() == []


def test_one_setting_at_a_time_is_measured_for_a_visitor(jobs: Jobs, bench: Bench) -> None:
    page = opened()
    bench.runs(RivalsQuestion(X))
    page.number_input[0].set_value(Y.experts).run()
    assert GOES_ON in said(page)
    left = jobs.find(RivalsQuestion(X))
    bench.step(RivalsQuestion(X))
    ends(left, "stopped")
    page.number_input[0].set_value(X.experts).run()
    assert jobs.find(RivalsQuestion(X)).active, "who comes back has it measured"
    assert not jobs.find(RivalsQuestion(Y)).active or jobs.find(RivalsQuestion(Y)).stop
    jobs.stop(RivalsQuestion(X))
    page.run()
    assert NOT_ASKED in said(page), "what they stopped stays so while they look at it"
    bench.step(RivalsQuestion(Y))


def test_what_takes_long_waits_for_the_page_that_asks_first(jobs: Jobs, bench: Bench) -> None:
    bench.seconds = free_verdict._MOST + 1
    page = opened()
    assert NOT_ASKED in said(page.run())
    assert jobs.all() == []


def test_a_failure_is_said_and_not_tried_again(jobs: Jobs, bench: Bench) -> None:
    page = opened()
    bench.fail(RivalsQuestion(X), SettingError("rivals of two rows", "they are too few", "Use more."))
    until(lambda: not jobs.find(RivalsQuestion(X)).active, "it fails")
    for _ in range(2):
        assert "could not be done in the background: rivals of two rows: they are too few" in said(page.run())
    assert "could not be done" in said(opened())
    assert bench.begun == [RivalsQuestion(X)]


def test_where_the_queue_is_full_it_is_asked_for_later(jobs: Jobs, bench: Bench) -> None:
    for other in (Y, Z):
        jobs.submit("another", other, background=True)
    page = opened()
    assert NOT_ASKED in said(page)
    assert jobs.find(RivalsQuestion(X)) is None
    jobs.stop(Z)
    assert GOES_ON in said(page.run())
    for asked in (Y, RivalsQuestion(X)):
        jobs.stop(asked)
        bench.step(asked)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [(access.READ_ONLY, "1", "This server has not measured them"), (access.UNASKED, "0", NOT_ASKED)],
)
def test_a_server_that_only_reads_or_begins_nothing_unasked_measures_nothing(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    assert words in said(opened())
    assert jobs.all() == []
