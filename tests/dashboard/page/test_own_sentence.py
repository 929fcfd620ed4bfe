"""A sentence that is typed on the page Sentences is read and found; what it holds is shown as text."""

from __future__ import annotations

from core.analyses.own_sentence import NearSentence
from core.language import identification
from dashboard.page import own_sentence
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of, page_of
from tests.helpers.results import make_result


def bodies(page: object) -> list[str]:
    return [html.proto.body for html in page.get("html")]  # type: ignore[attr-defined]


def test_a_typed_sentence_is_found_before_and_after(open_page: OpenPage) -> None:
    result = process.engine().run(experiment_of(open_page("sentences")))
    text = result.plan.groups[0].texts["es"][1]
    page = open_page("sentences", **{"view.own": text, "view.own-in": "es"})
    until(lambda: any("ln-tokens" in body for body in bodies(page.run())), "it is read")
    assert not page.exception
    lists = [body for body in bodies(page) if "ln-near" in body][:2]
    assert len(lists) == 2
    for body in lists:
        assert text in body.split("</li>")[0]
        assert "1.000" in body.split("</li>")[0]


def test_the_language_of_a_typed_sentence_is_identified_unless_it_is_chosen(open_page: OpenPage) -> None:
    process.engine().run(experiment_of(open_page("sentences")))
    for text, name in (
        ("The weather is very nice in the garden today.", "English"),
        ("今日はとても天気がいいです。", "Japanese"),
    ):
        page = open_page("sentences", **{"view.own": text})
        until(lambda page=page: any("ln-tokens" in body for body in bodies(page.run())), "it is read")
        assert f"Taken for {name}." in " ".join(bodies(page) + [shown.value for shown in page.caption])


def _field() -> None:
    from dashboard.page import own_sentence
    from dashboard.state import session
    from tests.helpers.results import make_result

    session.visitor().sees("sentences")
    own_sentence.draw(make_result(languages=("ja", "nah")))


def test_a_language_that_the_classifier_does_not_know_is_not_guessed_unasked() -> None:
    assert identification.unknown(("ja", "nah")) == ("nah",)
    page = page_of(_field).run()
    assert not page.exception
    assert page.selectbox[0].value == "ja"
    assert own_sentence.identified("Tlein ticchiua?", ("nah",)) is None
    assert own_sentence.identified("今日はとても天気がいいです。", ("nah", "ja")) == "ja"
    assert own_sentence.identified("1 + 1", ("en", "ja")) is None


def test_a_listed_sentence_says_its_language() -> None:
    listed = own_sentence.near_html(make_result(), [NearSentence(0, "ja", 3, 0.5)])
    assert "ja evaluation 3" in listed
    assert "Japanese: en evaluation 3" in listed
