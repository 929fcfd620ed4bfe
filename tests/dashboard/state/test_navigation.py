"""Going from page to page: every button of every page leaves all that it does not name.

In a browser the settings, by one button of each name; without one the whole link, by every button: the page's own view,
what is chosen on the map, the screen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import streamlit as st
from playwright.sync_api import TimeoutError, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest

import dashboard
from core.experiment.names import SETTINGS
from core.experiment.settings import Experiment
from core.reproduction import text_choice as evidence
from dashboard.page import text_choice
from dashboard.page_table import PAGES
from dashboard.state import link, navigation, session
from tests.helpers.bench import until
from tests.helpers.browsing import PATIENCE, Visit, Visitor, serving
from tests.helpers.pages import OpenPage, kept_beside, visitor_of
from tests.helpers.results import make_plan
from tests.helpers.text_choice import JA, report

Link = dict[str, str]
FAR = {"strength": "0.5", "seed": "7", "experts": "30", "method": "linear-act", "layer": "1", "score": "ap"}
CHANGES = {"Open it": {"experts", "strength"}, "Half the strength": {"strength"}}
"""Settings that a button changes by its name; all others change none."""
OPENING = "Back to the opening setting"
WITH_SIDEBAR = ("", "layers")
"""Where the buttons of the sidebar are pressed: they are of one function, to which only the first page is another."""

# In milliseconds, not in frames: a part of a page that waits runs every second, and a busy machine draws few frames.
_RESTS = """() => {
  const idle = document.querySelector('[data-testid="stApp"]').dataset.testScriptState === 'notRunning';
  window.idleSince = idle ? window.idleSince ?? performance.now() : null;
  return idle && performance.now() - window.idleSince > 300;
}"""


@pytest.fixture(scope="module")
def tiny_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("buttons") / "cache") as address:
        yield address


def settings_of(link: Link) -> Link:
    return {name: value for name, value in link.items() if name in SETTINGS}


def buttons(visitor: Visitor, path: str) -> list[str]:
    """What can be pressed and acts at once: menus, downloads and the parts of fields are left out.

    So are those that compute a grid of settings, which are on no link, and that which stops a job, which goes with it.

    Named by the words before the first figure, which changes while other settings are computed.
    """
    names: list[str] = visitor.page.evaluate(
        """place => [...document.querySelectorAll(place + ' [data-testid="stButton"] button')].filter(b => !b.disabled)
          .map(b => b.querySelector('[data-testid="stMarkdownContainer"]').innerText.trim())""",
        "" if path in WITH_SIDEBAR else '[data-testid="stMain"]',
    )
    plain = [re.split(r"\d", name)[0].strip() for name in names]
    return [name for name in dict.fromkeys(plain) if name not in ("Compute", "Only", "Only strength", "Stop")]


def arrive(visitor: Visitor, query: Link, path: str = "") -> None:
    """Follow a link to a page, and wait until its buttons are drawn, which the browser does last."""
    visitor.opens(query, path).sees_the_page()
    expect(visitor.page.get_by_role("button", name=OPENING)).to_be_visible()


def ends_a_run(payload: str | bytes) -> bool:
    """Whether a message of the server says that a script has ended. Its state on the page may pass unseen: two messages
    in one frame draw none of what is between them.
    """
    return isinstance(payload, bytes) and ForwardMsg.FromString(payload).HasField("script_finished")


def press(visitor: Visitor, sockets: Sequence[WebSocket], name: str) -> None:
    """Press a button, and wait until all scripts that this starts have ended: one may start another."""
    try:
        with sockets[-1].expect_event("framereceived", ends_a_run, timeout=PATIENCE):
            visitor.page.get_by_test_id("stButton").filter(has_text=name).first.locator("button").first.click()
        visitor.page.evaluate("window.idleSince = null")
        visitor.page.wait_for_function(_RESTS, polling=50)
    except TimeoutError as error:
        raise AssertionError(f"after {name!r} the page never rests: {visitor.page.url}") from error


def test_every_button_leaves_all_settings_that_it_does_not_name(
    visit: Visit, tiny_server: str, tiny_link: Link
) -> None:
    visitor: Visitor = visit(tiny_server)
    sockets: list[WebSocket] = []
    visitor.page.on("websocket", lambda socket: sockets.append(socket))
    far = tiny_link | FAR
    pressed: set[str] = set()
    on_first: set[str] = set()  # the sidebar's are pressed again on another page
    for path in PAGES:
        arrive(visitor, far, path)
        known = pressed - on_first if path == WITH_SIDEBAR[1] else pressed
        for name in (name for name in buttons(visitor, path) if name != OPENING and name not in known):
            if settings_of(visitor.query) != far or path not in visitor.page.url or name not in buttons(visitor, path):
                arrive(visitor, far, path)
            press(visitor, sockets, name)
            pressed.add(name)
            after = settings_of(visitor.query)
            changed = {setting for setting in {*far, *after} if far.get(setting) != after.get(setting)}
            assert changed <= CHANGES.get(name, set()), f"{name} on {path or 'the first page'} changed {changed}"
        on_first = on_first or pressed.copy()
    assert {"Take the tour", "Presenter mode", "Keep this setting"} <= pressed
    arrive(visitor, far)  # the last button: it computes the opening setting
    visitor.clicks(OPENING)
    visitor.sees_the_link_leave_out("seed")
    visitor.sees_the_link_say(model=str(SETTINGS["model"].default))


def test_swapping_opening_a_row_and_the_tour_keep_the_setting(visit: Visit, tiny_server: str, tiny_link: Link) -> None:
    visitor: Visitor = visit(tiny_server)
    sockets: list[WebSocket] = []
    visitor.page.on("websocket", lambda socket: sockets.append(socket))
    far = tiny_link | FAR
    arrive(visitor, far, "compare")
    press(visitor, sockets, "no intervention")
    press(visitor, sockets, "Swap the two")
    assert settings_of(visitor.query) == far | {"strength": "0"}
    press(visitor, sockets, "Swap the two")
    assert settings_of(visitor.query) == far

    fixes_one = tiny_link | {"strength": "1.95", "experts": "50", "layer": "1", "seed": "7"}  # into Spanish
    arrive(visitor, fixes_one | {"view.row": "3", "view.candidate": "es"}, "sentences")
    visitor.slides("Strength", "ArrowRight")
    visitor.sees_the_page(strength="2")
    assert visitor.query["view.row"] == "3"
    assert visitor.query["view.candidate"] == "es"
    table = visitor.page.get_by_test_id("stDataFrame").nth(1)  # of sentences that were fixed or broken
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box
    with visitor.sees_the_link_change():
        visitor.page.mouse.click(box["x"] + 15, box["y"] + 52)
    assert settings_of(visitor.query) == fixes_one | {"strength": "2"}
    assert visitor.query["view.candidate"] == "es"

    arrive(visitor, far | {"screen.tour": "1"}, "experts")
    for stop in ("2", "3", "4", "5"):
        press(visitor, sockets, "Next")
        visitor.sees_the_page(**{"screen.tour": stop})
        assert settings_of(visitor.query) == far


# -- without a browser: the whole link

MAP = {"map.find": "a", "map.sentence": "ja:1", "map.colour": "family"}
SCREEN = {"screen.story": "2"}
VIEWS: dict[str, Link] = {
    "": {"view.maps": "dots and crosses"},
    "sentences": {"view.candidate": "es", "view.metric": "csls"},
    "what-if": {"view.measure": "all_top1", "view.counts": "30", "view.strengths": "0.5"},
}
MAY_CHANGE: dict[str, set[str]] = {
    "Half the strength": {"strength"},
    "Write with 500 neurons": {"experts"},
    "Its neighbours": {"view.query", "view.row"},
    "Edit this sentence": {"view.own", "view.own-in"},
    "All sentences": {"map.find"},
    "Keep this setting": {"view.with", "view.at"},
    "Remove": {"view.with", "view.at"},
    "Swap the two": {*SETTINGS, "view.with", "view.at", "view.own"},  # another test says what becomes of the settings
    "Presenter mode": {"screen.present"},
    "Take the tour": {"screen.tour"},
}
"""What a button changes by its name; all others change nothing."""
SEEN = {
    "": ("Its neighbours", "Half the strength", "Is it real?", "Presenter mode", "Take the tour"),
    "retrieval": ("The map", "All sentences"),
    "sentences": ("The map", "All sentences", "Edit this sentence"),
    "compare": ("Keep this setting", "Swap the two", "Remove"),
    "what-if": ("Open it",),
    "generate": ("Write with 500 neurons",),
}
"""Buttons that are there only in some state, and were pressed."""
LEFT = re.compile(
    r"Add|Compute|Only|Stop|Search|Write(?! with)|Measure|Download|Start|Take .* away|Ask|Back to the opening setting"
)
"""Buttons that compute or remove, which are on no link, and the one that takes everything back."""


def changed(before: Link, after: Link) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def pressable(page: AppTest, path: str) -> list[str]:
    """Labels of the page's buttons, and on the first page of the sidebar's: they are the same on all."""
    parts = [page.main, *([] if path else [page.sidebar])]
    labels = [button.label for part in parts for button in part.button if not button.disabled]
    return [label for label in dict.fromkeys(labels) if not LEFT.match(label)]


@pytest.fixture
def opened_pages(monkeypatch: pytest.MonkeyPatch) -> list[Link]:
    """The links that pages were switched to with; AppTest cannot show the page itself."""
    opened: list[Link] = []

    def switch(_: object, query_params: Link) -> None:
        opened.append(dict(query_params))
        st.stop()

    monkeypatch.setattr(st, "switch_page", switch)
    return opened


@pytest.mark.parametrize("path", PAGES)
def test_every_button_leaves_the_whole_link_but_for_what_it_names(
    open_page: OpenPage, opened_pages: list[Link], tiny_link: Link, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_choice, "_found", lambda _: evidence.read(report(), make_plan(JA)))
    far = FAR | MAP | SCREEN | VIEWS.get(path, {})
    if path == "compare":
        far |= kept_beside(tiny_link | FAR, 0.25, 0.75)

    def arrive() -> AppTest:
        page = open_page(path, **far)
        until(lambda: not any("Computing" in text.value for text in page.run().markdown), "the page is there")
        assert not page.exception
        opened_pages.clear()
        return page

    page = arrive()
    wrong: dict[str, dict[str, tuple[str | None, str | None]]] = {}
    before, labels = visitor_of(page).link, pressable(page, path)
    assert before is not None
    for label in labels:
        next(button for button in page.button if button.label == label).click().run()
        assert not page.exception, label
        after = opened_pages[-1] if opened_pages else visitor_of(page).link or {}
        if label == "Half the strength":
            assert after["strength"] == "0.25"
        elsewhere = bool(opened_pages) and visitor_of(page).page != path
        names = {name for name in changed(before, after) if not (elsewhere and name in before and "view." in name)}
        allowed = MAY_CHANGE.get(label, set())
        if bad := names - allowed:
            wrong[label] = {name: (before.get(name), after.get(name)) for name in bad}
        if opened_pages or after != before:
            page = arrive()
    assert not wrong
    assert set(SEEN.get(path, ())) <= set(labels)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_opened_with_all_that_was_chosen_there(
    monkeypatch: pytest.MonkeyPatch, opened_pages: list[Link], path: str
) -> None:
    visitor = session.Visitor(experiment=Experiment(), page="layers")
    visitor.selection, visitor.screen = {"find": "a"}, {"tour": "2"}
    visitor.views = {one: {"own": one or "first", "row": "3", "query": "de"} for one in PAGES}
    monkeypatch.setattr(session, "visitor", lambda: visitor)
    monkeypatch.setattr(st, "stop", lambda: None)
    navigation.go(path, Experiment(strength=0.5), row="7", query="")
    (reached,) = opened_pages
    assert reached == link.to_query(Experiment(strength=0.5)) | {
        "view.own": path or "first",
        "view.row": "7",
        "map.find": "a",
        "screen.tour": "2",
    }
    assert all(view["row"] == "3" for one, view in visitor.views.items() if one != path)


def test_pages_are_switched_in_one_place() -> None:
    """Whatever else switches a page empties the link."""
    found = {
        path.name: node.attr
        for path in sorted(Path(dashboard.__file__).parent.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("switch_page", "page_link")
    }
    assert found == {"navigation.py": "switch_page"}
