"""The map: what the browser is given, what it says back, and that it moves without asking the server."""

from __future__ import annotations

import json
import re
import struct
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, expect

from core.analyses.translation_ranks import Ranks
from core.charts import palette
from dashboard.charts import theme
from dashboard.sentence_map import MapView, points
from dashboard.sentence_map.component import given, packed, sent
from tests.helpers.browsing import Visit, Visitor
from tests.helpers.results import N_EVAL, make_result

Link = dict[str, str]
LANGUAGES = ("en", "es", "ja", "zh")


def ranked() -> pd.DataFrame:
    """The points of a made result, with ranks: every language's own rank array, the target is ja."""
    candidates = tuple((0, code) for code in LANGUAGES if code != "ja")

    def side(start: int) -> Ranks:
        to = [np.arange(start + n, start + n + N_EVAL, dtype=np.int32) for n in range(3)]
        own = [np.array([1, 1, 3, 4, 5], np.int32), np.array([1, 2, 2, 9, 9], np.int32), np.full(5, start, np.int32)]
        return Ranks(4, candidates, {("cosine", "to"): to, ("cosine", "from"): own})

    return points.frame(make_result(), [N_EVAL], (side(2), side(1)))


def places() -> dict[float, np.ndarray]:
    rng = np.random.default_rng(0)
    return {strength: rng.normal(size=(20, 2)) for strength in (0.0, 0.5, 1.0)}


def test_points_carry_the_rank_of_their_translation() -> None:
    table = ranked()
    assert table["language"].tolist() == [code for code in LANGUAGES for _ in range(N_EVAL)]
    assert table[table["language"] == "en"]["before"].tolist() == [2, 3, 4, 5, 6]
    assert table[table["language"] == "zh"]["after"].tolist() == [3, 4, 5, 6, 7]
    ours = table[table["language"] == "ja"]
    assert ours["before"].tolist() == [
        np.median([a, b, 2]) for a, b in zip([1, 1, 3, 4, 5], [1, 2, 2, 9, 9], strict=True)
    ]
    assert table.iloc[0]["now"] == "fixed"
    assert (table.groupby("key")["language"].nunique() == 4).all()


def test_without_ranks_there_is_no_outcome() -> None:
    table = points.frame(make_result(), [3], None)
    assert len(table) == 12
    assert table["now"].isna().all()
    assert [
        each["name"]
        for each in given(table, {0.0: np.zeros((12, 2)), 1.0: np.ones((12, 2))}, "pair", "ja")["colourings"]
    ] == [
        "language",
        "family",
        "script",
    ]


def unpacked(data: bytes) -> dict[str, Any]:
    """What the browser is sent, read by hand: two headers, arrays of numbers, texts."""
    headers: dict[str, Any] = {}
    for _ in range(2):
        (length,) = struct.unpack("<I", data[:4])
        headers |= json.loads(data[4 : 4 + length])
        data = data[4 + length :]

    def array(place: dict[str, Any]) -> np.ndarray:
        return np.frombuffer(data, f"<{place['kind']}", place["n"], place["at"])

    low, high = map(np.array, headers["bounds"])
    headers["frames"] = [low + array(f).reshape(-1, 2) / 65535 * (high - low) for f in headers["frames"]]
    for name in ("language", "row", "meaning"):
        headers[name] = array(headers[name]).tolist()
    headers["ranks"] = [array(side).tolist() for side in headers["ranks"]]
    for colouring in headers["colourings"]:
        colouring["of"] = array(colouring["of"]).tolist()
    headers["words"] = json.loads(zlib.decompress(array(headers["words_packed"]).tobytes()))
    return headers


def test_a_colouring_that_the_points_do_not_have_is_by_language() -> None:
    """As `map.js` has it: a link may colour by what became of retrieval before the ranks are known."""
    unranked = points.frame(make_result(), [N_EVAL], None)
    assert MapView(colour="outcome").coloured_by(unranked) == MapView(colour="#").coloured_by(ranked()) == "language"
    assert MapView(colour="outcome").coloured_by(ranked()) == "outcome"


