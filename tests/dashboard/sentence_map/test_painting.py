"""The map as it is painted: the graphics card's picture is the canvas's, and both are where the points are."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserType, expect

from benchmarks import motion
from core.charts import palette
from dashboard.sentence_map import LAYOUTS, MapView
from dashboard.sentence_map.component import given, packed, sent
from tests.helpers import browser as finding

CODES = ("en", "zh", "ru", "ko")
EACH = 800  # sentences of a language: as many points in all as are left to a graphics card
WIDTH, MARGIN, TITLE = 1100, 14, 30
BRIGHT, DIM = 0.82, 0.09
LIKE = 0.15  # of what two pictures differ by that are two pixels apart


@pytest.fixture(scope="module")
def with_webgl(browsers: BrowserType) -> Iterator[Browser]:
    """A browser whose graphics card is made of software."""
    flags = [flag for flag in finding.FLAGS if flag != "--disable-gpu"]
    browser = browsers.launch(
        executable_path=finding.executable(),
        args=[*flags, "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-watchdog"],
    )
    yield browser
    browser.close()


def made() -> tuple[pd.DataFrame, dict[float, np.ndarray]]:
    """Sentences at random places, before and after."""
    table, rng = motion.points(CODES, EACH), np.random.default_rng(0)
    return table, {strength: rng.uniform(size=(len(table), 2)) for strength in (0.0, 1.0)}


def painted(browser: Browser, data: bytes, painter: str) -> np.ndarray:
    """The map's pixels: ndarray of int, (height, width, 4)."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.wait_for_function("() => document.createElement('canvas').getContext('webgl2')")  # its process may start late
    tab.set_content(motion.page(data, painter))
    shown = tab.locator(".map[data-frames]")
    expect(shown).to_have_attribute("data-painter", painter)
    tab.wait_for_function("() => document.querySelector('.map').dataset.chosen === '1600'")
    png = b64decode(tab.locator("canvas").evaluate("canvas => canvas.toDataURL()").split(",")[1])
    tab.close()
    return np.asarray(Image.open(BytesIO(png)).convert("RGBA")).astype(int)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_graphics_card_paints_what_the_canvas_does(with_webgl: Browser, layout: str) -> None:
    table, where = made()
    bright = table["language"].isin(["en", "ko"]).to_numpy()
    view = MapView(colour="script", shown=tuple(palette.script(code) for code in ("en", "ko")))
    data = sent(packed(table, where, layout, "zh"), view)
    card, canvas = (painted(with_webgl, data, painter) for painter in ("webgl", "canvas"))
    height, width, _ = card.shape
    assert width == WIDTH

    # Where no other point is near, in the panel before: its colour and its opacity.
    low, high = np.min([*where.values()], axis=(0, 1)), np.max([*where.values()], axis=(0, 1))
    across = np.array([(width - 12) / 2 if layout == "pair" else width, height]) - 2 * MARGIN

    def pixels(strength: float) -> np.ndarray:
        share = (where[strength] - low) / (high - low)
        return MARGIN + np.column_stack([share[:, 0], 1 - share[:, 1]]) * across

    at = pixels(0.0)
    others = np.concatenate([at, pixels(1.0)]) if layout == "together" else at
    near = (np.abs(at[:, None] - others[None]).max(axis=2) < 8).sum(axis=1)
    alone = np.flatnonzero((near == 1) & (at[:, 1] > TITLE))
    scripts = next(one for one in given(table, where, layout, "zh")["colourings"] if one["name"] == "script")
    colours = np.array([[int(one["colour"][i : i + 2], 16) for i in (1, 3, 5)] for one in scripts["groups"]])
    assert 3 < bright[alone].sum() < len(alone) - 3
    for image in (card, canvas):
        x, y = np.floor(at[alone]).astype(int).T
        centres = image[y, x]
        assert centres[:, 3] == pytest.approx(255 * np.where(bright[alone], BRIGHT, DIM), abs=3)
        shown = bright[alone]
        assert np.abs(centres[shown, :3] - colours[scripts["of"][alone]][shown]).max() <= 3
    card, canvas = on_white(card), on_white(canvas)
    assert np.abs(card - canvas).mean() < LIKE * np.abs(canvas - np.roll(canvas, 2, axis=1)).mean()


def on_white(image: np.ndarray) -> np.ndarray:
    """As it is seen: where hardly anything is drawn, its colour is one of a few."""
    return (image[..., :3] * image[..., 3:] + 255 * (255 - image[..., 3:])) / 255
