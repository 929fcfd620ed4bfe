"""A real server and a real browser: the dashboard as a visitor meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pandas as pd
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from core.cli.main import main
from core.experiment.names import SETTINGS
from tests.helpers.command_line import ROOT
from tests.helpers.ports import free_port

PATIENCE = 300_000
_TRIES = 4
expect.set_options(timeout=PATIENCE)

# Records from the first script on what may be gone before a test looks: every text of a progress bar, and every state
# of the page in which fresh (not stale) figures stand beside a link.
_WATCH = """
window.seen = [];
window.progress = [];
const look = () => {
  for (const bar of document.querySelectorAll('[data-testid="stProgress"]'))
    if (window.progress.at(-1) !== bar.innerText) window.progress.push(bar.innerText);
  const ready = document.querySelector('[data-testid="result-ready"]');
  if (!ready || ready.closest('[data-stale="true"]')) return;
  const figures = [...document.querySelectorAll('[data-testid="stMetric"]')];
  if (figures.length < 4 || figures.some(f => f.closest('[data-stale="true"]'))) return;
  const state = location.search + '\\n' + figures.slice(0, 3).map(f => f.innerText).join('|');
  if (window.seen.at(-1) !== state) window.seen.push(state);
};
new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""


@contextmanager
def serving(
    cache: Path,
    command: Sequence[str] = (sys.executable, "-m", "dashboard"),
    cwd: Path = ROOT,
    port: int | None = None,
    **environment: str,
) -> Iterator[str]:
    """Run the dashboard on a free port, as ``make run`` does unless told otherwise; gives its address."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=cwd,
        env={**os.environ, "LANGUAGE_NEURONS_CACHE": str(cache), "OMP_WAIT_POLICY": "PASSIVE", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    output: list[str] = []
    answers = threading.Event()  # or has ended

    def read() -> None:
        assert server.stdout is not None
        for line in server.stdout:
            output.append(line)
            if address in line:  # it says where it is once it listens there
                answers.set()
        answers.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert answers.wait(PATIENCE / 1000), f"the server does not answer: {''.join(output)}"
        assert server.poll() is None, "".join(output)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        reader.join(20)


class Visitor:
    """One person's browser window, which notes what it should never see.

    Attributes
    ----------
    errors : list of str
        Errors in the console and uncaught exceptions.
    strangers : list of str
        Requests to any other host.
    """

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.address = address
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **context})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(_WATCH)
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note_error)
        self.page.on("request", self._note_request)

    def _note_error(self, message: Any) -> None:
        # Opened by a link to a page, Streamlit's own script first asks below that page's path where its server is.
        probing = message.location.get("url", "").endswith(("/_stcore/health", "/_stcore/host-config"))
        if message.type == "error" and not probing:
            self.errors.append(message.text)

    def _note_request(self, request: Any) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and urlsplit(request.url).hostname != "127.0.0.1":
            self.strangers.append(request.url)

    def opens(self, query: Mapping[str, str], path: str = "") -> Visitor:
        """Follow a link to a page."""
        self.page.goto(f"{self.address}/{path}?{urlencode(query)}")
        return self

    @property
    def query(self) -> dict[str, str]:
        """The query in the address bar."""
        return dict(parse_qsl(urlsplit(self.page.url).query, keep_blank_values=True))

    def sees_the_link_say(self, **values: str) -> None:
        """Wait until the address bar has these."""
        for name, value in values.items():
            self.page.wait_for_url(re.compile(rf"[?&]{name}={re.escape(urlencode({'': value})[1:])}(&|$)"))

    def sees_the_link_leave_out(self, name: str) -> None:
        """Wait until the query in the address bar lacks this name."""
        self.page.wait_for_url(lambda url: name not in dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)))

    @contextmanager
    def sees_the_link_change(self) -> Iterator[None]:
        """Do something that leads to another link, and wait for it: until then the page is that of the former one."""
        former = self.page.url
        yield
        self.page.wait_for_url(lambda url: url != former)

    def sees_results(self, *texts: str, **values: str) -> None:
        """Wait for figures and charts that are not those of a former setting, these texts, and a link that says so.

        After an action, name what the link will say or do it in `sees_the_link_change`: before the server has heard of
        the action, the page is that of the former setting, and nothing on it is stale.
        """
        self.sees_the_link_say(**values)
        self.page.wait_for_function(
            """texts => {
              const fresh = e => e && !e.closest('[data-stale="true"]');
              const charts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
              const figures = [...document.querySelectorAll('[data-testid="stMetricValue"]')];
              return fresh(document.querySelector('[data-testid="result-ready"]'))
                && figures.length === 4 && figures.every(fresh)
                && charts.length === 2 && charts.every(c => fresh(c) && c.querySelector('canvas, svg'))
                && texts.every(t => document.querySelector('[data-testid="stMain"]').innerText.includes(t))
                && !document.querySelector('[data-testid="stProgress"]')
                && document.querySelector('[data-testid="stApp"]').dataset.testScriptState === 'notRunning';
            }""",
            arg=list(texts),
        )

    def sees_the_page(self, **values: str) -> None:
        """Wait for any page's numbers that are not those of a former setting or view, and a link that says so."""
        self.sees_the_link_say(**values)
        self.page.wait_for_function(
            """() => {
              const ready = document.querySelector('[data-testid="result-ready"]');
              return ready && !ready.closest('[data-stale="true"]')
                && document.querySelector('[data-testid="stApp"]').dataset.testScriptState === 'notRunning';
            }"""
        )

    def sees_it_rest(self) -> None:
        """Wait until the page is drawn: a list that is open, or a button about to be pressed, may be drawn anew."""
        self.page.wait_for_function(
            "() => document.querySelector('[data-testid=\"stApp\"]').dataset.testScriptState === 'notRunning'"
        )

    def turns(self, label: str, option: str) -> None:
        """Choose one of a row of options on the page."""
        row = self.page.get_by_test_id("stMain").get_by_test_id("stButtonGroup").filter(has_text=label)
        row.get_by_text(option, exact=True).click()

    def figures(self) -> dict[str, tuple[str, str]]:
        """The figures on the page: title -> (value, what stands under it)."""
        figures = self.page.evaluate(  # in one call: between two calls the page may be drawn again
            """() => [...document.querySelectorAll('[data-testid="stMetric"]')].map(metric =>
              ['Label', 'Value', 'Delta'].map(part =>
                metric.querySelector(`[data-testid="stMetric${part}"]`).innerText.trim()))"""
        )
        return {title: (value, delta) for title, value, delta in figures}

    def sees_refusal(self, *parts: str) -> None:
        """Wait for an error with what, why and instead, and these words in it; the page shows no figures."""
        main = self.page.get_by_test_id("stMain")
        for part in ("This cannot be shown", "Asked", "Why", "Instead", *parts):
            expect(main.get_by_text(part).first).to_be_visible()
        expect(self.page.get_by_test_id("stMetric")).to_have_count(0)

    def chooses(self, label: str, text: str) -> None:
        """Type into a box of the sidebar and take what it says."""
        box = self.page.get_by_test_id("stSidebar").get_by_role("combobox", name=label)
        box.click()
        box.fill(text)
        expect(self.page.get_by_role("option")).to_have_count(1)
        box.press("Enter")

    def picks(self, label: str, *options: str) -> None:
        """Choose from a list of the sidebar; of a list of several, each in turn."""
        box = self.page.get_by_test_id("stSidebar").get_by_role("combobox", name=label)
        for option in options:
            self._pick(box, option)

    def _pick(self, box: Locator, option: str) -> None:
        """Choose from a list, opening it again as people do where it closed or lies outside of the window.

        The page may be drawn again under an open list, which closes it, or move while it opens, which leaves it where
        its field was.
        """
        choice = self.page.get_by_role("option", name=option, exact=True)
        for _ in range(_TRIES):
            self.sees_it_rest()
            box.click()
            if box.get_attribute("aria-expanded") != "true":  # a click on a chosen option opens no list
                box.press("ArrowDown")
            try:
                choice.click(timeout=PATIENCE / 10)
            except TimeoutError:
                box.press("Escape")
            else:
                return
        raise AssertionError(f"{option} cannot be chosen")

    def types(self, label: str, text: str) -> None:
        """Fill a field of the sidebar and confirm it."""
        field = self.page.get_by_test_id("stSidebar").get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")

    def unfolds(self, title: str) -> None:
        """Open a part of the sidebar, whose controls are drawn only then."""
        part = self.page.get_by_test_id("stSidebar").get_by_test_id("stExpander").filter(has_text=title)
        part.locator("summary").click()
        expect(part.locator("input").first).to_be_visible()

    def slides(self, label: str, key: str) -> None:
        """Press a key on a slider of the sidebar."""
        self.page.get_by_test_id("stSlider").filter(has_text=label).get_by_role("slider").press(key)

    def clicks(self, button: str | re.Pattern[str]) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=button).click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        """Wait for a text on the page's main side."""
        expect(self.page.get_by_test_id("stMain").get_by_text(text).first).to_be_visible()

    def states(self) -> dict[str, set[str]]:
        """All figures that the page showed with each link: query -> figures."""
        figures_by_query: dict[str, set[str]] = {}
        for state in self.page.evaluate("window.seen"):
            query, _, figures = state.partition("\n")
            figures_by_query.setdefault(query, set()).add(figures)
        return figures_by_query

    def progress(self) -> list[str]:
        """What progress bars have said since this page was opened, in order."""
        return list(self.page.evaluate("window.progress"))

    def saves(self, key: str, folder: Path) -> pd.DataFrame:
        """The numbers of a chart or a table, as the file that the page offers."""
        self.page.locator(f".st-key-save-{key} button").first.click()
        expect(self.page.locator(f".st-key-save-{key}-CSV button")).to_be_visible()
        self.sees_it_rest()
        with self.page.expect_download() as download:
            # Not with the mouse: a list that opens while charts above are still being drawn may open below the window.
            self.page.locator(f".st-key-save-{key}-CSV button").dispatch_event("click")
        download.value.save_as(folder / f"{key}.csv")
        self.page.keyboard.press("Escape")
        return pd.read_csv(folder / f"{key}.csv")

    def chart(self, number: int) -> Locator:
        """A chart: the bars, the layers."""
        return self.page.get_by_test_id("stVegaLiteChart").nth(number)

    def fits(self) -> bool:
        """Whether the page fits without scrolling sideways, once its charts have found their size."""
        try:
            self.page.wait_for_function(
                """() => [document.documentElement, document.querySelector('[data-testid="stMain"]')]
                  .every(e => e.scrollWidth <= e.clientWidth)""",
                timeout=PATIENCE / 10,
            )
        except TimeoutError:
            return False
        return True


