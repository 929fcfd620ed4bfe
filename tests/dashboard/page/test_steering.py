"""Steering on the Generate page: a panel a condition, figures that are the core's, what is known shown at once."""

from __future__ import annotations

import numpy as np
import pytest

from core.analyses import steering
from core.analyses.steering import Answers, SteeringSettings
from core.corpora.prompts.read import Prompt
from core.experiment.settings import Experiment
from dashboard.charts import generate as charts
from dashboard.page import steering as page_part
from dashboard.work import process
from dashboard.work.steering_questions import SteeringQuestion
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two languages of prompts: the panels are the same for eight."""
    everything = steering.default_prompts

    def two(*_: object, first: int | None = 2) -> tuple[object, ...]:
        return everything(["en", "ja"], first)

    monkeypatch.setattr(steering, "default_prompts", two)


def test_panels_are_asked_for_and_then_shown_at_once(open_page: OpenPage) -> None:
    view = {"view.steer-methods": "zero", "view.steer-prompts": "1", "view.live": "off"}
    page = open_page("generate", **view)
    assert not page.exception
    page.button(key="start-steering").click().run()
    until(lambda: not any(job.active for job in process.jobs().all()), "the answers are written")
    page.run()
    assert not page.exception
    asked = SteeringQuestion(experiment_of(page), ("zero",), SteeringSettings(steering.default_prompts(first=1), 40))
    found = asked.known(process.engine())
    assert found is not None
    titles = [f"**{side.condition.title}**" for side in found]
    assert len(titles) == 4  # unmodified, asked in words, the method, random neurons
    assert [text.value for text in page.markdown if text.value in titles] == titles
    again = open_page("generate", **view)
    assert "start-steering" not in {button.key for button in again.button}
    answers = next(table.value for table in again.dataframe if "answer" in table.value)
    assert list(answers["answer"]) == [text for side in found for text in side.texts]
    assert asked.estimate(process.engine()) < 60
    for figure in ("lines", "perplexity"):
        rows = page_part.panel_frame(found, figure)
        table = steering.table(found)
        assert rows["value"].fillna(-1).tolist() == table[figure].fillna(-1).tolist()
        assert rows["n"].tolist() == table[f"{figure}_n"].tolist()
    charts.steering_panel(rows[rows["condition"] == "zero"], "perplexity", 3.0).to_dict()


def test_one_answer_that_counts_has_a_figure_without_an_interval() -> None:
    prompts = tuple(Prompt(f"{number}", code, "?") for number, code in enumerate(("ja", "en")))
    texts = ("犬は川のそばの小さな家で眠る。", "犬は川のそばの小さな家で眠る。")
    (condition, *_) = steering.conditions(Experiment(target="ja"), ())
    answers = Answers(condition, "ja", prompts, texts, np.array([2.0, 3.0]), np.array([4, 5]))
    said = {}
    for figure in ("lines", "line_pass"):
        rows = page_part.panel_frame([answers], figure)
        said[figure] = page_part._said(rows[rows["prompts"] == steering.OTHERS].iloc[0], figure)
    assert said == {"lines": "100%, n = 1", "line_pass": "100% (21% to 100%), n = 1"}
