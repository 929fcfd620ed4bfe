"""The page of written text, on the tiny model."""

from pathlib import Path

import pytest

from core.inference.writing import Writing
from core.language import identification
from core.progress import Progress
from dashboard.charts.generate import language_bars
from dashboard.page.generate import both_frame, language_frame, likeliest, markup
from dashboard.work import process
from dashboard.work.text_questions import PerplexityQuestion, Texts, TextsQuestion
from tests.helpers.bench import HeldQuestion, until, worker_held
from tests.helpers.pages import OpenPage, experiment_of


@pytest.fixture(scope="module")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty cache: no text is written before a test asks for it."""
    return tmp_path_factory.mktemp("generate") / "cache"


def _press(page: object, key: str) -> None:
    page.button(key=key).click().run()  # type: ignore[attr-defined]


def _settled() -> None:
    until(lambda: not any(job.active for job in process.jobs().all()), "the queue is empty")


def _texts(page: object) -> list[str]:
    return [e.proto.body for e in page.main.get("html") if 'data-testid="written"' in e.proto.body]  # type: ignore[attr-defined]


def _metrics(page: object) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}  # type: ignore[attr-defined]


def test_writes_when_asked_and_opens_at_once_the_next_time(open_page: OpenPage) -> None:
    view = {"view.tokens": "5", "view.samples": "2", "view.prompt": "The dog"}
    page = open_page("generate", **view)
    assert not page.exception
    assert "Probability of Japanese" not in _metrics(page)
    _press(page, "ask-TextsQuestion")
    _settled()
    again = open_page("generate", **view)
    assert not again.exception
    assert "Probability of Japanese" in _metrics(again)
    assert "".join(_texts(again)).count('data-testid="written"') == 4
    # Another strength: the side without the intervention is there, the other waits for the button.
    other = open_page("generate", **view | {"strength": "0.5"})
    assert "Probability of Japanese" not in _metrics(other)
    assert _texts(other)[0] == _texts(again)[0]
    assert other.button(key="ask-TextsQuestion")


@pytest.mark.parametrize("live", ["on", "off"])
def test_moving_a_control_writes_again_once_a_text_was_asked_for(open_page: OpenPage, live: str) -> None:
    page = open_page("generate", **{"view.tokens": "4", "view.seed": "5" if live == "on" else "6", "view.live": live})

    def strengths() -> set[float]:
        return {
            job.request.experiment.strength for job in process.jobs().all() if isinstance(job.request, TextsQuestion)
        }

    strength = next(slider for slider in page.sidebar.slider if slider.label == "Strength")
    strength.set_value(1.2).run()
    assert strengths() == set(), "nothing is written before somebody asks for it"
    _press(page, "ask-TextsQuestion")
    _settled()
    next(slider for slider in page.sidebar.slider if slider.label == "Strength").set_value(0.35).run()
    assert strengths() == ({1.2, 0.35} if live == "on" else {1.2})
    assert bool([button for button in page.button if button.key == "ask-TextsQuestion"]) == (live == "off")
    _settled()


def test_measures_perplexity(open_page: OpenPage) -> None:
    view = {"view.text": "El perro duerme.\nUn niño\u2028canta."}
    page = open_page("generate", **view)
    _press(page, "ask-PerplexityQuestion")
    _settled()
    opened = open_page("generate", **view)
    assert any("in 2 paragraphs" in said.proto.body for said in opened.get("html"))
    found = _metrics(opened)
    assert {"Perplexity before", "Perplexity after", "After / before"} <= set(found)
    same = open_page("generate", **view | {"strength": "0"})
    assert _metrics(same)["After / before"] == "1.00 ×"


def test_a_text_is_predicted_though_others_are_being_written_and_those_go_on_after(open_page: OpenPage) -> None:
    page = open_page("generate", **{"view.tokens": "6", "view.seed": "8", "view.text": "Una casa."})
    with worker_held(process.jobs()):
        _press(page, "ask-TextsQuestion")
        _press(page, "ask-PerplexityQuestion")
        page.run()
        waits = [
            type(job.request)
            for job in process.jobs().all()
            if job.active and not isinstance(job.request, HeldQuestion)
        ]
        assert waits == [PerplexityQuestion]
    _settled()
    page.run()
    assert "Perplexity after" in _metrics(page)
    _settled()
    assert "Probability of Japanese" in _metrics(page.run())


def test_publishes_the_text_so_far(open_page: OpenPage) -> None:
    page = open_page("generate", **{"view.tokens": "7", "view.seed": "3"})
    _press(page, "ask-TextsQuestion")
    _settled()
    job = next(job for job in process.jobs().all() if isinstance(job.request, TextsQuestion))
    assert job.progress is not None
    assert job.snapshot.fraction <= 1
    assert isinstance(job.progress.partial, Texts)
    texts = process.jobs().result(job.request)
    assert (job.progress.partial.pre, job.progress.partial.post) == (texts.pre, texts.post)
    assert all(texts.perplexities), "both sides are predicted by the unmodified model"


def test_what_a_link_says_wrongly_is_the_default(open_page: OpenPage) -> None:
    page = open_page("generate", **{"view.tokens": "-3", "view.top-p": "much", "view.temperature": "99"})
    assert not page.exception
    assert {one.label: one.value for one in page.number_input if one.label in ("Tokens", "Top-p", "Temperature")} == {
        "Tokens": 40,
        "Top-p": 0.9,
        "Temperature": 1.0,
    }


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_what_a_model_writes_is_text(text: str) -> None:
    assert "<script" not in markup(text, text)
    assert "<img" not in markup(text, text)
    assert 'dir="auto"' in markup("", text)


def test_languages_are_a_mean_over_texts() -> None:
    rows = language_frame(("El perro duerme en la casa grande.", ""), "ja", ("es", "en", "fr", "de", "ru", "ja"))
    assert rows["probability"].sum() <= 0.5 + 1e-6
    assert rows.iloc[0]["language"] == "es"
    assert "ja" in set(rows["language"])
    assert (rows["n"] == 2).all()


def test_every_language_of_both_sides_is_drawn_the_target_first() -> None:
    among = ("es", "en", "fr", "de", "ru", "ja")
    texts = Texts(("El perro duerme en la casa grande.",), ("The dog sleeps in the big house today.",))
    rows = both_frame(texts, "ja", among)
    assert len(rows) == 2 * len(among)
    for space, side in (("before", texts.pre), ("after", texts.post)):
        own = rows[rows["space"] == space].set_index("language")["probability"]
        assert own.sum() == pytest.approx(1)
        for code, share in identification.probabilities(side[0], among).items():
            assert own[code] == pytest.approx(share)
    few = likeliest(rows, "ja", 3)
    assert list(dict.fromkeys(few["language"])) == [
        "ja",
        *sorted(["es", "en"], key=lambda c: -max(rows[rows["language"] == c]["probability"])),
    ]
    spec = language_bars(few).to_dict()
    assert spec["encoding"]["y"]["sort"] == list(dict.fromkeys(few["name"]))
    assert spec["encoding"]["x"]["scale"]["domain"] == [0, 1]
    assert spec["encoding"]["yOffset"]["sort"] == ["before", "after"]


def test_a_language_that_the_classifier_does_not_know_has_no_bar() -> None:
    assert set(language_frame(("El perro duerme.",), "ja", ("es", "ja", "chr"))["language"]) == {"es", "ja"}


def test_progress_begins_at_the_beginning(open_page: OpenPage) -> None:
    page = open_page("generate")
    question = TextsQuestion(experiment_of(page), Writing(tokens=6, seed=11))
    seen: list[tuple[str, float]] = []
    question.run(process.engine(), Progress(lambda at: seen.append((at.stage, at.fraction))))
    first = next(fraction for stage, fraction in seen if stage == "writing without the intervention")
    assert first < 0.5, "half of it is still to come"
    last = [fraction for stage, fraction in seen if stage == "writing with the intervention"]
    assert last == sorted(last)
    assert last[0] < last[-1] <= 1
