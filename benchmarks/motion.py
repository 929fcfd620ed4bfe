"""The map in motion, in a browser without and with a GPU: frames a second while it plays."""

from __future__ import annotations

import statistics
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.rows import Benchmark, NotRun, Target
from benchmarks.setting import Setting
from dashboard import sentence_map
from dashboard.sentence_map.component import FILES, packed, sent

LANGUAGES = "en de fr es ja zh ru ar ko tr hi th it pt nl pl cs uk vi id fa he".split()  # noqa: SIM905
ROUNDS = 3
_PLAY = """async () => {
  const root = document.querySelector(".map"), range = root.querySelector("input[type=range]");
  const button = root.querySelector(".play"), still = button.textContent;
  range.value = "0";
  const first = Number(root.dataset.frames), start = performance.now();
  button.click();
  // The last frame but one may round to the end: a click before the motion has ended would halt it, not begin another.
  while (range.value !== "1000" || button.textContent !== still) await new Promise((next) => setTimeout(next, 20));
  return [Number(root.dataset.frames) - first, (performance.now() - start) / 1000];
}"""


def points(languages: Sequence[str], sentences: int) -> pd.DataFrame:
    """Made-up sentences in some languages, as `dashboard.sentence_map.component.packed` takes them."""
    return pd.DataFrame(
        {
            "language": np.repeat(languages, sentences),
            "text": "a sentence",
            "english": "",
            "key": np.tile(np.arange(sentences), len(languages)),
            "before": 1.0,
            "after": 1.0,
            "now": "found in both",
        }
    )


def _page(languages: list[str], sentences: int) -> str:
    """The component with made-up points at five strengths, on a page of its own."""
    rng, made = np.random.default_rng(0), points(languages, sentences)
    places = {strength: rng.normal(size=(len(made), 2)) for strength in (0.0, 0.25, 0.5, 0.75, 1.0)}
    return page(sent(packed(made, places, "motion", languages[0]), sentence_map.MapView()))


def page(data: bytes, painter: str = "") -> str:
    """The component on a page of its own, as HTML.

    Parameters
    ----------
    data : bytes
        As `dashboard.sentence_map.component.sent` gives it. The page's ``draws`` takes others, in base 64, as Streamlit
        does whenever the script has run; ``said`` holds the views that were sent back.
    painter : str
        ``webgl``, also in software, or ``canvas``; where empty, what the component chooses.
    """
    folder = Path(sentence_map.__file__).parent
    html, css, *scripts = ((folder / name).read_text(encoding="utf-8") for name in FILES)
    html = html.replace('class="map"', f'class="map" data-painter="{painter}"')
    module = "".join(scripts).replace("export default function", "function component_of")
    return (
        f'<!doctype html><meta charset="utf-8"><style>{css}</style><body style="width:1100px">{html}'
        f'<script type="module">{module}\nwindow.said = [];\n'
        "window.draws = (text) => component_of({parentElement: document.body, "
        "setStateValue: (_, view) => said.push(view), "
        "data: Uint8Array.from(atob(text), (each) => each.charCodeAt(0))});\n"
        f"draws('{b64encode(data).decode()}');</script>"
    )


def _frames(languages: list[str], sentences: int, least: float, on_gpu: bool = False) -> tuple[float, str]:
    try:
        from playwright.sync_api import sync_playwright

        from tests.helpers.browser import FLAGS, executable
    except ImportError as missing:
        raise NotRun(f"no browser to draw in ({missing}); see requirements-dev.txt") from missing
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=[flag for flag in FLAGS if not (on_gpu and flag == "--disable-gpu")]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.set_content(_page(languages, sentences))
        if on_gpu and tab.locator(".map").get_attribute("data-painter") != "webgl":
            raise NotRun("the browser finds no GPU to draw with")
        rates = []
        for _ in range(ROUNDS):
            frames, seconds = tab.evaluate(_PLAY)
            rates.append(frames / seconds)
        browser.close()
    median = statistics.median(rates)
    where = "with" if on_gpu else "without"
    detail = (
        f"{median:.1f} frames a second ({min(rates):.1f} to {max(rates):.1f} in {ROUNDS} rounds of three seconds), "
        f"{len(languages) * sentences:,} points at five strengths; headless Chromium {where} a GPU"
    )
    return median / least, detail


def _few(_setting: Setting) -> tuple[float, str]:
    return _frames(LANGUAGES[:12], 200, 20)


def _many(_setting: Setting) -> tuple[float, str]:
    return _frames(LANGUAGES, 1000, 5)


def _many_on_gpu(_setting: Setting) -> tuple[float, str]:
    return _frames(LANGUAGES, 1000, 30, on_gpu=True)


BENCHMARKS = (
    Benchmark(
        "map-motion", "frames of the map of 2,400 points in motion", "20 a second", Target("at least", 1.0), _few
    ),
    Benchmark(
        "map-motion-22000", "frames of the map of 22,000 points in motion", "5 a second", Target("at least", 1.0), _many
    ),
    Benchmark("map-motion-gpu", "the same on a GPU", "30 a second", Target("at least", 1.0), _many_on_gpu),
)
