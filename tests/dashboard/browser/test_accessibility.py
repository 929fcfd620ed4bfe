"""No page breaks a rule of axe-core above minor: contrast, names, roles, the order of headings; light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from dashboard.page_table import PAGES
from tests.helpers.browsing import Visit, Visitor

Link = dict[str, str]


def violations(visitor: Visitor) -> list[tuple[str, Any]]:
    """What axe-core finds on the page once its charts are drawn, without what it calls minor: the rule and where."""
    visitor.page.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')]
          .every(chart => chart.querySelector('canvas, svg'))"""
    )
    visitor.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    response: dict[str, Any] = Axe().run(visitor.page).response
    return [
        (rule["id"], [node["target"] for node in rule["nodes"]])
        for rule in response["violations"]
        if rule["impact"] != "minor"
    ]


@pytest.mark.parametrize(("scheme", "size"), [("light", (1280, 720)), ("dark", (390, 844))])
def test_no_page_breaks_a_rule(
    visit: Visit, new_server: str, tiny_link: Link, scheme: str, size: tuple[int, int]
) -> None:
    visitor = visit(new_server, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    found = {}
    for path in PAGES:
        visitor.opens(tiny_link, path).sees_the_page()
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
