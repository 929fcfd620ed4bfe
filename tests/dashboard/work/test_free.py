"""Once what is free has been measured, it stands first on the first page, in the tour and in the report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core import access
from core.analyses.rival_verdict import intervention_of, verdict
from core.experiment.settings import Experiment
from core.pipeline.run import Run
from core.spaces import retrieval
from dashboard.page import free_verdict
from dashboard.text import frames, report, summary, tour
from dashboard.work import free, process
from dashboard.work.questions import ControlQuestion, RivalsQuestion
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of


def test_the_first_page_says_it_first_once_it_is_known(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page("", experts="17")  # a setting that no other test asks for
    until(lambda: not any(job.active for job in process.jobs().all()), "the result is there")
    page.run()
    assert not page.exception
    result = process.jobs().result(experiment_of(page))
    assert free.known(result) is None
    looked: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(process.jobs(), "result", looked.append)
        assert [free.known(result) for _ in range(9)] == [None] * 9
    assert len(looked) <= 1, "the store is not asked at every drawing (once more where a minute has just ended)"
    assert summary.summary(result) in [text.value for text in page.markdown]
    assert "The page Is it real? measures" in " ".join(str(html.proto.body) for html in page.get("html"))
    assert "means, whitening" not in report.html(result)

    monkeypatch.setattr(free_verdict, "_LOOKS", 0.0)
    monkeypatch.setenv(access.UNASKED, "1")
    page.run()  # for long enough by now: it is measured unasked
    until(lambda: not any(job.active for job in process.jobs().all()), "what is free is measured")
    assert process.jobs().find(RivalsQuestion(experiment_of(page))).background
    page.run()
    assert not page.exception
    result = process.jobs().result(experiment_of(page))
    spaces = free.known(result)
    assert spaces is not None
    assert free.known(result) is spaces  # looked up once
    said = summary.summary(result, spaces)
    assert said.startswith(verdict(spaces))
    assert said in [text.value for text in page.markdown]
    assert tour._real(result) == f"Here: {verdict(spaces)}"
    written = report.html(result)
    assert "<h2>Is it more than what is free?</h2>" in written
    assert verdict(spaces).split("**")[1] in written
    assert "those under the intervention on probe rows under it" in written

    assert free.control(result) is None
    assert "drawn at random" not in said + written
    at_random = replace(result.plan.experiment, control="random")
    process.engine().answer(at_random, ControlQuestion.question)
    page.run()
    assert not page.exception
    result = process.jobs().result(experiment_of(page))
    control = free.control(result)
    assert control is not None
    pre, post = (_top1(at_random, side) for side in (0, 1))
    change = 100 * (post - pre)
    said = summary.summary(result, spaces, control)
    assert f"drawn at random** give {summary.percent(post)}, {change + 0.0:+.1f} points from before [" in said
    assert said in [text.value for text in page.markdown]
    written = report.html(result)
    assert "<strong>drawn at random</strong>" in written
    assert "random neurons</td>" in written
    table = frames.rival_frame(spaces, control).set_index("space")
    assert float(table.loc["random neurons", "top-1"]) == pytest.approx(post, abs=6e-4)
    assert len(table) == len(frames.rival_frame(spaces)) + 1
    assert intervention_of(spaces).measured is not intervention_of(control).measured


def _top1(experiment: Experiment, side: int) -> float:
    """Mean top-1 from the target before (0) or after (1), from the embeddings alone."""

    def of(run: Run) -> float:
        space = run.stages.embeddings(0, run.spaces()[1] if side else None, run.plan.layer)
        target = run.plan.groups[0].languages.index(run.plan.target)
        return float(np.delete(retrieval.correct(space)[target], target, axis=0).mean())

    return process.engine().answer(experiment, of)


def test_a_control_has_no_control(open_page: OpenPage) -> None:
    page = open_page("", experts="17", control="random")
    until(lambda: not any(job.active for job in process.jobs().all()), "the result is there")
    result = process.jobs().result(experiment_of(page))
    assert free.control(result) is None
