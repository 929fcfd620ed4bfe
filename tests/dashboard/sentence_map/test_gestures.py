"""What a visitor is in the middle of on the map goes on while the page's script runs; thousands of points are found."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks import motion
from dashboard.sentence_map import MapView
from dashboard.sentence_map.component import packed, sent

Show = Callable[[bytes], Page]
CODES = ("en", "zh", "ru", "ko")
EACH = 900
MARGIN = 14
UNCHOSEN = MapView()


@pytest.fixture
def show(chromium: Browser) -> Iterator[Show]:
    """Opens a tab with the map alone."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})

    def opened(data: bytes) -> Page:
        tab.set_content(motion.page(data, "canvas"))
        expect(tab.locator(".map[data-frames]")).to_be_attached()
        return tab

    yield opened
    tab.close()


def made(
    layout: str = "pair", title: str = "After", view: MapView = UNCHOSEN
) -> tuple[pd.DataFrame, dict[float, np.ndarray], bytes]:
    """Sentences at random places, each with words of its own, and the map's data."""
    table, rng = motion.points(CODES, EACH), np.random.default_rng(0)
    table["text"] = [f"sentence {number}." for number in range(len(table))]
    where = {strength: rng.uniform(size=(len(table), 2)) for strength in (0.0, 1.0)}
    return table, where, sent(packed(table, where, layout, "zh", after=title), view)


def runs_again(tab: Page, data: bytes) -> None:
    """The page's script has run and gives the map its data."""
    tab.evaluate("text => { draws(text); }", b64encode(data).decode())


@pytest.mark.parametrize("title", ["After", "Later"])
def test_a_brush_goes_on_while_the_script_runs(show: Show, title: str) -> None:
    _, where, data = made()
    tab = show(data)
    box = tab.locator("canvas").bounding_box()
    assert box
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 200, box["y"] + 150, steps=2)
    runs_again(tab, made(title=title)[2])  # the same data, or others
    tab.mouse.move(box["x"] + 300, box["y"] + 250, steps=2)
    tab.mouse.up()
    tab.wait_for_function("() => said.length")
    brush = tab.evaluate("said.at(-1).brush")
    low, high = np.min([*where.values()], axis=(0, 1)), np.max([*where.values()], axis=(0, 1))
    panel = np.array([(box["width"] - 12) / 2, box["height"]]) - 2 * MARGIN
    share = (np.array([[100, 100], [300, 250]]) - MARGIN) / panel
    corners = low + np.column_stack([share[:, 0], 1 - share[:, 1]]) * (high - low)
    assert brush["box"] == pytest.approx(corners.ravel().tolist(), abs=5e-3)
    (ax, ay), (bx, by) = corners.min(axis=0), corners.max(axis=0)
    inside = sum(ax <= x <= bx and ay <= y <= by for x, y in where[0.0])
    counted = tab.locator(".map .count").inner_text().split(" of ")[0]
    assert int(counted.replace(",", "")) == pytest.approx(inside, abs=8)


@pytest.mark.parametrize("layout", ["pair", "together"])
@pytest.mark.parametrize("side", [0, 1])
def test_a_brush_on_either_map_holds_in_every_layout(show: Show, layout: str, side: int) -> None:
    view = MapView(brush=(side, (0.2, 0.2, 0.6, 0.7), None))
    table, where, data = made(layout, view=view)
    x, y = where[float(side)].T
    inside = int(((x >= 0.2) & (x <= 0.6) & (y >= 0.2) & (y <= 0.7)).sum())
    expect(show(data).locator(".map")).to_have_attribute("data-chosen", f"{view.chosen(table, where).sum()}")
    assert view.chosen(table, where).sum() == pytest.approx(inside, abs=8)  # coordinates are of 16 bits


