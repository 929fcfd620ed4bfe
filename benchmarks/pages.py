"""How long the dashboard takes where the answer is known: a control's change on the server, a page in the browser."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.rows import Benchmark, NotRun, Target, check
from benchmarks.setting import Setting
from core.experiment.settings import Experiment
from core.location import default_cache
from core.pipeline.engine import Engine
from core.store.store import Store

CHANGE, PAGE = 0.3, 1.0  # seconds, at most
STRENGTHS = (0.5, 1.0)
CHANGES, VISITS, SERVERS = 40, 7, 3
MEGABITS, LATENCY, SLOW_PAGE, SLOW_VISITS = 5.0, 40, 5.0, 3  # a second; milliseconds; seconds, at most
_APP = Path(__file__).resolve().parent.parent / "dashboard" / "app.py"
# True once figures, both charts and the map are drawn, none of them of a former setting.
_USABLE = """() => {
  const fresh = (e) => e && !e.closest('[data-stale="true"]');
  const all = (selector) => [...document.querySelectorAll(selector)];
  const host = all("*").find((e) => e.shadowRoot && e.shadowRoot.querySelector(".map"));
  const map = host && host.shadowRoot.querySelector(".map"), charts = all('[data-testid="stVegaLiteChart"]');
  return all('[data-testid="stMetricValue"]').filter(fresh).length === 4
    && charts.length === 2 && charts.every((c) => fresh(c) && c.querySelector("canvas, svg"))
    && fresh(host) && Number(map.dataset.frames) > 0;
}"""
# True once the page of jobs says that the model is loaded, which the first visit started.
LOADED = """() => {
  const text = document.body.innerText;
  return /^Ended$/m.test(text) && text.includes("Nothing runs or waits.");
}"""


def known() -> None:
    """Compute the settings that the benchmark switches between, so that they are in the cache."""
    engine = Engine(Store(default_cache()))
    for strength in STRENGTHS:
        engine.run(Experiment(strength=strength))


def _change(_setting: Setting) -> tuple[float, str]:
    from streamlit.testing.v1 import AppTest

    known()
    page = AppTest.from_file(str(_APP), default_timeout=300).run()
    seconds = []
    for number in range(CHANGES + 1):  # the first brings its answer from the disk; the page begins with the other
        (strength,) = (slider for slider in page.slider if slider.label == "Strength")
        strength.set_value(STRENGTHS[number % 2])
        start = time.perf_counter()
        page.run()
        seconds.append(time.perf_counter() - start)
        check(len(page.metric) == 4 and not page.exception, "the page does not show its figures")
    median = statistics.median(seconds[1:])
    return CHANGE / median, (
        f"{median:.3f} s, median of {CHANGES} changes of the strength on Explore ({min(seconds[1:]):.3f} to "
        f"{max(seconds[1:]):.3f}), the whole page's script and its messages, without a network; "
        f"{seconds[0]:.2f} s where the answer is on the disk only"
    )


def visits(work: Callable[[Callable[..., float], Callable[..., object]], list[float]]) -> list[float]:
    """Seconds from asking for the opening page until it is usable, as ``work`` visits servers."""
    try:
        from playwright.sync_api import sync_playwright

        from tests.helpers.browser import FLAGS, executable
        from tests.helpers.browsing import serving
    except ImportError as missing:
        raise NotRun(f"no browser to look with ({missing}); see requirements-dev.txt") from missing
    known()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)

        def visit(address: str, until: str = _USABLE, megabits: float = 0) -> float:
            with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
                page = context.new_page()
                if megabits:
                    limits: dict[str, object] = {"offline": False, "latency": LATENCY, "uploadThroughput": -1}
                    limits["downloadThroughput"] = megabits * 1e6 / 8
                    context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)
                start = time.perf_counter()
                page.goto(address)
                page.wait_for_function(until, timeout=120_000)
                return time.perf_counter() - start

        seconds = work(visit, lambda **environment: serving(default_cache(), **environment))
        browser.close()
    return seconds


def _cached(_setting: Setting) -> tuple[float, str]:
    def work(visit: Callable[..., float], serve: Callable[..., object]) -> list[float]:
        with serve() as address:  # type: ignore[attr-defined]
            visit(address)
            visit(f"{address}/jobs", LOADED)
            return [visit(address) for _ in range(VISITS)]

    seconds = visits(work)
    median = statistics.median(seconds)
    return PAGE / median, (
        f"{median:.2f} s, median of {VISITS} visits ({min(seconds):.2f} to {max(seconds):.2f}), each in a new browser "
        "context with nothing in its cache, until figures, charts and map are drawn; Chromium and the server share the "
        "machine"
    )


def _first(_setting: Setting) -> tuple[float, str]:
    def work(visit: Callable[..., float], serve: Callable[..., object]) -> list[float]:
        seconds = []
        for _ in range(SERVERS):
            with serve() as address:  # type: ignore[attr-defined]
                seconds.append(visit(address))
        return seconds

    seconds = visits(work)
    median = statistics.median(seconds)
    return PAGE / median, (
        f"{median:.2f} s, median of {SERVERS} servers ({min(seconds):.2f} to {max(seconds):.2f}), each visited as "
        "soon as it answered at all"
    )


def _slow(_setting: Setting) -> tuple[float, str]:
    def work(visit: Callable[..., float], serve: Callable[..., object]) -> list[float]:
        with serve() as address:  # type: ignore[attr-defined]
            visit(address)
            visit(f"{address}/jobs", LOADED)
            return [visit(address, _USABLE, MEGABITS) for _ in range(SLOW_VISITS)]

    seconds = visits(work)
    median = statistics.median(seconds)
    return SLOW_PAGE / median, (
        f"{median:.2f} s, median of {SLOW_VISITS} visits ({min(seconds):.2f} to {max(seconds):.2f}), each in a new "
        f"browser context, with {MEGABITS:g} Mbit/s and {LATENCY} ms to the server"
    )


_AGAINST = f"{PAGE:g} s"
BENCHMARKS = (
    Benchmark(
        "control-change",
        "a control's change to a known setting, on the server",
        f"{CHANGE:g} s",
        Target("at least", 1.0),
        _change,
    ),
    Benchmark(
        "cached-page", "a known page opened in a browser, until usable", _AGAINST, Target("at least", 1.0), _cached
    ),
    Benchmark("first-page", "the same as the first page of a new server", _AGAINST, Target("at least", 1.0), _first),
    Benchmark(
        "slow-network",
        "the same over a slow network",
        f"{SLOW_PAGE:g} s",
        Target("at least", 1.0),
        _slow,
    ),
)
