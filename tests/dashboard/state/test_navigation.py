"""Going from page to page: every button of every page leaves all settings that it does not name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import TimeoutError, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.experiment.names import SETTINGS
from dashboard.page_table import PAGES
from tests.helpers.browsing import PATIENCE, Visit, Visitor, serving

Link = dict[str, str]
FAR = {"strength": "0.5", "seed": "7", "experts": "30", "method": "linear-act", "layer": "1", "score": "ap"}
CHANGES = {"Open it": {"experts", "strength"}}
"""Settings that a button changes by its name; all others change none."""
OPENING = "Back to the opening setting"

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


def buttons(visitor: Visitor) -> list[str]:
    """What can be pressed and acts at once: menus, downloads and the parts of fields are left out.

    So are those that compute a grid of settings, which are on no link, and that which stops a job, which goes with it.

    Named by the words before the first figure, which changes while other settings are computed.
    """
    names: list[str] = visitor.page.evaluate(
        """() => [...document.querySelectorAll('[data-testid="stButton"] button')].filter(b => !b.disabled)
          .map(b => b.querySelector('[data-testid="stMarkdownContainer"]').innerText.trim())"""
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
    pressed = set()
    for path in PAGES:
        arrive(visitor, far, path)
        for name in (name for name in buttons(visitor) if name != OPENING):
            if settings_of(visitor.query) != far or path not in visitor.page.url or name not in buttons(visitor):
                arrive(visitor, far, path)
            press(visitor, sockets, name)
            pressed.add(name)
            after = settings_of(visitor.query)
            changed = {setting for setting in {*far, *after} if far.get(setting) != after.get(setting)}
            assert changed <= CHANGES.get(name, set()), f"{name} on {path or 'the first page'} changed {changed}"
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