def test_at_a_strength_in_between_the_browser_counts_what_the_server_does(show: Show) -> None:
    view = MapView(brush=(0, (0.2, 0.25, 0.61, 0.7), 0.3333), strength=0.3333)
    table, where, data = made("motion", view=view)
    expect(show(data).locator(".map")).to_have_attribute("data-chosen", f"{view.chosen(table, where).sum()}")


def test_words_are_found_in_any_case_as_the_server_finds_them(show: Show) -> None:
    """Also where a letter of one case is several of the other: a capital I with a dot, a sigma that ends a word."""
    table, where, _ = made()
    written = ["İlk gün", "ilk gün", "ILK", "ΟΔΟΣ", "οδος", "ΟΔΟΣΑ"]
    table.loc[: len(written) - 1, "text"] = written
    tab = show(sent(packed(table, where, "pair", "zh"), UNCHOSEN))
    for find, held in (("İlk", [0]), ("ilk", [1, 2]), ("ΟΔΟΣ", [3, 4]), ("οδοσ", [5]), ("Οδο", [3, 4, 5])):
        assert np.flatnonzero(MapView(find=find).chosen(table, where)).tolist() == held
        tab.get_by_label("Find").fill(find)
        expect(tab.locator(".map .count")).to_have_text(f"{len(held)} of {len(table):,} sentences")


def test_a_finger_taps_swipes_and_chooses(chromium: Browser) -> None:
    """A tap pins and its tip stays; a swipe is no tap, and the brush stays; a finger draws only where it is to."""
    _, _, data = made(view=MapView(brush=(0, (0.2, 0.2, 0.6, 0.7), None)))
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, has_touch=True)
    tab = context.new_page()
    tab.set_content(motion.page(data, "canvas"))
    expect(tab.locator(".map[data-frames]")).to_be_attached()
    box = tab.locator("canvas").bounding_box()
    assert box
    session = context.new_cdp_session(tab)

    def drag(*along: tuple[float, float]) -> None:
        for number, (x, y) in enumerate(along):
            kind = "touchMove" if number else "touchStart"
            at = {"x": box["x"] + x, "y": box["y"] + y}
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    chosen = tab.locator(".map").get_attribute("data-chosen")
    drag((100, 100), (130, 100), (220, 100), (260, 101))
    drag((150, 150))
    tab.wait_for_function("() => said.length")
    assert tab.evaluate("said.map(view => view.brush !== null)") == [True]
    assert tab.evaluate("said.at(-1).pinned") is not None
    expect(tab.locator(".map .tip")).to_be_visible()
    expect(tab.locator(".map")).to_have_attribute("data-chosen", chosen or "")
    tab.get_by_role("button", name="Choose").click()
    drag((100, 100), (130, 120), (220, 160), (300, 250))
    tab.wait_for_function("() => said.length > 1")
    corners = tab.evaluate("said.at(-1).brush.box")
    assert abs(corners[2] - corners[0]) * (box["width"] / 2 - 6 - 2 * MARGIN) == pytest.approx(200, abs=2)
    context.close()


def test_no_window_is_without_area(show: Show) -> None:
    """Of a brush that is a line, the zoom shows as little as it ever does."""
    tab = show(made(view=MapView(brush=(0, (0.2, 0.5, 0.6, 0.5), None)))[2])
    tab.get_by_role("button", name="Zoom in on them").click()
    x0, y0, x1, y1 = map(float, (tab.locator(".map").get_attribute("data-window") or "").split(","))
    assert (x0, x1) == (0.2, 0.6)
    assert y0 <= 0.5 <= y1
    assert y1 - y0 > 0.01
    expect(tab.get_by_role("button", name="Zoom in on them")).to_be_hidden()  # no closer than that


def test_a_brush_that_is_cut_off_is_said(show: Show) -> None:
    tab = show(made()[2])
    box = tab.locator("canvas").bounding_box()
    assert box
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 300, box["y"] + 250, steps=4)
    tab.locator("canvas").dispatch_event("pointercancel")
    tab.wait_for_function("() => said.length")
    assert tab.evaluate("said.at(-1).brush !== null")
    expect(tab.locator(".map .count")).to_contain_text(" of ")


