"""The dashboard in a real browser on a real server: what a visitor sees, does, and never sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.charts.palette import POST, PRE
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.state import link
from tests.helpers.browsing import Visit, figures_of, told
from tests.helpers.command_line import EmbeddedRun
from tests.helpers.tiny import LANGUAGES, sentences, write_table

Link = dict[str, str]


# -- the small real experiment ---------------------------------------------------------------------------------------


def test_a_link_opens_the_command_lines_numbers(
    visit: Visit, server: str, small_link: Link, embedded: EmbeddedRun
) -> None:
    visitor = visit(server).opens(small_link)
    visitor.sees_results()
    assert visitor.figures() == figures_of(embedded.result)
    assert visitor.query == small_link
    expect(visitor.page).to_have_title("Language neurons")


def test_a_control_moved_brings_new_numbers_and_never_the_old_ones(
    visit: Visit, server: str, small_link: Link, embedded: EmbeddedRun, twin: Path
) -> None:
    visitor = visit(server).opens(small_link)
    visitor.sees_results(strength="1")
    visitor.slides("Strength", "ArrowLeft")
    visitor.sees_results(strength="0.95")
    assert visitor.progress(), "numbers came without a sign of the work on them"
    asked = small_link | {"strength": "0.95"}
    assert visitor.query == asked
    expected = figures_of(told(asked, twin))
    assert visitor.figures() == expected
    assert expected != figures_of(embedded.result)
    visitor.sees("with strength 0.95")
    states = visitor.states()
    assert len(states) == 2
    for figures in states.values():
        assert len(figures) == 1, "two settings' numbers beside one link"


def test_stop_stops(visit: Visit, server: str, small_link: Link) -> None:
    larger = {name: value for name, value in small_link.items() if name not in ("languages", "eval_sentences")}
    visitor = visit(server).opens(larger)
    visitor.clicks("Stop")
    visitor.sees("Stopped")
    expect(visitor.page.get_by_role("button", name="Compute it")).to_be_visible()
    expect(visitor.page.get_by_test_id("stProgress")).to_have_count(0)
    # The worker is free again: another visitor's request is computed, and does not stand behind minutes of work.
    other = visit(server).opens(small_link | {"strength": "0"})
    other.sees_results()
    other.sees("strength 0")
    visitor.page.reload()
    visitor.sees("Computing")  # a new visit, which has not stopped anything
    visitor.clicks("Stop")
    visitor.sees("Stopped")


def test_a_reload_in_the_middle_of_a_job_finds_it_again(
    visit: Visit, server: str, small_link: Link, twin: Path
) -> None:
    asked = small_link | {"strength": "0.9"}
    visitor = visit(server).opens(asked)
    expect(visitor.page.get_by_role("button", name="Stop")).to_be_visible()
    visitor.page.reload()
    visitor.sees_results(strength="0.9")
    assert visitor.query == asked
    assert visitor.figures() == figures_of(told(asked, twin))


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_nothing_has_to_be_scrolled_sideways(
    visit: Visit, server: str, small_link: Link, size: tuple[int, int]
) -> None:
    visitor = visit(server, viewport={"width": size[0], "height": size[1]}).opens(small_link)
    visitor.sees_results()
    assert visitor.fits()
    in_the_way = """() => {
      const title = document.querySelector('h1'), box = title.getBoundingClientRect();
      return !title.contains(document.elementFromPoint(box.left + 20, box.top + box.height / 2));
    }"""
    assert not visitor.page.evaluate(in_the_way), "something covers the title"
    visitor.opens(small_link | {"corpus": "table:/" + "a-very-long-name" * 12 + ".csv"})
    visitor.sees_refusal("there is no file")
    assert visitor.fits()


def test_the_dark_scheme(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server, color_scheme="dark").opens(small_link)
    visitor.sees_results()
    brightness = """(element, of) => {
      const parts = getComputedStyle(element)[of].match(/[0-9.]+/g).slice(0, 3).map(Number);
      return (parts[0] + parts[1] + parts[2]) / 3;
    }"""
    assert visitor.page.get_by_test_id("stApp").evaluate(brightness, "backgroundColor") < 60
    assert visitor.page.get_by_test_id("stApp").evaluate(brightness, "color") > 180
    for number in (0, 1):
        labels = visitor.chart(number).locator("svg .role-axis-label text")
        assert labels.first.evaluate(brightness, "fill") > 150
    # Small type in a chart has the colour of the page's text, also where the scheme changes under a page that is open.
    visitor.opens(small_link, "experts")
    visitor.sees_the_page()
    of_page = """dark => {
      const app = document.querySelector('[data-testid="stApp"]'), page = getComputedStyle(app).color;
      const matrix = document.querySelectorAll('[data-testid="stVegaLiteChart"]')[2];
      const small = [...(matrix || app).querySelectorAll('svg .mark-text text')];
      const light = page.match(/[0-9.]+/g).slice(0, 3).every(part => part > 128);
      return light === dark && small.some(text => getComputedStyle(text).fill === page);
    }"""
    visitor.page.wait_for_function(of_page, arg=True)
    visitor.page.emulate_media(color_scheme="light")
    visitor.page.wait_for_function(of_page, arg=False)


def test_the_maps_show_every_sentence(visit: Visit, server: str, small_link: Link, embedded: EmbeddedRun) -> None:
    visitor = visit(server).opens(small_link)
    visitor.sees_results()
    used = embedded.result["experiment"]
    sentences = used["eval_sentences"] * len(used["languages"])
    expect(visitor.page.locator(".map")).to_have_attribute("data-chosen", str(sentences))
    expect(visitor.page.locator(".map .legend button")).to_have_count(len(used["languages"]))


def test_the_bars_can_be_seen_and_read(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server).opens(small_link)
    visitor.sees_results()
    bars = visitor.chart(0).locator(", ".join(f"svg .mark-rect path[fill='{colour}']" for colour in (PRE, POST)))
    expect(bars).to_have_count(6)
    assert all(bar.bounding_box()["height"] >= 6 for bar in bars.all())
    labels = [box.bounding_box() for box in visitor.chart(0).locator("svg .role-axis-label text").all()]
    for one in labels:
        for other in labels:
            apart = one is other or (
                abs(one["y"] - other["y"]) >= min(one["height"], other["height"]) * 0.8
                or abs(one["x"] - other["x"]) >= min(one["width"], other["width"])
            )
            assert apart, "two labels stand on each other"


# -- a tiny model and a table ----------------------------------------------------------------------------------------


def test_a_first_visit_to_an_empty_cache_shows_progress_and_ends_with_charts(
    visit: Visit, new_server: str, tiny_link: Link
) -> None:
    visitor = visit(new_server).opens(tiny_link | {"seed": "77"})
    visitor.sees_results(seed="77")
    assert visitor.progress(), "numbers came without a sign of the work on them"
    assert len(visitor.figures()) == 4


def test_reload_back_and_a_pasted_link(visit: Visit, new_server: str, tiny_link: Link) -> None:
    visitor = visit(new_server).opens(tiny_link)
    visitor.sees_results(experts="20")
    first = visitor.figures()
    visitor.slides("Expert neurons", "ArrowRight")
    visitor.sees_results(experts="50")
    second = visitor.figures()
    assert second != first
    visitor.page.reload()
    visitor.sees_results(experts="50")
    assert visitor.figures() == second
    visitor.page.go_back()
    visitor.sees_results("With the 20 neurons", experts="20")
    assert visitor.figures() == first
    slider = visitor.page.get_by_test_id("stSlider").filter(has_text="Expert neurons")
    expect(slider).to_have_count(1)
    expect(slider).to_contain_text("20")
    visitor.page.go_forward()
    visitor.sees_results("With the 50 neurons", experts="50")
    assert visitor.figures() == second

    # Streamlit empties the query where the menu is used: back from there, nothing is lost.
    with visitor.sees_the_link_change():  # to go back before the other page is there would go back further
        visitor.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Retrieval", exact=True).click()
    visitor.sees_the_page(experts="50")
    visitor.page.go_back()
    visitor.sees_results("With the 50 neurons", experts="50")
    assert visitor.figures() == second

    pasted = visit(new_server).opens(tiny_link | {"target": "jpn_Jpan"})
    pasted.sees_results(target="ja")
    assert pasted.figures() == first
    expect(pasted.page.get_by_role("alert")).to_have_count(0)


def test_two_visitors_at_once_get_their_own_numbers(
    visit: Visit, new_server: str, tiny_link: Link, tmp_path: Path
) -> None:
    asked = [
        tiny_link | {"experts": "60", "strength": "1.5"},
        tiny_link | {"experts": "30", "target": "ru", "strength": "0.7"},
    ]
    visitors = [visit(new_server).opens(query) for query in asked]
    for visitor, query in zip(visitors, asked, strict=True):
        visitor.sees_results(experts=query["experts"])
    for visitor, query, name in zip(visitors, asked, ("Japanese", "Russian"), strict=True):
        alone = Engine(Store(tmp_path / "cache")).run(link.from_query(query)[0])
        assert visitor.figures() == figures_of(alone.to_json(), name)
        assert len(visitor.states()) == 1
    assert visitors[0].figures() != visitors[1].figures()


def test_a_bad_table_is_explained_and_another_choice_recovers(
    visit: Visit, new_server: str, tiny_link: Link, tmp_path: Path
) -> None:
    table = tmp_path / "ragged.csv"
    table.write_text("en,ja\none,一\ntwo\nthree,三\nfour,四\n", encoding="utf-8")
    visitor = visit(new_server).opens(tiny_link | {"corpus": f"table:{table}"})
    visitor.sees_refusal("line 3", "ragged.csv", "Correct that line")
    visitor.chooses("Sentences", tiny_link["corpus"])
    visitor.sees_results(corpus=tiny_link["corpus"])
    assert len(visitor.figures()) == 4


def test_a_missing_model_is_explained_and_another_choice_recovers(
    visit: Visit, new_server: str, tiny_link: Link, tmp_path: Path
) -> None:
    visitor = visit(new_server).opens(tiny_link | {"model": str(tmp_path / "none")})
    visitor.sees_refusal(str(tmp_path / "none"))
    visitor.chooses("Model", tiny_link["model"])
    visitor.sees_results(model=tiny_link["model"])
    assert len(visitor.figures()) == 4


def test_bad_values_in_a_link_are_named_as_text(visit: Visit, new_server: str, tiny_link: Link) -> None:
    written = r"<img src=x onerror=hacked=1> **b** [a](http://e.org) \[a](http://e.org) $x$ :red[y] `c` http://e.org"
    visitor = visit(new_server).opens(tiny_link | {"control": written, "nonsense": "1"})
    visitor.sees_results()
    alerts = visitor.page.get_by_role("alert")
    expect(alerts).to_have_count(2)
    expect(alerts.first).to_contain_text(f"control={written}, which is not none or random")
    expect(alerts.nth(1)).to_contain_text("nonsense=1")
    expect(alerts.locator("*")).to_have_count(0)
    assert visitor.page.evaluate("window.hacked") is None


def test_markup_in_sentences_and_paths_is_text(visit: Visit, new_server: str, tiny_link: Link, tmp_path: Path) -> None:
    attack = "<img src=x onerror=window.hacked=1>"
    table = tmp_path / f"{attack}.tsv"
    rows = [[f"{attack} {sentences(code, 1, row)[0]}" for code in LANGUAGES] for row in range(12)]
    table.write_text("\n".join("\t".join(row) for row in [[*LANGUAGES], *rows]), encoding="utf-8")
    visitor = visit(new_server).opens(tiny_link | {"corpus": f"table:{table}"})
    visitor.sees_results()
    visitor.sees(f"evaluation rows of table:{table}")
    visitor.page.locator(".map canvas").focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(visitor.page.locator(".map .tip")).to_contain_text(attack)
    visitor.sees("Its neighbours")
    expect(visitor.page.locator("img[src=x]")).to_have_count(0)

    visitor.opens(tiny_link | {"corpus": f"table:{tmp_path}/none{attack}.tsv"})
    visitor.sees_refusal(f"none{attack}.tsv")
    expect(visitor.page.locator("img[src=x]")).to_have_count(0)
    assert visitor.page.evaluate("window.hacked") is None


def test_the_table_of_one_visit_is_not_that_of_another(
    visit: Visit, new_server: str, tiny_link: Link, tmp_path: Path
) -> None:
    """A table edited between two visits brings new numbers, under the same link."""
    table = tmp_path / "sentences.tsv"
    link = tiny_link | {"corpus": write_table(table, 8, 6)}
    visitor = visit(new_server).opens(link)
    visitor.sees_results()
    visitor.sees("6 evaluation rows")
    write_table(table, 8, 9)
    visitor.page.reload()
    visitor.sees("9 evaluation rows")
    visitor.sees_results()
