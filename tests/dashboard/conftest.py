"""What the tests of the dashboard share: links of two small settings, one real and one tiny."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, sync_playwright
from streamlit.testing.v1 import AppTest

from dashboard.page import waiting
from dashboard.work import process
from tests.helpers import browser as finding
from tests.helpers.bench import until
from tests.helpers.browsing import Visit, Visitor, serving
from tests.helpers.command_line import SETTINGS, EmbeddedRun
from tests.helpers.pages import UNFOLDED, LinkOnCache, OpenPage, page_of
from tests.helpers.tiny import save_tiny, write_table


@pytest.fixture(scope="session")
def small_link() -> dict[str, str]:
    """The query of the experiment that the command line has run (the fixture ``embedded``)."""
    return {
        "model": "embedded",
        "corpus": "embedded",
        "target": str(SETTINGS["target"]),
        "experts": str(SETTINGS["experts"]),
        "strength": "1",
        "layer": "last",
        "languages": str(SETTINGS["languages"]),
        "probe_languages": "de,en,es,ja,ru,zh",
        "probe_sentences": str(SETTINGS["probe"]),
        "eval_sentences": str(SETTINGS["eval"]),
    }


@pytest.fixture(scope="session")
def tiny_link(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The query of a random tiny model on a table of a few sentences: seconds from nothing."""
    folder = tmp_path_factory.mktemp("tiny-dashboard")
    return {
        "model": str(save_tiny(folder / "model", "gemma3")),
        "corpus": write_table(folder / "sentences.tsv"),
        "target": "ja",
        "experts": "20",
        "strength": "1",
        "layer": "last",
        "dtype": "float32",
    }


@pytest.fixture(scope="module")
def browsers() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="module")
def chromium(browsers: BrowserType) -> Iterator[Browser]:
    browser = browsers.launch(executable_path=finding.executable(), args=finding.FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def twin(embedded: EmbeddedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache as the command line left it, for runs that must not see what the server computes."""
    copy = tmp_path_factory.mktemp("twin") / "cache"
    shutil.copytree(embedded.cache, copy, copy_function=os.link)
    return copy


@pytest.fixture(scope="module")
def server(embedded: EmbeddedRun, twin: Path) -> Iterator[str]:
    """A server on the cache of the command line's run."""
    assert twin.is_dir()  # the copy is made before the server adds to the cache
    with serving(embedded.cache) as address:
        yield address


@pytest.fixture(scope="module")
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on an empty cache."""
    with serving(tmp_path_factory.mktemp("new") / "cache") as address:
        yield address


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the command line's own."""
    return tmp_path_factory.mktemp("alone") / "cache"


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Make visitors; whatever they do, they meet no error in the console and no other host."""
    visitors: list[Visitor] = []

    def come(address: str, **context: Any) -> Visitor:
        visitors.append(Visitor(chromium, address, **context))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
        assert visitor.errors == []
        assert visitor.strangers == []


def _script(path: str) -> None:
    """What `dashboard.app` does for one page; AppTest cannot navigate to pages that are functions."""
    from dashboard.page_table import PAGES
    from dashboard.sidebar import controls
    from dashboard.state import session

    session.visitor().sees(path)
    controls.sidebar()
    PAGES[path].draw()


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all pages on the tiny model."""
    return tmp_path_factory.mktemp("tiny-cache") / "cache"


@pytest.fixture
def link_on_cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LinkOnCache:
    """Put the dashboard on a cache and give a link to it: ``link_on_cache(tiny, experts="20")``.

    On the tiny model and table; or, not ``tiny``, on the experiment that the command line has run, which takes minutes
    and is therefore run only when a test asks for it. What is changed on a page is computed at once.
    """
    process.start.clear()
    monkeypatch.setattr(waiting, "_SETTLES", 0.0)

    def link(tiny: bool, **changes: str) -> dict[str, str]:
        embedded: EmbeddedRun | None = None if tiny else request.getfixturevalue("embedded")
        cache: Path = request.getfixturevalue("tiny_cache") if embedded is None else embedded.cache
        monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(cache))
        query: dict[str, str] = request.getfixturevalue("tiny_link" if tiny else "small_link")
        return query | changes

    return link


@pytest.fixture
def open_page(link_on_cache: LinkOnCache) -> Iterator[OpenPage]:
    """Open a page by its path and a link, without a browser: ``open_page("layers", experts="20")``.

    Every part of it is unfolded. On the tiny model and table, or with ``tiny=False`` on the experiment that the command
    line has run.
    """

    def opened(path: str, tiny: bool = True, **changes: str) -> AppTest:
        page = page_of(_script, path)
        for name, value in link_on_cache(tiny, **changes).items():
            page.query_params[name] = value
        for part in UNFOLDED:
            page.session_state[part] = True
        return page.run()

    yield opened
    for job in process.jobs().all():
        process.jobs().stop(job.request)
        until(lambda job=job: not job.active, "the job stops")
    process.start.clear()
