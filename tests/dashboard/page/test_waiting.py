"""What a page shows until its answer is there, or instead of it; on a queue whose every step the test decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner_utils.exceptions import StopException
from streamlit.testing.v1 import AppTest

from core import access
from core.errors import SettingError
from core.packs.pack_folder import PackFolder
from core.pipeline.early_estimates import Estimate
from core.pipeline.engine import Engine
from core.stats.intervals import Interval
from core.store.store import Store
from dashboard.page import downloading, waiting
from dashboard.work import process
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, X, Y, ends, until
from tests.helpers.pages import page_of, visitor_of


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def jobs(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The queue of the process that the page runs in."""
    started = process.Process(Engine(Store(tmp_path / "cache"), PackFolder(tmp_path / "cache", None)), Jobs(bench))
    monkeypatch.setattr(process, "start", lambda: started)
    monkeypatch.setattr(downloading, "may_begin", lambda _: True)  # the bench's model is nowhere to be had
    return started.jobs


def _page() -> None:
    import streamlit as st

    from dashboard.page import waiting
    from tests.helpers.bench import X

    result = waiting.result_or_wait(X)
    if result is not None:
        st.metric("Top-1", result.target_top1.post)


def _page_of_two() -> None:
    import streamlit as st

    from dashboard.page import waiting
    from dashboard.state import session
    from tests.helpers.bench import X, Y

    session.visitor().sees("compare")
    for experiment in (X, Y):
        result = waiting.result_or_wait(experiment)
        if result is not None:
            st.metric("Top-1", result.target_top1.post)


def opened(page_function: Callable[[], None] = _page) -> AppTest:
    page = page_of(page_function).run()
    assert not page.exception
    return page


def headings(page: AppTest) -> list[str]:
    return [text.value.removeprefix("## ").removeprefix(":material/error: ") for text in page.markdown]


def press(page: AppTest, label: str) -> None:
    (button,) = [button for button in page.button if button.label == label]
    button.click().run()
    assert not page.exception


def test_progress_is_shown_until_the_result_is_there(jobs: Jobs, bench: Bench) -> None:
    page = opened()
    assert headings(page) == ["Computing"]
    assert not page.metric
    bench.finish(X)
    ends(jobs.find(X))
    page.run()
    assert page.metric
    assert headings(page) == []


@pytest.mark.parametrize(("among", "words"), [((4,), "4"), ((4, 4), "4"), ((1_000, 3), "3 to 1,000")])
def test_an_early_estimate_says_among_how_many_a_sentence_looks_in_its_own_set(
    jobs: Jobs, bench: Bench, among: tuple[int, ...], words: str
) -> None:
    page = opened()
    bench.runs(X)
    some = Interval(0.25, 0.125, 0.5, 8)
    job = jobs.find(X)
    job.progress.publish(Estimate(sum(among), among, 2_000, some, some, some, some))
    page.run()
    (said,) = (html.proto.body for html in page.get("html") if "drawn at random" in html.proto.body)
    assert f"From {sum(among):,} of 2,000 sentences" in said
    assert f"among {words} candidates so far" in said
    bench.finish(X)
    ends(job)


def test_two_answers_of_one_page_are_computed_one_after_the_other(jobs: Jobs, bench: Bench) -> None:
    """Else each run of the page withdraws the one for the other, and neither ends."""
    page = opened(_page_of_two)
    bench.runs(X)
    for _ in range(3):
        page.run()
        assert headings(page)[0] == "Computing"
        assert any("after what this page waits for" in html.proto.body for html in page.get("html"))
        assert [job.request for job in jobs.all()] == [X]
    bench.finish(X)
    ends(jobs.find(X))
    page.run()
    bench.finish(Y)
    ends(jobs.find(Y))
    assert len(page.run().metric) == 2
    assert (bench.begun, bench.cancelled) == ([X, Y], [])


def test_long_work_begins_when_somebody_says_so(jobs: Jobs, bench: Bench) -> None:
    bench.seconds = 4320.0
    page = opened()
    assert headings(page) == ["Computing this takes about 1 h 12 min"]
    assert jobs.all() == []
    press(page, "Compute it")
    assert jobs.find(X).active
    bench.finish(X)
    ends(jobs.find(X))


