"""Pages stand in one table: a line there and a module are all that a page needs."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import page_table
from dashboard.page_table import PAGES, Page
from dashboard.text import tour
from tests.helpers.bench import LONG
from tests.helpers.command_line import ROOT
from tests.helpers.pages import LinkOnCache, OpenPage, page_of


def test_every_page_has_its_line() -> None:
    """A module of `dashboard.page` is a page if it has a ``draw`` that needs nothing."""
    modules = set()
    for path in (ROOT / "dashboard" / "page").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "draw" and not node.args.args:
                modules.add(f"dashboard.page.{path.stem}")
    assert {page.module for page in PAGES.values()} == modules
    assert next(iter(PAGES)) == ""
    assert len({page.title for page in PAGES.values()}) == len(PAGES)


def test_the_tour_stops_at_pages_that_are_there() -> None:
    assert set(tour.pages()) <= set(PAGES)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """A page of somebody's own, which no module of the dashboard knows of."""
    name = "page_of_somebodys_own"
    (tmp_path / f"{name}.py").write_text(
        "import streamlit as st\n\n\ndef draw():\n    st.text('drawn by its own module')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, name, sys)  # so that it is taken out again
    del sys.modules[name]
    return Page("added", "Added", "Can a page be added?", "add", name)


def _menu() -> None:
    import streamlit as st

    from dashboard.page_table import PAGES

    for page in PAGES.values():
        listed = page.as_streamlit()
        st.text(f"{listed.title}, /{listed.url_path}, {listed.visibility}")


def shows_it(page: AppTest) -> bool:
    return (
        not page.exception
        and [title.value for title in page.main.title] == ["Can a page be added?"]
        and "drawn by its own module" in [text.value for text in page.main.text]
    )


def test_a_page_that_is_added_is_opened_and_listed(
    added: Page, open_page: OpenPage, link_on_cache: LinkOnCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PAGES, added.path, added)
    page_table.load()  # as the server does before it serves
    assert added.module in sys.modules
    assert shows_it(open_page("added"))
    menu = [text.value for text in page_of(_menu).run().text]
    assert menu == [f"{page.title}, /{page.path}, visible" for page in PAGES.values()]
    assert "Added, /added, visible" in menu
    # The whole dashboard, with this page as its first.
    monkeypatch.setitem(PAGES, "", replace(added, path=""))
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=LONG)
    for name, value in link_on_cache(True).items():
        app.query_params[name] = value
    assert shows_it(app.run())
    assert app.sidebar.button
