"""Charts as Vega-Lite and as files: whole, the same from every thread, and with no setting left behind."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from xml.etree import ElementTree

import altair as alt
import pandas as pd
import pytest
from PIL import Image

from core.charts.export import png, specification, svg

ROWS = pd.DataFrame({"x": range(3), "y": [2.0, float("nan"), 1.0], "name": ["a", "é", "<b>"]})


def chart(rows: pd.DataFrame = ROWS) -> alt.Chart:
    return alt.Chart(rows).mark_point().encode(x="x:Q", y="y:Q", color="name:N")


def test_the_specification_names_its_data() -> None:
    spec, tables = specification(chart())
    assert "datasets" not in spec
    pd.testing.assert_frame_equal(tables[spec["data"]["name"]], ROWS)


def test_layers_of_one_table_share_it_and_others_do_not() -> None:
    renamed = ROWS.rename(columns={"x": "y", "y": "x"})  # the same values under other names
    _, tables = specification(alt.layer(chart(), chart(ROWS.copy()), chart(renamed), chart(ROWS.iloc[::-1])))
    assert len(tables) == 3


def test_what_altair_is_set_to_stays() -> None:
    with alt.theme.enable("dark"), alt.data_transformers.enable("json"):
        specification(chart())
        assert (alt.theme.active, alt.data_transformers.active) == ("dark", "json")


def test_threads_do_not_mix_their_data() -> None:
    together = Barrier(4)

    def names(number: int) -> list[set[str]]:
        together.wait()
        own = chart(ROWS.assign(name=str(number)))
        return [set(table["name"]) for _ in range(20) for table in specification(own)[1].values()]

    with ThreadPoolExecutor(4) as pool:
        for number, seen in enumerate(pool.map(names, range(4))):
            assert seen == [{str(number)}] * 20


@pytest.mark.parametrize("n", [3, 6000])
def test_files_open_and_hold_every_mark(n: int) -> None:
    """Altair by itself refuses more than 5,000 rows."""
    rows = pd.DataFrame({"x": range(n), "y": 1.0, "name": "a"})
    drawn = ElementTree.fromstring(svg(chart(rows), 700))
    assert sum(1 for element in drawn.iter() if element.attrib.get("aria-roledescription") == "point") == n
    assert float(drawn.attrib["width"].removesuffix("px")) >= 700
    picture = Image.open(io.BytesIO(png(chart(rows), 700)))
    picture.load()
    assert picture.width >= 1400


def test_a_chart_keeps_its_own_width_and_style() -> None:
    own = chart().properties(width=123).configure_view(stroke="#010203")
    drawn = svg(own, 700).decode()
    assert float(ElementTree.fromstring(drawn).attrib["width"].removesuffix("px")) < 300
    assert "#010203" in drawn