Visit = Callable[..., Visitor]
"""Makes a visitor to an address."""


def options_of(query: Mapping[str, str]) -> list[str]:
    """The setting of a link as options of the command line."""
    return [f"{SETTINGS[name].option}={value}" for name, value in query.items() if not name.startswith("view.")]


def told(query: Mapping[str, str], cache: Path) -> dict[str, Any]:
    """What the command line finds for the setting of a link, by its own function in this process."""
    out = cache.parent / "told.json"
    assert main(["run", *options_of(query), "--cache", str(cache), "--json", str(out)]) == 0
    return dict(json.loads(out.read_text(encoding="utf-8")))


def share(value: float) -> str:
    """A share as the page writes it."""
    return f"{100 * value:.1f}%" if value < 0.0995 else f"{100 * value:.0f}%"


def figures_of(result: Mapping[str, Any], target: str = "Japanese") -> dict[str, tuple[str, str]]:
    """What the page must show for what the command line wrote."""
    summary, baselines = result["summary"], result["baselines"]
    distance = result["distance"]["all_pairs"]

    def change(values: Mapping[str, float]) -> tuple[str, str]:
        return share(
            values["post"]
        ), f"{100 * (values['post'] - values['pre']):+.1f} points from {share(values['pre'])}"

    return {
        f"Top-1 from {target}": change(summary["target_top1"]),
        "Top-1, all pairs": change(summary["all_top1"]),
        "Distance, all pairs": (
            f"{distance['post']:.3f}",
            f"{distance['post'] - distance['pre']:+.3f} from {distance['pre']:.3f}",
        ),
        f"Untouched model, layer {baselines['best_layer']['layer']}": (
            share(baselines["best_layer"]["pre"]),
            f"layer {result['experiment']['layer']}, mean-centred: {share(baselines['centred']['pre'])}",
        ),
    }
