"""Bars in groups as Vega-Lite."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from core.charts.bars import Bars
from core.charts.palette import FREE, POST, PRE
from tests.helpers.charts import layer_of, layers

ROWS = pd.DataFrame(
    [
        {"name": name, "space": space, "top1": value, "low": value / 2, "high": value + 0.1, "free": 0.3, "mark": "★"}
        for name, values in (("A", (0.1, 0.4)), ("B", (0.2, 0.6)))
        for space, value in zip(("before", "after"), values, strict=True)
    ]
)


def drawn(**options: Any) -> list[dict[str, Any]]:
    return layers(Bars(category="name", value="top1", title="top-1", **options).draw(ROWS))


def test_a_bar_for_every_category_and_group_the_largest_first() -> None:
    bars = layer_of(drawn(), "bar")
    assert bars["rows"] == ROWS.to_dict("records")
    encoding = bars["encoding"]
    assert encoding["y"]["sort"] == {"field": "top1", "op": "max", "order": "descending"}
    assert encoding["yOffset"] == {"field": "space", "type": "nominal", "sort": ["before", "after"]}
    assert encoding["color"]["scale"] == {"domain": ["before", "after"], "range": [PRE, POST]}
    assert encoding["x"]["scale"]["domain"] == [0, 1]
    assert encoding["x"]["axis"]["title"] == "top-1"


def test_intervals_go_from_low_to_high_with_a_halo_under_the_line() -> None:
    halo, line = (layer for layer in drawn() if layer["mark"]["type"] == "rule")
    assert halo["mark"]["strokeWidth"] > line["mark"]["strokeWidth"]
    assert halo["encoding"] == line["encoding"]
    assert (line["encoding"]["x"]["field"], line["encoding"]["x2"]["field"]) == ("low", "high")


def test_every_layer_has_the_same_order() -> None:
    """Layers that sort differently would be put side by side wrongly by Vega."""
    parts = drawn(free="free", mark="mark")
    assert {layer["mark"]["type"] for layer in parts} == {"bar", "rule", "text", "tick"}
    assert len({str(layer["encoding"]["y"]["sort"]) for layer in parts}) == 1


def test_the_tick_of_what_is_free_stands_once_a_category() -> None:
    tick = layer_of(drawn(free="free"), "tick")
    assert len(tick["rows"]) == 2
    assert tick["encoding"]["x"]["field"] == "free"
    assert tick["mark"]["color"] == FREE
    scale = tick["encoding"]["color"]["scale"]
    assert {row["space"] for row in tick["rows"]} == {scale["domain"][-1]}, "the legend names the tick"
    assert scale["range"][-1] == FREE


def test_bars_that_stand_have_their_categories_below() -> None:
    bars, *intervals = drawn(upright=True, order=["B", "A"])
    assert bars["encoding"]["x"]["sort"] == ["B", "A"]
    assert bars["encoding"]["xOffset"]["field"] == "space"
    assert bars["encoding"]["y"]["field"] == "top1"
    assert intervals
    assert all(layer["encoding"]["y2"]["field"] == "high" for layer in intervals)


@pytest.mark.parametrize("options", [{"group": None}, {"group": "space", "colours": {"after": FREE, "before": PRE}}])
def test_groups_have_the_colours_that_are_given_and_one_group_has_no_legend(options: dict[str, Any]) -> None:
    encoding = layer_of(drawn(**options), "bar")["encoding"]
    if options["group"] is None:
        assert not {"yOffset", "color"} & set(encoding)
    else:
        assert encoding["color"]["scale"] == {"domain": ["after", "before"], "range": [FREE, PRE]}
        assert encoding["yOffset"]["sort"] == ["after", "before"]


def test_bars_without_intervals_are_one_chart() -> None:
    (bars,) = drawn(intervals=False, domain=None)
    assert "scale" not in bars["encoding"]["x"]


def test_a_category_of_one_group_has_its_bar_in_the_middle_in_the_groups_colour() -> None:
    encoding = layer_of(drawn(side_by_side=False), "bar")["encoding"]
    assert "yOffset" not in encoding
    assert encoding["color"]["scale"] == {"domain": ["before", "after"], "range": [PRE, POST]}
