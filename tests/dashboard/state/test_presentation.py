"""The tour, presenter mode, and what can be saved: as a visitor meets them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from core.cli.main import main
from core.experiment.settings import Experiment
from core.pipeline.result import Result
from dashboard.state import navigation, presentation, session
from dashboard.text import report, tour
from tests.helpers.browsing import Visit, Visitor, share
from tests.helpers.command_line import EmbeddedRun
from tests.helpers.results import make_result

Link = dict[str, str]
PAGES = tour.pages()


def path(visitor: Visitor) -> str:
    return visitor.page.url.split("?")[0].removeprefix(visitor.address).strip("/")


def card(visitor: Visitor) -> Locator:
    return visitor.page.locator(".st-key-tour")


def test_the_tour_goes_from_page_to_page_and_keeps_the_setting(
    visit: Visit, server: str, small_link: Link, embedded: EmbeddedRun
) -> None:
    visitor = visit(server).opens(small_link | {"screen.tour": "1"}, "experts")
    for number, page in enumerate(PAGES, start=1):
        expect(card(visitor).get_by_text(f"{number} of {len(PAGES)}")).to_be_visible()
        expect(visitor.page).to_have_url(re.compile(rf"{visitor.address}/{page}\?.*screen\.tour={number}"))
        assert {name: visitor.query[name] for name in small_link} == small_link
        if number < len(PAGES):
            visitor.clicks("Next")
    visitor.sees_the_page()  # until then buttons of the last page leave the card, and those beside them move
    card(visitor).get_by_role("button", name="Back").click()
    expect(card(visitor).get_by_text(f"{len(PAGES) - 1} of {len(PAGES)}")).to_be_visible()
    visitor.clicks("End the tour")
    expect(card(visitor)).to_have_count(0)
    visitor.sees_the_link_leave_out("screen.tour")
    visitor.opens(small_link | {"screen.tour": "2"})
    visitor.sees_results()
    visitor.page.reload()  # what a tour says of the numbers needs them in memory
    post = share(embedded.result["summary"]["target_top1"]["post"])
    expect(card(visitor).get_by_text(re.compile(re.escape(post))).first).to_be_visible()


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_tours_card_stands_whole_in_the_window(
    visit: Visit, new_server: str, tiny_link: Link, size: tuple[int, int]
) -> None:
    width, height = size
    visitor = visit(new_server, viewport={"width": width, "height": height}).opens(tiny_link)
    visitor.sees_the_page()  # what a tour says of the numbers needs them in memory
    for number, page in enumerate(PAGES, start=1):
        visitor.opens(tiny_link | {"screen.tour": str(number)}, page)
        expect(card(visitor).get_by_text(f"{number} of {len(PAGES)}")).to_be_visible()
        visitor.sees_it_rest()
        # Back, on, the exact terms, and the end, which the last stop's way on is itself.
        expect(card(visitor).get_by_role("button")).to_have_count(4 if number < len(PAGES) else 3)
        box = card(visitor).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert 0.9 * height < box["y"] + box["height"] <= height, "not docked"
        assert box["height"] < 0.4 * height
        parts = (
            card(visitor)
            .locator("p, button")
            .evaluate_all(
                "parts => parts.map(part => part.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])"
            )
        )
        assert len(parts) > 5
        for left, top, right, bottom in parts:
            assert box["x"] <= left <= right <= box["x"] + box["width"]
            assert box["y"] <= top <= bottom <= box["y"] + box["height"]


def test_a_story_plays_the_tours_stops_over_and_over_until_it_is_touched(
    visit: Visit, new_server: str, tiny_link: Link
) -> None:
    visitor = visit(new_server).opens(tiny_link | {"screen.story": "20"})
    for page in (*PAGES, PAGES[0]):  # nobody presses anything
        expect(visitor.page).to_have_url(re.compile(rf"{visitor.address}/{page}\?.*screen\.story=20"))
    assert {name: visitor.query[name] for name in tiny_link} == tiny_link
    visitor.page.keyboard.press("Shift")  # while a stop counts, or between two
    button = card(visitor).get_by_role("button", name="Play on")
    expect(button).to_be_visible()
    stop = visitor.query["screen.tour"]
    expect(card(visitor).locator(".clock")).to_have_count(0)  # nothing counts any more
    button.click()
    expect(card(visitor).locator(".clock").first).to_be_attached()
    expect(visitor.page).not_to_have_url(re.compile(rf"screen\.tour={stop}(&|$)"))


@pytest.mark.parametrize(
    ("text", "speed"), [("1", 1), ("2.5", 2.5), ("0", 0), ("-1", 0), ("nan", 0), ("x", 0), ("", 0)]
)
def test_a_link_says_how_fast_a_story_plays(text: str, speed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = session.Visitor(screen={"screen.story".removeprefix(presentation.PREFIX): text})
    monkeypatch.setattr(session, "visitor", lambda: visitor)
    assert presentation.story() == speed
    played = tour.seconds(1)
    visitor.screen.clear()
    assert played * (speed or 1) == pytest.approx(tour.seconds(1))
    assert all(12 < tour.seconds(number) < 40 for number in range(1, len(PAGES) + 1))  # to be read aloud


def test_presenter_mode_has_large_type_and_no_sidebar(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server).opens(small_link)
    visitor.sees_results()
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    title = visitor.page.get_by_role("heading", level=1)
    before, figures = title.evaluate(size), visitor.figures()
    visitor.clicks("Presenter mode")
    expect(visitor.page.get_by_role("button", name="Leave presenter mode")).to_be_visible()
    expect(visitor.page.get_by_role("combobox", name="Model")).to_have_count(0)
    visitor.sees_results()
    assert title.evaluate(size) > 1.2 * before
    expect(visitor.page.locator(".st-key-presenter-bar")).to_contain_text(f"{int(small_link['experts']):,} experts")
    assert visitor.figures() == figures
    assert visitor.query == small_link | {"screen.present": "1"}
    assert visitor.fits()
    visitor.page.reload()
    expect(visitor.page.get_by_role("button", name="Leave presenter mode")).to_be_visible()
    visitor.clicks("Leave presenter mode")
    expect(visitor.page.get_by_role("combobox", name="Model")).to_be_visible()
    visitor.sees_the_link_leave_out("screen.present")  # the link follows when all controls are drawn
    assert visitor.query == small_link


def test_what_is_saved_opens_elsewhere(
    visit: Visit, server: str, small_link: Link, embedded: EmbeddedRun, tmp_path: Path
) -> None:
    visitor = visit(server).opens(small_link)
    visitor.sees_results()
    visitor.page.reload()
    visitor.sees_results()
    visitor.page.get_by_test_id("stSidebar").get_by_text("Save", exact=True).click()
    for button, name in (("The setting (JSON)", "setting.json"), ("A report (HTML)", "report.html")):
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("button", name=button).click()
        assert re.fullmatch(rf"ja-2000-set-mean-1-\w{{6}}\{Path(name).suffix}", download.value.suggested_filename)
        download.value.save_as(tmp_path / name)
    out = tmp_path / "again.json"
    saved = str(tmp_path / "setting.json")
    assert main(["run", "--experiment", saved, "--cache", str(embedded.cache), "--json", str(out)]) == 0
    again = json.loads(out.read_text(encoding="utf-8"))
    assert again["retrieval"] == embedded.result["retrieval"]
    assert again["computed"] == []
    visitor.page.set_content((tmp_path / "report.html").read_text(encoding="utf-8"))
    post = share(embedded.result["summary"]["target_top1"]["post"])
    expect(visitor.page.get_by_role("cell", name=post).first).to_be_visible()
    expect(visitor.page.locator("figure svg")).to_have_count(4)


def test_a_report_shows_texts_as_texts_and_every_setting() -> None:
    result = make_result(Experiment(model="<b>made</b>", corpus="made", experts=20, target="ja"))
    made = report.html(result)
    assert "<b>made</b>" not in made
    assert "&lt;b&gt;made&lt;/b&gt;" in made
    assert "http://" not in made.replace("http://www.w3.org", "")
    assert "<script" not in made
    found = re.search(r"<pre>(.*?)</pre>", made, re.DOTALL)
    assert found
    settings = json.loads(found[1].replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">"))
    assert Experiment.from_dict(settings["experiment"]) == result.plan.experiment
    for row in result.from_target.itertuples():
        assert f"{row.top1_post:.3f}" in made


@pytest.mark.parametrize("said", ["9", "zero", "-1"])
def test_a_stop_that_is_not_there_is_no_tour(visit: Visit, server: str, small_link: Link, said: str) -> None:
    visitor = visit(server).opens(small_link | {"screen.tour": said})
    visitor.sees_results()
    expect(card(visitor)).to_have_count(0)


def test_the_tour_says_of_layers_and_texts_what_is_so_here() -> None:
    def of(best: tuple[int, float], n: int = 2_000, **changes: Any) -> Result:
        result = make_result(Experiment(model="made", corpus="made", **{"experts": 20, **changes}), best_layer=best)
        return replace(result, pairs=result.pairs.assign(n=n))

    assert tour._layers(of((2, 0.25))).endswith("after: towards its end the model finds fewer again.")
    assert tour._layers(of((2, 0.02), n=5)).endswith("the model finds no fewer that so many sentences would show.")
    assert tour._layers(of((4, 0.25))).startswith("Here: the last layer, 4, is the unmodified model's best")
    assert "on **20** experts of Japanese" in tour._written(of((2, 0.25)))
    assert "on **20** random neurons" in tour._written(of((2, 0.25), control="random"))
    assert "both sides write the same" in tour._written(of((2, 0.25), strength=0.0))
    encoder = of((2, 0.25))
    plan = replace(encoder.plan, outline=replace(encoder.plan.outline, generates=False))
    assert "writes no text" in tour._written(replace(encoder, plan=plan))


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (None, "Japanese"),
        (("fra", "Romance"), "Japanese, French and all Romance languages"),
        (("ALL",), "all languages"),
        (("japonic", "es"), "all Japonic languages and Spanish"),
        (("jpn", "es"), "Japanese and Spanish"),
        (("*xx*",), r"Japanese and \*xx\*"),  # no code: the page says so, and the tour writes it as text
    ],
)
def test_the_tour_names_the_target_and_what_is_held_together_with_it(
    targets: tuple[str, ...] | None, said: str
) -> None:
    several = Experiment(target="ja", targets=targets)
    held = "their own languages' averages" if targets else "their Japanese average"
    assert tour.words(several)["deed"] == f"held at {held}"
    assert tour.words(replace(several, method="additive"))["deed"] == (
        f"shifted by what sets {said} apart" if not targets else f"shifted by what sets {held} apart"
    )
    assert tour.words(replace(several, method="linear-act"))["deed"] == f"mapped from other languages onto {said}"
    assert tour.words(replace(several, control="random"))["deed"] == f"treated as the experts of {said} would be"
    joint = tour.words(replace(several, held_at="joint", strength=0.5))["deed"]
    assert joint == f"pulled to their {said} average with strength 0.5"


def test_the_tour_says_whose_experts_they_are() -> None:
    def of(targets: tuple[str, ...] = (), **changes: Any) -> Result:
        made = make_result(Experiment(model="made", corpus="made", **{"experts": 20, **changes}))
        return replace(made, plan=replace(made.plan, targets=targets))

    assert "**20** of 200 neurons, which tell Japanese from the other languages" in tour._experts(of())
    several = of(("ja", "es"))
    assert "neurons, each an expert of one of Japanese and Spanish, with a mean AUROC for its" in tour._experts(several)
    assert "on **20** experts of Japanese and Spanish" in tour._written(several)
    everything = of(select="all", experts=200)
    assert "however well they tell Japanese: their mean AUROC for it is **0.900**." in tour._experts(everything)
    assert "which tell" not in tour._experts(everything)
    assert "on **200** neurons" in tour._written(everything)


def test_the_stop_at_one_sentence_opens_the_languages_that_its_numbers_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = session.Visitor(experiment=Experiment())
    visitor.views["sentences"] = {"query": "es", "candidate": "ja", "metric": "csls"}
    opened: list[str] = []
    monkeypatch.setattr(session, "visitor", lambda: visitor)
    monkeypatch.setattr(navigation, "switch", opened.append)
    monkeypatch.setattr(session, "write_link", lambda *_: None)
    tour._go(1 + PAGES.index("sentences"))
    assert opened == ["sentences"]
    assert {name: value for name, value in visitor.views["sentences"].items() if value} == {"metric": "csls"}
