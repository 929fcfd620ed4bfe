"""What the page Generate says of the number of neurons that is best for text, and the button that changes only that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.experiment.settings import Experiment
from core.reproduction import text_choice as evidence
from dashboard.page import text_choice
from dashboard.state import navigation
from tests.helpers.pages import page_of
from tests.helpers.results import make_plan
from tests.helpers.text_choice import JA, report


def _page(experts: int, target: str) -> None:
    from dataclasses import replace

    from dashboard.page import text_choice
    from dashboard.state import session
    from tests.helpers.results import make_plan
    from tests.helpers.text_choice import JA

    session.visitor().sees("generate")
    text_choice.draw(make_plan(replace(JA, experts=experts, target=target)))


@pytest.mark.parametrize(
    ("experts", "target", "said", "button"),
    [
        (2000, "ja", "For text, 500 neurons are enough: Japanese with probability 0.70 [0.55, 0.80]", True),
        (500, "ja", "For text, 500 neurons are enough", False),
        (2000, "es", "python -m core reproduce --model made --targets es --out DIR does", False),
    ],
)
def test_the_preferred_number_is_offered_where_it_is_known(
    experts: int, target: str, said: str, button: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, Experiment]] = []
    monkeypatch.setattr(text_choice, "_read", lambda *_: report(corpus="flores", probe_sentences=300, text_tokens=32))
    monkeypatch.setattr(navigation, "go", lambda path, experiment: opened.append((path, experiment)))
    page = page_of(_page, experts, target).run()
    assert not page.exception
    assert said in " ".join(str(html.proto.body) for html in page.get("html"))
    assert bool(page.button) == button
    if button:
        page.button(key="text-k").click().run()
        assert opened == [("generate", replace(JA, experts=500))]


def test_the_words_have_the_costs_and_the_conditions() -> None:
    found = evidence.read(report(corpus="flores", probe_sentences=300, text_tokens=32), make_plan(JA))
    assert found is not None
    said = text_choice.words(found, "ja", 100)
    assert "perplexity 90 (unmodified: 60)" in said
    assert "reaches into the interval of the most that was found, 0.80 [0.70, 0.90] at 2,000." in said
    assert "This setting's 100: 0.30 [0.20, 0.40]." in said
    assert "n = 32 texts of 32 tokens from nothing" in said
    assert "300 probe sentences of flores, strength 1" in said


def test_where_no_number_helps_none_is_offered() -> None:
    found = evidence.read(report(dict.fromkeys((0, 100), (0.02, 0.0, 0.1))), make_plan(JA))
    assert found is not None
    assert "No number of neurons that was tried writes Japanese more often" in text_choice.words(found, "ja", 100)


def test_another_kind_of_setting_is_sent_to_what_if() -> None:
    assert "What if measures the perplexity" in text_choice.unknown_words(replace(JA, method="zero"))