def test_the_browser_gets_every_point_of_every_strength() -> None:
    table, where = ranked(), places()
    table["text"] = table["text"].astype(object)
    table.loc[2, "text"] = "half a pair: \ud800"  # which a table may hold, and no browser reads
    data = unpacked(sent(packed(table, where, "motion", "ja"), MapView(pinned=3)))
    assert data["strengths"] == [0.0, 0.5, 1.0]
    for strength, frame in zip(data["strengths"], data["frames"], strict=True):
        assert frame == pytest.approx(where[strength], abs=1e-4)
    assert [data["languages"][number]["code"] for number in data["language"]] == table["language"].tolist()
    texts, meanings = data["words"]
    assert texts == [*table["text"][:2], "half a pair: ?", *table["text"][3:]]
    assert [meanings[number] for number in data["meaning"]] == table["english"].tolist()
    assert len(set(meanings)) == len(meanings)
    assert data["row"] == table["key"].tolist()
    assert data["ranks"] == [table["before"].tolist(), table["after"].tolist()]
    assert data["initial"]["pinned"] == 3
    for colouring in data["colourings"]:
        assert len(colouring["of"]) == len(table)
        assert set(colouring["of"]) == set(range(len(colouring["groups"])))
    outcome = next(each for each in data["colourings"] if each["name"] == "outcome")
    assert [outcome["groups"][at]["name"] for at in outcome["of"]] == table["now"].tolist()


def test_one_strength_is_no_map() -> None:
    with pytest.raises(ValueError, match="two strengths"):
        given(ranked(), {0.0: places()[0.0]}, "pair", "ja")


@pytest.mark.parametrize(
    ("brush", "where"),
    [
        ((0, (-0.5, -0.5, 1.0, 1.0), None), 0.0),
        ((1, (1.0, 1.0, -0.5, -0.5), None), 1.0),
        ((0, (-0.5, -0.5, 1.0, 1.0), 0.5), 0.5),
        ((0, (-0.5, -0.5, 1.0, 1.0), 0.75), 0.75),
        ((0, (-0.5, -0.5, 1.0, 1.0), 1.4), 1.0),  # made at a strength that this setting does not reach
        ((0, (-0.5, -0.5, 1.0, 1.0), -0.7), 0.0),
    ],
)
def test_chosen_are_those_in_the_brush_that_hold_the_words(brush: Any, where: float) -> None:
    table, at = ranked(), places()
    plane = at.get(where, (at[0.5] + at[1.0]) / 2)
    inside = [-0.5 <= x <= 1.0 and -0.5 <= y <= 1.0 for x, y in plane]
    assert 0 < sum(inside) < 20
    assert MapView(brush=brush).chosen(table, at).tolist() == inside
    both = MapView(brush=brush, find="EVALUATION 2", shown=("ja", "en")).chosen(table, at)
    expected = [
        flag and text.endswith("evaluation 2") and code in ("ja", "en")
        for flag, text, code in zip(inside, table["text"], table["language"], strict=True)
    ]
    assert both.tolist() == expected


def outcome_of(table: pd.DataFrame) -> dict[str, Any]:
    """The colouring by what became of retrieval."""
    colourings: list[dict[str, Any]] = given(table, places(), "pair", "ja")["colourings"]
    return next(each for each in colourings if each["name"] == "outcome")


def test_a_brush_on_the_map_after_goes_by_places_there_at_a_strength_below_0() -> None:
    before, after = np.zeros((20, 2)), np.full((20, 2), 5.0)
    brush = (1, (4.0, 4.0, 6.0, 6.0), None)
    assert MapView(brush=brush).chosen(ranked(), {0.0: before, -1.0: after}).all()


def test_sentences_that_were_not_looked_for_have_an_outcome_of_their_own() -> None:
    table = ranked()
    table.loc[table["language"] == "es", ["before", "after"]] = np.nan
    table.loc[table["language"] == "es", "now"] = ""
    outcome = outcome_of(table)
    names = np.array([group["name"] for group in outcome["groups"]])[outcome["of"]]
    assert set(names[table["language"] == "es"]) == {"not looked for"}
    assert names[table["language"] != "es"].tolist() == table[table["language"] != "es"]["now"].tolist()
    assert MapView("outcome", shown=("not looked for",)).chosen(table, places()).sum() == N_EVAL
    assert "not looked for" not in [group["name"] for group in outcome_of(ranked())["groups"]]


def test_what_the_browser_says_comes_back_as_it_was() -> None:
    view = MapView("family", "sea", ("Romance",), 7, (1, (0.0, 1.0, 2.0, 3.0), None), (0.0, 0.5, 1.0, 1.0))
    assert MapView.of(view.to_json()) == view
    assert MapView.of({}) == MapView()


