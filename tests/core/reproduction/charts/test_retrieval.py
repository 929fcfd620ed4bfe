"""Figures of retrieval and of the random control: every bar has the table's figure and interval."""

from __future__ import annotations

import pandas as pd

from core.charts.palette import FREE, POST, PRE
from core.reproduction.charts.retrieval import control, retrieval
from core.spaces.similarity import COMPARISONS
from tests.helpers.charts import layer_of, layers

CODES = ("en", "es", "ja")
NAMES = {"en": "English", "es": "Spanish", "ja": "Japanese"}


def measurements() -> pd.DataFrame:
    rows = [
        {"metric": metric, "layer": layer, "control": "none", "target": "es", "query": q, "candidate": c, "n": 1200}
        | {"space": space, "top1": top1, "low": top1 - 0.05, "high": top1 + 0.05}
        for metric, layer in (("cosine", 2), ("centred", 2), ("cosine", 1))
        for space in ("pre", "post")
        for number, (q, c) in enumerate((q, c) for q in CODES for c in CODES if q != c)
        for top1 in [0.1 * number + 0.2 * (space == "post") + 0.01 * layer]
    ]
    return pd.DataFrame(rows)


def gains() -> pd.DataFrame:
    rows = [
        {"metric": metric, "layer": layer, "control": control_, "target": target, "view": view}
        | {"pre": 0.1, "pre_low": 0.05, "pre_high": 0.15, "post": post, "post_low": post / 2, "post_high": 2 * post}
        for target in ("es", "ja")
        for control_, post in (("none", 0.4), ("random", 0.2))
        for metric, layer in ((*((name, 2) for name in COMPARISONS), ("cosine", 1)))
        for view in ("target as query", "all pairs")
    ]
    return pd.DataFrame(rows)


TABLES = {"retrieval": measurements(), "gains": gains()}


def test_bars_are_those_of_the_target_as_the_query_by_cosine_at_the_plans_layer() -> None:
    bars, change, free = retrieval(TABLES)
    assert (bars.name, change.name, free.name) == ("retrieval_es", "change_es", "free")
    assert "Spanish as the query" in bars.caption
    assert "n = 1,200" in bars.caption
    rows = layer_of(layers(bars.chart), "bar")["rows"]
    frame = TABLES["retrieval"]
    expected = frame[(frame["query"] == "es") & (frame["layer"] == 2) & (frame["metric"] == "cosine")]
    assert {(row["label"], row["space"]): (row["top1"], row["low"], row["high"]) for row in rows} == {
        (NAMES[row["candidate"]], {"pre": "before", "post": "after"}[row["space"]]): (
            row["top1"],
            row["low"],
            row["high"],
        )
        for row in expected.to_dict("records")
    }


def test_the_matrix_has_the_change_of_every_ordered_pair() -> None:
    cells = layer_of(layers(retrieval(TABLES)[1].chart), "rect")["rows"]
    assert len(cells) == len(CODES) * (len(CODES) - 1)
    assert all(abs(cell["change"] - 0.2) < 1e-9 for cell in cells)


def test_what_is_free_has_every_way_of_comparing_and_the_best_layer_for_each_target() -> None:
    spec = retrieval(TABLES)[2].chart.to_dict()
    (rows,) = spec["datasets"].values()
    ways = {*(comparison.title for comparison in COMPARISONS.values()), "best layer"}
    assert {(row["language"], row["way"], row["space"]) for row in rows} == {
        (language, way, space) for language in ("Spanish", "Japanese") for way in ways for space in ("before", "after")
    }
    assert spec["facet"]["sort"] == ["Spanish", "Japanese"]


def test_random_neurons_stand_beside_experts() -> None:
    (figure,) = control(TABLES)
    bars = layer_of(layers(figure.chart), "bar")
    assert {(row["language"], row["space"]): row["value"] for row in bars["rows"]} == {
        (language, space): value
        for language in ("Spanish", "Japanese")
        for space, value in (("before", 0.1), ("after", 0.4), ("random", 0.2))
    }
    scale = bars["encoding"]["color"]["scale"]
    assert scale == {"domain": ["before", "after", "random"], "range": [PRE, POST, FREE]}
