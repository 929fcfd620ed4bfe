"""A button acts though its words have changed since they were read: an estimate in them is another at every look."""

from __future__ import annotations

from itertools import count

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from dashboard.page import waiting
from dashboard.work import process
from dashboard.work.questions import ControlQuestion, PathQuestion, RanksQuestion
from tests.helpers.bench import until, worker_held
from tests.helpers.pages import OpenPage

OFFERS = {
    "Compute the strengths between": ("", {"view.maps": "in motion"}, PathQuestion),
    "Add the random control": ("is-it-real", {}, ControlQuestion),
    "Compute the random control": ("retrieval", {}, RanksQuestion),
}


def offer(page: AppTest, words: str) -> Button | None:
    return next((button for button in page.button if button.label.startswith(words)), None)


@pytest.mark.parametrize("words", OFFERS)
def test_a_press_counts_though_the_estimate_has_changed(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    path, view, kind = OFFERS[words]
    seconds = count(20)
    monkeypatch.setattr(waiting, "expected", lambda _: float(next(seconds)))
    page = open_page(path, seed="3", **view)
    until(lambda: offer(page.run(), words), "it is offered")
    before = [job.request for job in process.jobs().all()]
    button = offer(page, words)
    assert button is not None
    with worker_held(process.jobs()):
        button.click().run()
        assert not page.exception
        asked = [job.request for job in process.jobs().all() if job.active and job.request not in before]
    assert kind in map(type, asked)
