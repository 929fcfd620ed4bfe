"""Holding one neuron on the Experts page: the figures are the core's, the view is in the link."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.analyses import held_neuron
from core.experiment.plan import plan
from dashboard.text import summary
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of


def shown(page: AppTest, mark: str) -> AppTest:
    """Run the page until it shows what it computes."""
    for _ in range(6):
        if mark in " ".join(str(element.proto.body) for element in page.get("html")):
            break
        until(lambda: not any(job.active for job in process.jobs().all()), "it is computed")
        page.run()
    assert not page.exception
    return page


def test_one_neuron_is_held_at_the_value_of_the_link(open_page: OpenPage) -> None:
    view = {"view.neuron": "9", "view.hold": "1", "view.held-at-9": "30.12345678", "view.held-text": "1"}
    page = shown(open_page("experts", **view), "held-text")
    experiment = experiment_of(page)
    asked = held_neuron.held(experiment, plan(experiment).outline.neurons, 9, 30.12345678)
    found = process.engine().answer_known(asked, held_neuron.effect)
    assert found is not None
    most = max(found.moved.values(), key=lambda moved: moved.value)
    rows = next(table.value for table in page.dataframe if "moved" in table.value)
    assert rows["moved"].iloc[0] == pytest.approx(most.value)
    assert rows["n"].iloc[0] == most.n
    assert page.metric[0].value == summary.percent(found.spaces.target_top1.post)
    value = next(box for box in page.main.number_input if "at this output" in box.label)
    assert value.value == 30.12345678
    assert page.query_params["view.held-at-9"] in ("30.12345678", ["30.12345678"])
    value.set_value(0.0)
    page = shown(page.run(), "held-text")
    assert page.query_params["view.held-at-9"] in ("0", ["0"])
