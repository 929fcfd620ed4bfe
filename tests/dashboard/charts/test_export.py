"""Files of charts and tables open in other programs, and hold what was drawn."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.charts import palette
from core.charts.export import specification
from core.charts.maps import language_map, window_of
from core.charts.palette import TEXT
from core.experiment.settings import Experiment
from dashboard.charts import explore as charts
from dashboard.charts import export, present
from dashboard.state import session
from dashboard.text.frames import bar_frame
from tests.helpers.results import make_result

LANGUAGES = ("en", "es", "ja", "zh")


def bars() -> Any:
    return charts.retrieval_bars(bar_frame(make_result()))


def large_map() -> Any:
    """More points than Altair takes by itself."""
    n = 6000
    points = pd.DataFrame({"x": np.arange(n, dtype=float), "y": 0.0, "language": "en", "name": "English"})
    points = points.assign(text="<b>&", english="", row=[str(i) for i in range(n)], shown=True)
    return language_map(points, palette.colours(("en",)), window_of(points))


@pytest.mark.parametrize("chart", [bars, large_map])
def test_pictures_open(chart: Any) -> None:
    drawn = ElementTree.fromstring(export.svg(chart()))
    assert drawn.tag.endswith("svg")
    assert float(drawn.attrib["width"].removesuffix("px")) >= 900
    picture = Image.open(io.BytesIO(export.png(chart())))
    picture.load()
    assert picture.width >= 1800
    assert len(set(picture.convert("RGB").resize((64, 64)).getdata())) > 2  # something is drawn


def test_a_picture_has_the_charts_words_and_every_mark() -> None:
    drawn = ElementTree.fromstring(export.svg(bars()))
    said = {"".join(text.itertext()) for text in drawn.iter() if text.tag.endswith("text")}
    assert {"English", "Spanish", "Chinese", "before", "after"} <= said
    marks = ElementTree.fromstring(export.svg(large_map()))
    assert sum(1 for each in marks.iter() if each.attrib.get("aria-roledescription") == "point") == 6000


def test_tables_come_back_as_they_were() -> None:
    frame = bar_frame(make_result()).assign(text=['<b>, "é"\n日本語'] * 6)
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(export.csv(frame))), frame)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(export.parquet(frame))), frame)


def test_presenter_mode_scales_a_charts_type_and_its_height_and_leaves_the_rest() -> None:
    rows = pd.DataFrame({"layer": [0, 1], "space": ["before", "after"], "top1": [0.1, 0.4]})
    spec, _ = specification(charts.layer_lines(rows, 1))
    scaled = present.larger(spec)
    assert scaled["height"] == 1.3 * spec["height"]
    assert scaled["config"]["axis"]["labelFontSize"] == scaled["config"]["legend"]["titleFontSize"] == 16
    assert {name: part for name, part in scaled.items() if name not in ("height", "config")} == {
        name: part for name, part in spec.items() if name not in ("height", "config")
    }
    assert "axis" not in spec.get("config", {}) or spec["config"]["axis"] != scaled["config"]["axis"]


def _contrast(one: str, other: str) -> float:
    """Contrast of two colours as WCAG 2 defines it."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05)
    return max(lights) / min(lights)


def test_small_type_in_a_chart_is_read_in_a_file_and_has_the_colour_of_the_text_on_a_page() -> None:
    points = pd.DataFrame({"x": [0.0], "y": [0.0], "language": "en", "name": "English", "shown": True})
    points = points.assign(text="a", english="", row="1")
    spec, _ = specification(language_map(points, {"en": "#4785f5"}, ([-1, 1], [-1, 1])))

    def colours(drawn: dict[str, Any]) -> list[str]:
        return [layer["mark"]["color"] for layer in drawn["layer"] if layer["mark"]["type"] == "text"]

    assert [_contrast(colour, "#ffffff") >= 4.5 for colour in colours(spec)] == [True]
    assert colours(present.on_page(spec)) == ["currentColor"]
    assert present.on_page({"datasets": {"a": [TEXT]}, "b": [1, None]}) == {"datasets": {"a": [TEXT]}, "b": [1, None]}


def test_files_of_one_setting_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the page compares it with and by what is chosen; as usual, the setting's name is all."""
    visitor = session.Visitor(experiment=Experiment(target="ja"))
    monkeypatch.setattr(session, "visitor", lambda: visitor)
    names = []
    cases: tuple[tuple[str, dict[str, str], dict[str, str]], ...] = (
        ("", {}, {}),
        ("compare", {"with": "target=es"}, {}),
        ("compare", {"with": "target=de"}, {}),
        ("", {}, {"brush": "0,0,1,1,after"}),
    )
    for page, view, chosen in cases:
        visitor.page, visitor.views[page], visitor.selection = page, view, chosen
        names.append(present._of_view())
    assert names[0] == ""
    assert len(set(names)) == len(names)
