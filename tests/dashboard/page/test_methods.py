"""Methods compared, on their page: what is known at once, the rest asked for, stopped, and then the core's."""

from __future__ import annotations

import pytest

from core.analyses import method_comparison, method_verdict, steering
from core.neurons.methods import METHODS
from dashboard.charts import methods as charts
from dashboard.page import methods as page_module
from dashboard.work import process
from dashboard.work.method_questions import MethodsQuestion
from tests.helpers.bench import until, worker_held
from tests.helpers.pages import OpenPage, experiment_of

VIEW = {"languages": "en,ja", "view.methods": "set-mean,zero", "view.prompts": "1"}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One prompt: a table is the same for sixteen."""
    everything = steering.default_prompts
    monkeypatch.setattr(steering, "default_prompts", lambda *_: everything(["en"], 1))


def test_what_is_asked_for_is_measured_and_then_known_at_once(open_page: OpenPage) -> None:
    page = open_page("methods", **VIEW)
    assert not page.exception
    start = page.button(key="start-methods")
    assert start.label == "Measure 4 conditions"  # unmodified, two methods, random neurons
    start.click().run()
    until(lambda: not any(job.active for job in process.jobs().all()), "all are measured")
    page.run()
    assert not page.exception
    experiment, engine = experiment_of(page), process.engine()
    writing = method_comparison.writing(experiment, first=1)
    rows = method_comparison.compare(engine.answer, experiment, ["set-mean", "zero"], writing, timed=False)
    # The free maps beside all methods are those that need the language too: the page has more than the command.
    shown = {row.condition: row for row in MethodsQuestion(experiment, ("zero",), writing).known_so_far(engine).rows}
    assert {row.condition for row in rows} <= set(shown)
    for row in rows:
        own = shown[row.condition].figures
        assert set(own) == set(row.figures)
        for name, figure in row.figures.items():
            assert (own[name].value, own[name].n) == pytest.approx((figure.value, figure.n), nan_ok=True), name
    again = open_page("methods", **VIEW | {"view.methods": "zero", "view.figure": "perplexity"})
    assert not again.exception
    assert "start-methods" not in {button.key for button in again.button}
    said = [text.value for text in again.markdown]
    assert method_verdict.overall(list(shown.values())) in said
    assert any("**Set to mean**" in text for text in said)
    table = next(frame.value for frame in again.dataframe if "mean rank" in frame.value)
    assert sorted(table["condition"]) == sorted(row.title for row in shown.values())
    ranked = table[table["mean rank"].notna()]
    assert set(ranked["condition"]) == {METHODS["set-mean"].title, METHODS["zero"].title}
    assert ranked["mean rank"].is_monotonic_increasing
    frame = page_module.chart_frame(list(shown.values()), "top1_all")
    assert frame["value"].is_monotonic_decreasing
    assert set(frame["kind"]) == set(charts.KINDS.values())


def test_measuring_is_stopped_and_offered_again(open_page: OpenPage) -> None:
    page = open_page("methods", **VIEW | {"languages": "de,ja", "view.all": "1"})
    with worker_held(process.jobs()):
        page.button(key="start-methods").click().run()
        page.run()
        assert any("to go: " in bar.proto.text for bar in page.get("progress"))
        page.button(key="stop-methods").click().run()
        page.run()
    assert not page.exception
    assert page.button(key="start-methods").label == f"Measure {len(METHODS) + 2} conditions"
    assert not any(job.active for job in process.jobs().all() if isinstance(job.request, MethodsQuestion))


def test_what_cannot_be_is_named_and_left_out(open_page: OpenPage) -> None:
    all_are_targets = {"probe_languages": "en,ja", "targets": "en,ja", "languages": "es,ja"}
    page = open_page("methods", **VIEW | all_are_targets | {"view.all": "1"})
    assert not page.exception
    said = "\n".join(html.proto.body for html in page.get("html"))
    refused = [method for method in METHODS.values() if method.against_others]
    for method in refused:
        assert f"{method.title} is not for this setting: it compares the targets with the other languages" in said
    left_out = said.count("is not for this setting")
    assert left_out > len(refused)  # Spanish has no probe rows, so that maps by source language have none for it
    assert page.button(key="start-methods").label == f"Measure {len(METHODS) + 2 - left_out} conditions"
    page = open_page("methods", **VIEW | {"corpus": "table:/nowhere.tsv"})
    assert not page.exception
    assert any("This cannot be shown" in text.value for text in page.markdown)