# -- in a browser ----------------------------------------------------------------------------------------------------


def canvas_of(visitor: Visitor) -> Locator:
    expect(visitor.page.get_by_test_id("result-ready")).to_be_attached()
    canvas = visitor.page.locator(".map canvas")
    expect(canvas).to_be_visible()
    return canvas


def quiet(visitor: Visitor) -> None:
    """Wait for the background work on the map to end, so that nothing but the visitor moves the page."""
    visitor.sees("How much of the movement is real?")
    visitor.sees_results()


def test_it_moves_in_the_browser_alone(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server)
    asked: list[str] = []
    visitor.opens(small_link | {"view.maps": "in motion"})
    canvas = canvas_of(visitor)
    expect(canvas).to_have_attribute("aria-label", re.compile("Map of 160 sentences in 4 languages.*strength 0 to 1"))
    quiet(visitor)
    before = canvas.evaluate("c => c.toDataURL()")
    visitor.page.on("request", lambda request: asked.append(request.url))
    slider = visitor.page.get_by_role("slider", name="Strength of the intervention")
    output = visitor.page.locator(".map output")
    slider.focus()
    for _ in range(20):
        slider.press("PageUp")
    expect(output).to_have_text("strength 1: computed")
    drawn = """([chosen, former, same]) => (chosen.toDataURL() === former) === same"""
    visitor.page.wait_for_function(
        drawn, arg=[canvas.element_handle(), before, False]
    )  # it is drawn with the next frame
    slider.press("PageDown")
    expect(output).to_contain_text("between 0 and 1, drawn straight")
    visitor.sees_the_link_say(**{"map.strength": "0.9"})  # where it rests
    slider.press("Home")
    expect(output).to_have_text("strength 0: computed")
    visitor.page.wait_for_function(drawn, arg=[canvas.element_handle(), before, True])
    # Where it rests is told to the server, whose page then shows its icon again.
    assert [url for url in asked if not re.search(r"/media/\w+\.png$", url)] == []


def test_strengths_between_are_computed_when_asked_for(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server).opens(small_link | {"view.maps": "in motion"})
    canvas_of(visitor)
    visitor.clicks(re.compile("Compute the strengths between"))
    visitor.sees("the other 4 computed strengths are laid out beside it together.")
    ticks = visitor.page.locator(".map .ticks span")
    expect(ticks).to_have_count(5)
    assert [each.strip("\u25b4 ") for each in ticks.all_inner_texts()] == ["0", "0.25", "0.5", "0.75", "1"]


def test_a_brush_fills_the_table_and_the_link_restores_it(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server).opens(small_link)
    canvas = canvas_of(visitor)
    quiet(visitor)
    box = canvas.bounding_box()
    assert box
    mouse = visitor.page.mouse
    mouse.move(box["x"] + 5, box["y"] + 5)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5, steps=3)
    mouse.move(box["x"] + box["width"] * 0.49, box["y"] + box["height"] * 0.6, steps=3)
    mouse.up()
    visitor.sees("sentences chosen")
    said = visitor.page.locator(".map .count").inner_text()
    number = int(said.split(" of ")[0])
    assert 0 < number < 160
    visitor.sees(re.compile(rf"^{number} sentences chosen"))
    expect(visitor.page.get_by_test_id("stDataFrame").first).to_be_visible()
    visitor.page.wait_for_url(re.compile("map.brush="))

    pasted = visit(server).opens(visitor.query)
    canvas = canvas_of(pasted)
    pasted.sees(re.compile(rf"^{number} sentences chosen"))
    expect(pasted.page.locator(".map .count")).to_have_text(said)

    # It goes along to another page by the menu, with what is looked at, and is there when the visitor comes back.
    canvas.press("+")
    pasted.page.wait_for_url(re.compile("map.window="))
    window = window_of(pasted)
    pasted.page.get_by_role("link", name="Retrieval").click()
    pasted.sees(re.compile(rf"^{number} of 160 sentences are chosen on the map"))
    assert {"map.brush", "map.window"} <= set(pasted.query)
    pasted.clicks("The map")
    canvas_of(pasted)
    expect(pasted.page.locator(".map .count")).to_have_text(said)
    assert window_of(pasted) == pytest.approx(window)