def test_a_refusal_is_shown_in_three_parts_and_can_be_tried_again(jobs: Jobs, bench: Bench) -> None:
    page = opened()
    bench.fail(X, SettingError("k of **0**", "nothing would be written", "Use 1."))
    until(lambda: not jobs.find(X).active, "it fails")
    for _ in range(2):  # it stays so
        page.run()
        assert headings(page)[0] == "This cannot be shown"
        assert [text.value for text in page.text] == ["k of **0**", "nothing would be written", "Use 1."]
        assert bench.begun == [X]
    press(page, "Try again")
    bench.finish(X)
    ends(jobs.find(X))
    assert page.run().metric


def test_what_nobody_foresaw_is_one_line_of_text(jobs: Jobs, bench: Bench) -> None:
    page = opened()
    bench.fail(X, RuntimeError("shapes [2]\n differ"))
    until(lambda: not jobs.find(X).active, "it fails")
    page.run()
    assert headings(page) == ["Something went wrong"]
    assert page.text[0].value == "RuntimeError: shapes [2] differ"


def test_what_a_visitor_stopped_stays_so_while_another_has_it_computed(jobs: Jobs, bench: Bench) -> None:
    page = opened()
    bench.runs(X)
    press(page, "Stop")
    assert headings(page) == ["Stopped"]
    other = opened()
    assert headings(other) == ["Computing"]
    page.run()
    assert headings(page) == ["Stopped"]
    assert visitor_of(page).name not in jobs.find(X).seen
    bench.step(X)  # the job that nobody wants hears of it
    bench.runs(X, 2)
    bench.finish(X)
    ends(jobs.find(X))
    assert page.run().metric, "what is there is shown, whoever had it computed"
    assert other.run().metric


@pytest.mark.usefixtures("jobs")
def test_what_was_stopped_stays_so_while_the_page_computes_something_else(bench: Bench) -> None:
    page = opened(_page_of_two)
    bench.runs(X)
    press(page, "Stop")
    assert headings(page) == ["Stopped", "Computing"]
    bench.step(X)
    bench.finish(Y)
    until(lambda: page.run().metric, "the second answer is there")
    assert headings(page) == ["Stopped"]
    assert bench.begun == [X, Y]
    press(page, "Compute it")
    bench.finish(X)
    until(lambda: len(page.run().metric) == 2, "both answers are there")


@pytest.mark.usefixtures("jobs")
def test_two_things_that_were_stopped_each_have_a_button(bench: Bench) -> None:
    page = opened(_page_of_two)
    for asked in (X, Y):
        bench.runs(asked)
        press(page, "Stop")
        bench.step(asked)
    assert headings(page) == ["Stopped", "Stopped"]
    assert [button.label for button in page.button] == ["Compute it", "Compute it"]


def _asks_beside() -> None:
    import streamlit as st

    from dashboard.page import waiting
    from dashboard.work.questions import MovementQuestion
    from tests.helpers.bench import X

    asked = MovementQuestion(X)
    st.text(f"{waiting.expected(asked)} {waiting.ask(asked)}")


