"""A chart is given again for the same numbers only: a changed setting never shows an old picture."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from dashboard.charts import explore as charts
from dashboard.charts.cache import made_once, spec_of

ROWS = pd.DataFrame({"layer": [0, 1], "space": ["before", "after"], "top1": [0.25, 0.5]})


def test_the_same_numbers_give_the_same_chart() -> None:
    first = charts.layer_lines(ROWS, 1)
    assert charts.layer_lines(ROWS.copy(), 1) is first
    assert first.to_dict() == charts.layer_lines.__wrapped__(ROWS, 1).to_dict()


@pytest.mark.parametrize(
    ("rows", "layer"),
    [
        (ROWS.assign(top1=[0.25, np.nextafter(0.5, 1)]), 1),
        (ROWS.assign(space=["after", "before"]), 1),
        (ROWS.rename(columns={"layer": "layers"}), 1),
        (ROWS.astype({"layer": "int32"}), 1),
        (ROWS.iloc[::-1], 1),
        (ROWS, 0),
        (ROWS, 1.0),
    ],
)
def test_any_difference_gives_another(rows: pd.DataFrame, layer: Any) -> None:
    assert charts.layer_lines(rows, layer) is not charts.layer_lines(ROWS, 1)


def test_one_number_among_many_is_enough() -> None:
    """Streamlit's own hash of a large frame looks at some of its rows only."""
    made: list[int] = []

    @made_once
    def count(rows: pd.DataFrame) -> object:
        made.append(len(rows))
        return object()

    many = pd.DataFrame({"x": np.zeros(200_000)})
    for row in (3, 77_777, 199_999):
        other = many.copy()
        other.loc[row, "x"] = 1.0
        count(many)
        count(other)
    assert len(made) == 4


def test_what_has_no_digest_is_made_anew() -> None:
    make = made_once(lambda what: [what])
    assert make(ROWS) is make(ROWS)
    assert make(object) is not make(object)


def test_a_specification_is_made_once_a_chart() -> None:
    asked: list[Any] = []

    def convert(chart: Any) -> Any:
        asked.append(chart)
        return chart.to_dict()

    one, other = (alt.Chart(ROWS).mark_bar().encode(x=f"{name}:Q") for name in ("layer", "top1"))
    assert spec_of(one, convert) is spec_of(one, convert)
    assert spec_of(other, convert) == other.to_dict() != spec_of(one, convert)
    assert [each is made for each, made in zip(asked, (one, other), strict=True)] == [True, True]
