"""Matrices of pairs of languages as Vega-Lite."""

from __future__ import annotations

import pandas as pd
import pytest

from core.charts.matrices import change_matrix, overlap_matrix
from core.charts.palette import TEXT
from tests.helpers.charts import layer_of, layers

PAIRS = pd.DataFrame(
    [
        {"query": "A", "candidate": "B", "pre": 0.1, "post": 0.9, "change": 0.8},
        {"query": "B", "candidate": "A", "pre": 0.5, "post": 0.2, "change": -0.3},
    ]
)


def test_change_is_coloured_the_same_up_and_down_and_white_where_there_is_none() -> None:
    cells = layer_of(layers(change_matrix(PAIRS, ["A", "B"])), "rect")
    scale = cells["encoding"]["color"]["scale"]
    assert scale["domainMid"] == 0
    assert scale["domain"] == pytest.approx([-0.8, 0.8])
    assert cells["rows"] == PAIRS.to_dict("records")
    assert cells["encoding"]["x"]["sort"] == cells["encoding"]["y"]["sort"] == ["A", "B"]


def test_every_language_is_named_and_no_zero_has_a_minus() -> None:
    names = [f"Language {number}" for number in range(22)]
    drawn = layers(change_matrix(PAIRS, names))
    for axis in ("x", "y"):
        assert layer_of(drawn, "rect")["encoding"][axis]["axis"]["labelOverlap"] is False
    (written,) = layer_of(drawn, "text")["transform"]
    assert written["calculate"] == "format(round(100 * datum.change) + 0, '+d')"  # rounding alone gives minus zero


def test_a_small_change_is_not_drawn_as_a_large_one() -> None:
    small = PAIRS.assign(change=[0.01, -0.01])
    cells = layer_of(layers(change_matrix(small, ["A", "B"])), "rect")
    assert cells["encoding"]["color"]["scale"]["domain"] == [-0.05, 0.05]


@pytest.mark.parametrize("shares", [[0.2, 0.0], [0.0, 0.0]])
def test_shared_neurons_are_coloured_by_share_and_counted(shares: list[float]) -> None:
    rows = pd.DataFrame({"one": ["A", "B"], "other": ["B", "A"], "neurons": [20, 0], "share": shares})
    drawn = layers(overlap_matrix(rows, ["A", "B"]))
    cells, numbers = layer_of(drawn, "rect"), layer_of(drawn, "text")
    assert cells["encoding"]["color"]["field"] == "share"
    assert cells["encoding"]["color"]["scale"]["domainMin"] == 0
    assert numbers["encoding"]["color"]["value"] == TEXT  # cells are nearly the page, whose ground says how it is drawn
    assert numbers["transform"] == [{"calculate": "format(datum.neurons, ',d')", "as": "written"}]