def test_escape_lets_go_of_the_sentence_then_of_the_brush(show: Show) -> None:
    tab = show(made(view=MapView(brush=(0, (0.2, 0.2, 0.6, 0.7), None), pinned=5))[2])
    whole = str(len(CODES) * EACH)
    tab.locator("canvas").focus()
    tab.keyboard.press("Escape")
    tab.wait_for_function("() => said.length")
    assert tab.evaluate("[said.at(-1).pinned, said.at(-1).brush === null]") == [None, False]
    tab.keyboard.press("Escape")
    expect(tab.locator(".map")).to_have_attribute("data-chosen", whole)


def test_the_scrubber_stays_at_its_strength_where_others_are_computed_meanwhile(show: Show) -> None:
    view = MapView(strength=0.5)
    table, where, data = made("motion", view=view)
    tab = show(data)
    expect(tab.locator(".map")).to_have_attribute("data-strength", "0.5")
    runs_again(tab, sent(packed(table, where | {2.0: where[1.0]}, "motion", "zh"), view))
    expect(tab.locator(".map .ticks")).to_contain_text("2")
    expect(tab.locator(".map")).to_have_attribute("data-strength", "0.5")


def test_a_picture_to_look_at_takes_no_key(show: Show) -> None:
    table, where, _ = made()
    tab = show(sent(packed(table, where, "pair", "zh"), UNCHOSEN, still=True))
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement === document.body")


def test_the_map_is_not_made_anew_by_data_that_it_has(show: Show) -> None:
    _, _, data = made("motion")
    tab = show(data)
    chips = tab.locator(".map .legend").evaluate_handle("legend => legend.firstElementChild")
    first = """(chip) => document.querySelector(".map .legend").firstElementChild === chip"""
    tab.get_by_role("button", name="Play the movement").click()
    runs_again(tab, data)
    assert tab.evaluate(first, chips)
    tab.wait_for_function("() => document.querySelector('.map output').textContent === 'strength 1: computed'")
    tab.get_by_role("button", name="Play the movement").click()
    runs_again(tab, made("motion", "Later")[2])
    assert not tab.evaluate(first, chips)
    tab.wait_for_function("() => document.querySelector('.map output').textContent === 'strength 0: computed'")


def test_the_end_of_an_earlier_call_does_not_stop_the_map(show: Show) -> None:
    _, _, data = made()
    tab = show(data)
    tab.evaluate("text => { const first = draws(text); window.ends = draws(text); first(); }", b64encode(data).decode())
    tab.evaluate("document.body.style.width = '700px'")
    tab.wait_for_function("() => document.querySelector('.map canvas').width < 750")
    tab.evaluate("ends()")
    runs_again(tab, data)  # a map that was stopped is made anew, also of the same data
    tab.evaluate("document.body.style.width = '1000px'")
    tab.wait_for_function("() => document.querySelector('.map canvas').width > 900")


def test_a_choice_that_is_not_said_yet_is_said_after_other_data_came(show: Show) -> None:
    tab = show(made()[2])
    chip = tab.get_by_role("button", name="Chinese")
    data = b64encode(made(title="Later")[2]).decode()
    chip.evaluate("(chip, text) => { chip.click(); draws(text); }", data)  # at once: before it is said by itself
    tab.wait_for_function("() => said.length")
    assert tab.evaluate("said.at(-1).shown") == ["zh"]


