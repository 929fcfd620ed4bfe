"""Every page in a real browser: from nothing and from a link, wide and narrow, by its own address and by the menu.

None breaks a rule of axe-core above minor: contrast, names, roles, the order of headings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
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


def violations(visitor: Visitor) -> list[tuple[str, Any]]:
    """What axe-core finds on the page once its charts are drawn, without what it calls minor: the rule and where.

    The colours of Streamlit's blocks of code are left out: its highlighter, which is loaded late, chooses them.
    """
    visitor.page.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')]
          .every(chart => chart.querySelector('canvas, svg'))"""
    )
    visitor.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    colours, code = "color-contrast", {"exclude": [["[data-testid=stCode]"]]}
    others: dict[str, Any] = Axe().run(visitor.page, None, {"rules": {colours: {"enabled": False}}}).response
    coloured: dict[str, Any] = Axe().run(visitor.page, code, {"runOnly": [colours]}).response
    return [
        (rule["id"], [node["target"] for node in rule["nodes"]])
        for rule in [*others["violations"], *coloured["violations"]]
        if rule["impact"] != "minor"
    ]


@pytest.mark.parametrize("path", PAGES)
def test_from_nothing(visit: Visit, new_server: str, tiny_link: Link, path: str) -> None:
    """A seed that no other test asks for: nothing of the setting's spaces is known when its page is opened."""
    link = tiny_link | {"control": "random", "seed": str(500 + list(PAGES).index(path))}
    visitor = visit(new_server).opens(link, path)
    sees_it_whole(visitor, path)
    assert visitor.query == link


@pytest.mark.parametrize(("scheme", "size"), [("light", (1280, 720)), ("dark", (390, 844))])
def test_from_a_link(visit: Visit, new_server: str, tiny_link: Link, scheme: str, size: tuple[int, int]) -> None:
    visitor = visit(new_server, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    found = {}
    for path in PAGES:
        visitor.opens(tiny_link, path)
        sees_it_whole(visitor, path)
        if broken := violations(visitor):
            found[path] = broken
    assert found == {}


def test_a_rule_that_is_broken_is_found(visit: Visit, new_server: str, tiny_link: Link) -> None:
    visitor = visit(new_server).opens(tiny_link, "jobs")
    visitor.sees_the_page()
    visitor.page.evaluate(
        """() => document.querySelector('[data-testid="stMain"]').insertAdjacentHTML('beforeend',
          '<button></button><input type="text">')"""
    )
    assert {"button-name", "label"} <= {rule for rule, _ in violations(visitor)}


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
