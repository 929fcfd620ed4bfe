"""What the campaign takes for harm is harm: markup that is made into elements is told apart from its text."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from benchmarks import markup
from benchmarks.tried import HELD, HUNG, LOST
from core.packs.pack import Pack
from core.packs.pack_folder import OPENING
from tests.helpers import browser


def test_a_pack_says_what_it_is_made_to_say(tmp_path: Path) -> None:
    pack = Pack(markup.saying(OPENING.read_bytes(), "<b>", tmp_path), "a pack")
    pack.verify()
    assert [setting.model for setting in pack.settings] == ["<b>"] * len(pack.settings)
    assert pack.origins[0].machine == pack.result(0).plan.corpus.licence == "<b>"
    assert "<b>" in pack.result(0).notes


def test_a_page_rests_once_its_script_has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "_SHOWS", 0.1)
    app = '<div data-testid="stApp" data-test-script-state="{}">{}</div>'
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.executable(), args=browser.FLAGS)
        page = chromium.new_page()
        tab = markup.Tab(page, "http://a.test")
        page.route("**/*", lambda route: route.fulfill(body="<p>a text</p>", content_type="text/html"))
        tab.opens({})  # from a server, and without an app as yet
        judged = [tab.judged("a text")]
        for state, shown in (("notRunning", ""), ("running", "<h1>Title</h1>"), ("notRunning", "<h1>Title</h1>")):
            page.set_content(app.format(state, f"{shown}a text"))
            judged.append(tab.judged("a text"))
        judged.append(tab.judged("another text"))
        chromium.close()
    waiting = (HUNG, "the page does not come to rest")
    assert judged == [waiting, waiting, waiting, (HELD, ""), (LOST, "it is not shown as text")]


# These make nothing by themselves: what renders Markdown or unescapes twice would have to.
_HARMLESS_AS_HTML = 5


def test_markup_is_told_from_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "_SHOWS", 0.2)
    assert all("xss" in payload for payload in markup.PAYLOADS)
    assert len(set(markup.PAYLOADS)) == 20
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.executable(), args=browser.FLAGS)
        lost = 0
        for payload in markup.PAYLOADS:
            page = chromium.new_page()
            tab = markup.Tab(page, "")
            page.set_content(f"<p>{escape(payload)}</p><input value='{escape(payload)}'>")
            assert tab.judged(payload) == (HELD, "")
            assert tab.judged("another text")[0] == LOST
            page.set_content(f"<p>{payload}</p>")
            lost += tab.judged("")[0] == LOST
            page.close()
        chromium.close()
    assert lost == len(markup.PAYLOADS) - _HARMLESS_AS_HTML
