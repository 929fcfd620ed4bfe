"""Charts of the Explore page as Vega-Lite: what is drawn where and in which colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.charts import palette
from core.language.codes import describe
from core.stats.intervals import wilson
from dashboard.charts import explore as charts
from dashboard.text.frames import bar_frame
from tests.helpers.charts import layer_of, layers
from tests.helpers.results import N_EVAL, N_LAYERS, make_result

BY_CANDIDATE = {"en": (0.2, 0.6), "es": (0.0, 0.8), "zh": (0.4, 0.2)}


def bars() -> list[dict[str, Any]]:
    result = make_result(by_candidate=BY_CANDIDATE, centred=(0.35, 0.5))
    return layers(charts.retrieval_bars(bar_frame(result)))


def test_languages_keep_apart_on_the_bars() -> None:
    """Bars stand by name: two languages of one name would fall together."""
    codes = ["zh", "zh-Hant", "yue", "pt", "pt-BR", "sr", "sr-Latn", "ar", "arz", "nb", "nn", "fa", "prs", "azb", "az"]
    assert len({describe(code).english for code in codes}) == len(codes)


def test_bars_show_both_spaces_of_every_candidate() -> None:
    layer = layer_of(bars(), "bar")
    names = {"English": "en", "Spanish": "es", "Chinese": "zh"}
    shown = {(names[row["name"]], row["space"]): row["top1"] for row in layer["rows"]}
    expected = {
        (code, space): rate[i] for code, rate in BY_CANDIDATE.items() for i, space in ((0, "before"), (1, "after"))
    }
    assert shown == pytest.approx(expected)
    encoding = layer["encoding"]
    assert encoding["yOffset"]["field"] == "space"
    assert encoding["yOffset"]["sort"] == ["before", "after"]
    scale = encoding["color"]["scale"]
    assert scale["domain"][:2] == ["before", "after"]
    assert scale["range"] == [palette.PRE, palette.POST, palette.FREE]
    assert encoding["x"]["scale"]["domain"] == [0, 1]


def test_the_best_language_comes_first() -> None:
    sort = layer_of(bars(), "bar")["encoding"]["y"]["sort"]
    assert sort == {"field": "top1", "op": "max", "order": "descending"}


def test_every_part_of_the_bars_has_the_same_order() -> None:
    """Layers that sort differently would be put side by side wrongly by Vega."""
    assert len({str(layer["encoding"]["y"]["sort"]) for layer in bars()}) == 1


def test_intervals_are_wilsons() -> None:
    halo, line = (layer for layer in bars() if layer["mark"]["type"] == "rule")
    assert halo["mark"]["strokeWidth"] > line["mark"]["strokeWidth"]
    assert halo["encoding"] == line["encoding"]
    assert (line["encoding"]["x"]["field"], line["encoding"]["x2"]["field"]) == ("low", "high")
    for row in line["rows"]:
        low, high = wilson(np.array([row["top1"]]), N_EVAL)
        assert [row["low"], row["high"]] == pytest.approx([low[0], high[0]])
        assert row["n"] == N_EVAL


def test_the_tick_is_what_centring_gives_without_an_intervention() -> None:
    ticks = layer_of(bars(), "tick")
    assert [row["centred_pre"] for row in ticks["rows"]] == pytest.approx([0.35] * 3)
    assert ticks["encoding"]["x"]["field"] == "centred_pre"
    assert ticks["mark"]["color"] == palette.FREE


def test_layer_lines_show_every_layer_of_both_spaces_and_mark_the_chosen() -> None:
    rows = pd.DataFrame(
        [
            {"layer": layer, "space": space, "top1": layer / 10 + (space == "after") / 20}
            for layer in range(N_LAYERS + 1)
            for space in ("before", "after")
        ]
    )
    made = layers(charts.layer_lines(rows, 3))
    lines = layer_of(made, "line")
    assert pd.DataFrame(lines["rows"]).equals(rows)
    assert lines["encoding"]["color"]["scale"]["domain"] == ["before", "after"]
    assert lines["encoding"]["y"]["scale"]["domain"] == [0, 1]
    assert layer_of(made, "rule")["rows"] == [{"layer": 3}]


def test_colours_and_text_do_not_change_between_charts() -> None:
    """Before and after look the same wherever they stand."""
    rows = pd.DataFrame({"layer": [0, 0], "space": ["before", "after"], "top1": [0.1, 0.2]})
    line = layer_of(layers(charts.layer_lines(rows, 0)), "line")["encoding"]["color"]["scale"]
    bar = layer_of(bars(), "bar")["encoding"]["color"]["scale"]
    assert line == {part: values[:2] for part, values in bar.items()}
