"""Every page in a real browser: from nothing and from a link, wide and narrow, by its own address and by the menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboard.page_table import PAGES
from tests.helpers.browsing import Visit, Visitor, serving

Link = dict[str, str]


def sees_it_whole(visitor: Visitor, path: str) -> None:
    """The page with this address is there, without a traceback, and nothing has to be scrolled sideways."""
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(PAGES[path].question)
    visitor.sees_the_page()
    expect(visitor.page.get_by_test_id("stException")).to_have_count(0)
    assert visitor.fits()


@pytest.mark.parametrize("path", PAGES)
def test_from_nothing(visit: Visit, new_server: str, tiny_link: Link, path: str) -> None:
    """A seed that no other test asks for: nothing of the setting's spaces is known when its page is opened."""
    link = tiny_link | {"control": "random", "seed": str(500 + list(PAGES).index(path))}
    visitor = visit(new_server).opens(link, path)
    sees_it_whole(visitor, path)
    assert visitor.query == link


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_from_a_link(visit: Visit, new_server: str, tiny_link: Link, size: tuple[int, int]) -> None:
    visitor = visit(new_server, viewport={"width": size[0], "height": size[1]}, color_scheme="dark")
    for path in PAGES:
        visitor.opens(tiny_link, path)
        sees_it_whole(visitor, path)


def shows_the_answer_and_both_maps_whole(visitor: Visitor) -> None:
    """On a screen of 720 pixels."""
    visitor.sees_the_page()
    summary, canvas = visitor.page.locator(".st-key-summary"), visitor.page.locator(".map canvas")
    expect(canvas).to_be_visible()
    for part in (summary, canvas):
        box = part.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 720


def test_the_first_screen(visit: Visit, new_server: str, tiny_link: Link) -> None:
    shows_the_answer_and_both_maps_whole(visit(new_server).opens(tiny_link))


def test_by_the_menu_the_setting_goes_along(visit: Visit, new_server: str, tiny_link: Link) -> None:
    visitor = visit(new_server).opens(tiny_link)
    visitor.sees_the_page()
    for path in [*list(PAGES)[1:], ""]:
        visitor.page.get_by_test_id("stSidebarNav").get_by_role("link", name=PAGES[path].title, exact=True).click()
        sees_it_whole(visitor, path)
        visitor.sees_the_link_say(**tiny_link)


def test_the_first_screen_of_a_new_machine(visit: Visit, tmp_path: Path) -> None:
    """It computes the same as the opening picture, unless its server begins nothing by itself."""
    for unasked in ("1", "0"):
        with serving(tmp_path / unasked, LANGUAGE_NEURONS_UNASKED=unasked) as address:
            visitor = visit(address).opens({})
            shows_the_answer_and_both_maps_whole(visitor)
            expect(visitor.page.get_by_text("This machine computes the same")).to_have_count(int(unasked))
            visitor.page.goto("about:blank")