def test_a_server_that_only_reads_has_nothing_computed(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(access.READ_ONLY, "1")
    page = opened(_asks_beside)
    assert page.text[0].value == "None None"
    assert jobs.all() == []


def _offers() -> None:
    from dashboard.page import background
    from tests.helpers.bench import X

    background.draw(background.Offer(X, "x", "X", "Start it", "Stop it", "Doing", "long"), working=True)


def test_a_visitor_of_a_public_server_stops_only_what_is_theirs(
    jobs: Jobs, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.PUBLIC, "1")
    jobs.submit("another", X, background=True)
    bench.runs(X)
    page = opened(_offers)
    assert not page.button
    jobs.submit(visitor_of(page).name, X, background=True)
    page.run()
    press(page, "Stop it")
    job = jobs.find(X)
    assert (list(job.seen), job.stop) == (["another"], False)
    jobs.stop(X)
    bench.step(X)
    ends(job, "stopped")


def _page_beside_jobs() -> None:
    import streamlit as st

    from dashboard.page import background, jobs, waiting
    from dashboard.state import session
    from tests.helpers.bench import X

    visitor, shown = session.visitor(), st.radio("Page", ["X", "jobs", "offer"])
    visitor.experiment = X
    visitor.sees(shown)
    if shown == "jobs":
        jobs.draw()
    elif shown == "offer":
        background.draw(background.Offer(X, "x", "X", "Start it", "Stop it", "Doing", "long"), working=False)
    else:
        waiting.result_or_wait(X)


def test_what_a_visitor_withdraws_from_the_list_of_jobs_no_page_asks_for_again_by_itself(
    jobs: Jobs, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.PUBLIC, "1")
    page = opened(_page_beside_jobs)
    bench.runs(X)
    page.radio[0].set_value("jobs").run()
    press(page, "Withdraw")
    page.radio[0].set_value("X").run()
    assert headings(page) == ["Stopped"]
    bench.step(X)  # the job hears of it
    ends(jobs.find(X), "stopped")
    assert headings(page.run()) == ["Stopped"]
    page.radio[0].set_value("offer").run()
    press(page, "Start it")  # now it is asked for again
    page.radio[0].set_value("X").run()
    assert headings(page) == ["Computing"]
    bench.finish(X)
    ends(jobs.find(X))
    assert bench.begun == [X, X]


def _explore() -> None:
    from core.experiment.settings import Experiment
    from dashboard.page import explore
    from dashboard.state import session
    from tests.helpers.bench import X
    from tests.helpers.results import make_result

    visitor = session.visitor()
    visitor.experiment = X
    visitor.part(explore._LastResult).result = make_result(
        Experiment(model="made", corpus="made", target="ja", experts=20)
    )
    explore.draw()


def test_the_picture_of_before_stays_while_another_setting_is_computed(jobs: Jobs, bench: Bench) -> None:
    """Named, and only for as long as something is computed: not beside a refusal."""

    def drawn(page: AppTest) -> list[str]:
        assert not page.exception
        return [text for text in (html.proto.body for html in page.get("html")) if "<h2>" in text]

    page = page_of(_explore).run()
    (label,) = drawn(page)
    assert "Japanese, 20 experts, strength 1" in label
    assert "computing" in label
    bench.fail(X, SettingError("k of 0", "nothing would be written", "Use 1."))
    until(lambda: not jobs.find(X).active, "it fails")
    assert drawn(page.run()) == []


@pytest.mark.parametrize("of", ["the setting", "a question of it", "a neuron"])
def test_a_change_is_computed_once_the_controls_are_still(jobs: Jobs, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    """What is opened first begins at once; of a row of changes only the last one begins."""
    waited: list[int] = []
    begun: list[int] = []

    def passes(_: float) -> None:
        waited.append(len(jobs.all()))

    monkeypatch.setattr(waiting, "sleep", passes)
    page = page_of(_asks, of).run()
    assert (waited, len(jobs.all())) == ([], 1)
    for number in (0.9, 0.8):
        begun.append(len(jobs.all()))
        page.number_input[0].set_value(number).run()
        assert not page.exception
    assert waited == begun == [1, 2]  # nothing had been asked for when the moment passed
    monkeypatch.setattr(waiting, "sleep", _goes_on)
    page.number_input[0].set_value(0.7).run()
    assert len(jobs.all()) == 3
    for job in jobs.all():
        jobs.stop(job.request)


def _goes_on(_: float) -> None:
    """The visitor moves a control meanwhile: Streamlit ends the run where it next draws."""
    raise StopException


def _asks(of: str) -> None:
    from dataclasses import replace

    import streamlit as st

    from dashboard.page import waiting
    from dashboard.state import session
    from dashboard.work.questions import HeldNeuronQuestion, RanksQuestion
    from tests.helpers.bench import X

    session.visitor().sees("")
    changed = replace(X, strength=st.number_input("Strength", value=1.0))
    if of == "a neuron":  # of a setting that is not the sidebar's, which stays
        session.visitor().experiment = X
        waiting.answer_or_wait(HeldNeuronQuestion(changed))
    else:
        session.visitor().experiment = changed
        waiting.answer_or_wait(changed if of == "the setting" else RanksQuestion(changed))