def test_the_point_under_the_pointer_is_the_nearest(show: Show) -> None:
    table, where, data = made()
    tab = show(data)
    box = tab.locator("canvas").bounding_box()
    assert box
    tab.wait_for_function("() => document.querySelector('.map canvas').width")
    low, high = np.min([*where.values()], axis=(0, 1)), np.max([*where.values()], axis=(0, 1))
    panel = np.array([(box["width"] - 12) / 2, box["height"]]) - 2 * MARGIN
    share = (where[1.0] - low) / (high - low)
    at = MARGIN + np.column_stack([share[:, 0], 1 - share[:, 1]]) * panel + [(box["width"] + 12) / 2, 0]
    pointed = np.random.default_rng(1).uniform([0.55, 0.1], [0.95, 0.9], size=(12, 2))
    for x, y in pointed * [box["width"], box["height"]]:
        apart = np.hypot(*(at - [x, y]).T)
        nearest, next_one = np.argsort(apart)[:2]
        if apart[next_one] - apart[nearest] < 0.5 or abs(apart[nearest] - 9) < 0.5:
            continue  # either, by what a coordinate of 16 bits may be off
        tab.mouse.move(box["x"] + x, box["y"] + y)
        tip = tab.locator(".map .tip")
        if apart[nearest] < 9:
            expect(tip).to_contain_text(table["text"][nearest])
        else:
            expect(tip).to_be_hidden()


def test_words_and_arrow_keys_find_one_sentence_after_another(show: Show) -> None:
    table, _, data = made()
    tab = show(data)
    tab.get_by_label("Find").fill("ENCE 12")
    hits = [number for number, text in enumerate(table["text"]) if "ence 12" in text]
    expect(tab.locator(".map .count")).to_have_text(f"{len(hits):,} of {len(table):,} sentences")
    tab.locator("canvas").focus()
    for key, at in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowLeft", -1)):
        tab.keyboard.press(key)
        expect(tab.locator(".map .tip")).to_contain_text(table["text"][hits[at]])


def test_a_way_back_of_the_browser_pins_nothing(show: Show) -> None:
    table, _, data = made()
    tab = show(data)
    tab.locator("canvas").focus()
    for key in ("Alt+ArrowLeft", "Control+ArrowLeft", "Meta+ArrowLeft", "ArrowLeft"):
        tab.keyboard.press(key)
    tab.wait_for_function("() => said.length")
    assert tab.evaluate("said.map(view => view.pinned)") == [len(table) - 1]  # by the last key alone


@pytest.mark.parametrize("side", [0, 1])
def test_the_point_that_is_taken_hold_of_stays_under_the_pointer(show: Show, side: int) -> None:
    table, where, data = made()
    tab = show(data)
    tab.locator("canvas").focus()
    for _ in range(4):
        tab.keyboard.press("+")
    box = tab.locator("canvas").bounding_box()
    assert box
    wide = (box["width"] - 12) / 2

    def places() -> np.ndarray:
        """Of all sentences in pixels of the window, (n, 2)."""
        corners = (tab.locator(".map").get_attribute("data-window") or "").split(",")
        (ax, ay), (bx, by) = np.array(corners, dtype=np.float64).reshape(2, 2)
        along = (where[float(side)] - [ax, ay]) / [bx - ax, by - ay]
        panel = np.array([wide, box["height"]]) - 2 * MARGIN
        corner = np.array([box["x"] + side * (wide + 12), box["y"]]) + MARGIN
        return corner + np.column_stack([along[:, 0], 1 - along[:, 1]]) * panel

    before = places()
    aim = np.array([box["x"] + side * (wide + 12) + 0.8 * wide, box["y"] + 0.75 * box["height"]])
    taken = int(np.hypot(*(before - aim).T).argmin())
    to = before[taken] - [0.6 * wide, 0.5 * box["height"]]
    tab.mouse.move(*before[taken])
    tab.keyboard.down("Shift")
    tab.mouse.down()
    tab.mouse.move(*to, steps=4)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    after = places()
    assert after[taken] == pytest.approx(to, abs=4)  # the window is told to three digits
    tab.mouse.move(*(to + 1))
    expect(tab.locator(".map .tip")).to_contain_text(table["text"][taken])
