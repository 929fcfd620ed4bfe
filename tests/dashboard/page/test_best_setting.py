"""The search on the What-if page: it runs through the queue, says what it tried, and its best setting opens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.analyses import search
from core.analyses.search import Choices, Found, Limits, Tried
from core.stats.intervals import Interval
from dashboard.page import best_setting
from dashboard.state import navigation
from dashboard.text import summary
from dashboard.work import process
from dashboard.work.search_questions import SearchQuestion
from tests.helpers.bench import X, until
from tests.helpers.pages import OpenPage, experiment_of

VIEW = {"view.counts": "10", "view.strengths": "1", "view.search-minutes": "1", "view.search-methods": "zero,set-mean"}


def test_a_search_is_computed_kept_and_its_best_setting_opens(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(navigation, "switch", lambda _: None)  # which only a browser can make
    page = open_page("what-if", **VIEW)
    assert not page.exception
    page.button(key="start-search").click().run()
    until(lambda: not any(job.active for job in process.jobs().all()), "the search ends")
    page.run()
    assert not page.exception
    (asked,) = (job.request for job in process.jobs().all() if isinstance(job.request, SearchQuestion))
    assert set(asked.choices.methods) == {"zero", "set-mean"}
    found = asked.known(process.engine())
    assert found is not None
    assert found.best is not None
    assert found.after is not None
    said = " ".join(text.value for text in page.markdown)
    assert f"Tried {len({one.experiment for one in found.tried})} of {found.offered} settings" in said
    assert f"{summary.percent(found.after.value)} (" in said
    assert "evaluation rows that the search never saw" in said
    result = process.engine().run(found.best)
    assert abs(result.target_top1.post - found.after.value) < 1e-9
    page.button(key="open-found").click().run()
    assert experiment_of(page) == found.best


def test_a_search_without_a_setting_that_fits_says_so() -> None:
    one = Tried(X, 0, 4, Interval(0.5, 0.4, 0.6, 4), 3.0, False)
    found = Found(None, (one,), ((replace(X, experts=7), "too many"),), 2)
    assert "No setting keeps to the limit" in best_setting.said(found, Limits(1.0))
    assert not best_setting.tried_frame(found.tried)["fits"].any()
    assert best_setting.named(X) == "Set to mean, 10 neurons at strength 1 by AUROC"
    each = replace(X, experts=1, select="layer", targets=("es",), strength=0.5, expert_layers="1-2")
    named = "Set to mean, 1 neuron of each layer and language at strength 0.5 by AUROC, blocks 1-2"
    assert best_setting.named(each) == named
    assert best_setting.named(replace(X, select="all")) == "Set to mean, strength 1 by AUROC"
    impossible = best_setting.said(Found(None, (), found.refused, 1), Limits(1.0))
    assert impossible == "Tried 0 of 1 setting in 0 rounds. **None of them is possible.**"
    assert search.SCOPES["all"] in best_setting.said(Found(X, (one,), (), 2, one.top1, one.top1), Limits(1.0, "all"))
    assert Choices().experiments(X)
