"""Once what is free has been measured, it stands first on the first page, in the tour and in the report."""

from __future__ import annotations

from core.analyses.rival_verdict import verdict
from dashboard.text import report, summary, tour
from dashboard.work import free, process
from dashboard.work.questions import RivalsAsked
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of


def test_the_first_page_says_it_first_once_it_is_known(open_page: OpenPage) -> None:
    page = open_page("", experts="17")  # a setting that no other test asks for
    until(lambda: not any(job.active for job in process.jobs().all()), "the result is there")
    page.run()
    assert not page.exception
    result = process.jobs().result(experiment_of(page))
    assert free.known(result) is None
    assert summary.summary(result) in [text.value for text in page.markdown]
    assert "The page Is it real? measures" in " ".join(str(html.proto.body) for html in page.get("html"))
    assert "means, whitening" not in report.html(result)

    process.engine().answer(result.plan.experiment, RivalsAsked.question)
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