def test_finding_a_sentence_and_its_translations(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server).opens(small_link)
    canvas = canvas_of(visitor)
    quiet(visitor)
    visitor.page.get_by_label("Find").fill("the ")
    visitor.sees("sentences chosen")
    visitor.sees_it_rest()
    assert visitor.page.get_by_label("Find").input_value() == "the "  # a further word may follow
    counted = visitor.page.locator(".map .count").inner_text()
    visitor.sees(re.compile(rf"^{counted.split(' of ')[0]} sentences chosen"))
    canvas.focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.sees("Its neighbours")
    visitor.page.wait_for_url(re.compile("map.sentence="))
    visitor.page.get_by_label("Colour by").select_option("outcome")
    visitor.page.wait_for_url(re.compile("map.colour=outcome"))
    expect(visitor.page.locator(".map .legend button").first).to_be_visible()
    chips = visitor.page.locator(".map .legend button").all_inner_texts()
    assert set(chips) <= set(palette.OUTCOMES)
    chip = visitor.page.locator(".map .legend button").first
    chip.press("Space")
    visitor.page.wait_for_url(re.compile("map.shown="))
    visitor.sees_it_rest()
    assert chip.evaluate("chip => chip.getRootNode().activeElement === chip")
    visitor.clicks("Its neighbours")
    visitor.page.wait_for_url(re.compile("/sentences"))
    expect(visitor.page.get_by_test_id("result-ready")).to_be_attached()


def window_of(visitor: Visitor) -> list[float]:
    """What the map shows of the plane; empty for all of it."""
    said = visitor.page.locator(".map").get_attribute("data-window") or ""
    return [float(part) for part in said.split(",") if part]


def test_both_maps_zoom_and_move_together(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server)
    visitor.opens(small_link)
    canvas = canvas_of(visitor)
    quiet(visitor)
    before = canvas.evaluate("c => c.toDataURL()")
    halves = """c => [0, .5].map(share => {
      const half = Math.floor(c.width / 2);
      const pixels = c.getContext('2d').getImageData(share * 2 * half, 0, half, c.height);
      return pixels.data.reduce((sum, value, at) => (sum + value * (at % 9973)) % 2147483647, 0);
    })"""
    whole = canvas.evaluate(halves)
    box = canvas.bounding_box()
    assert box
    mouse, keyboard = visitor.page.mouse, visitor.page.keyboard
    mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.3)
    mouse.wheel(0, -120)  # alone it scrolls the page
    assert window_of(visitor) == []
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.3)
    keyboard.down("Control")
    mouse.wheel(0, -60)
    keyboard.up("Control")
    expect(visitor.page.locator(".map")).to_have_attribute("data-window", re.compile(","))
    first = window_of(visitor)
    # Both move: neither half is as it was.
    visitor.page.wait_for_function(
        f"([canvas, whole]) => ({halves})(canvas).every((now, half) => now !== whole[half])",
        arg=[canvas.element_handle(), whole],
    )
    mouse.move(box["x"] + 60, box["y"] + 60)
    keyboard.down("Shift")
    mouse.down()
    mouse.move(box["x"] + 30, box["y"] + 60, steps=3)
    mouse.up()
    keyboard.up("Shift")
    moved = window_of(visitor)
    assert moved[0] > first[0]
    assert moved[2] - moved[0] == pytest.approx(first[2] - first[0], abs=0.01)
    canvas.focus()
    keyboard.press("+")
    closer = window_of(visitor)
    assert closer[2] - closer[0] == pytest.approx((moved[2] - moved[0]) / 1.5, rel=0.01)
    keyboard.press("Shift+ArrowUp")
    assert window_of(visitor)[1] > closer[1]
    visitor.clicks("Zoom out")
    visitor.clicks("Reset zoom")
    assert window_of(visitor) == []
    expect(visitor.page.get_by_role("button", name="Zoom out")).to_be_disabled()
    mouse.move(5, 5)
    visitor.page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() === before", arg=[canvas.element_handle(), before]
    )
    visitor.sees_the_link_leave_out("map.window")
    assert "brush" not in visitor.page.url


def test_a_phone_stacks_the_panels(visit: Visit, server: str, small_link: Link) -> None:
    visitor = visit(server, viewport={"width": 390, "height": 844}).opens(small_link)
    box = canvas_of(visitor).bounding_box()
    assert box
    assert box["height"] > 1.2 * box["width"]
    assert visitor.fits()


def test_names_are_the_dashboards() -> None:
    data = given(ranked(), places(), "pair", "ja")
    assert [each["name"] for each in data["languages"]] == [theme.name(code) for code in LANGUAGES]
