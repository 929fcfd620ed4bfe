"""The charts as specifications: what is drawn where, in which colour, and what hovering says."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from core.language.codes import describe
from core.stats.intervals import wilson
from dashboard.charts import explore as charts
from dashboard.charts import palette, theme
from dashboard.text.frames import bar_frame, map_frame
from tests.helpers.results import N_EVAL, N_LAYERS, make_result

LANGUAGES = ("en", "es", "ja", "zh")


@pytest.fixture
def frames() -> list[pd.DataFrame]:
    """Points before and after."""
    result = make_result()
    return [map_frame(result, space, []) for space in (0, 1)]


def spec(chart: Any) -> dict[str, Any]:
    """The chart as Vega-Lite, every layer with its rows under ``rows``."""
    made = chart.to_dict()
    for layer in made["layer"]:
        layer["rows"] = made["datasets"][layer["data"]["name"]]
    return made


def maps(frames: list[pd.DataFrame]) -> list[dict[str, Any]]:
    window = charts.plane(pd.concat(frames))
    colours = palette.colours(LANGUAGES)
    return [
        spec(charts.language_map(frame, colours, window, ghosts))
        for frame, ghosts in zip(frames, (None, frames[0]), strict=True)
    ]


def layer_of(made: dict[str, Any], mark: str, shape: str | None = None) -> dict[str, Any]:
    """The one layer with a mark (and shape)."""
    found = [x for x in made["layer"] if x["mark"]["type"] == mark and x["mark"].get("shape") == shape]
    assert len(found) == 1
    return found[0]


def domains(made: dict[str, Any], axis: str) -> set[tuple[float, float]]:
    return {tuple(layer["encoding"][axis]["scale"]["domain"]) for layer in made["layer"]}


# -- maps ------------------------------------------------------------------------------------------------------------


def test_both_maps_show_the_same_window_with_every_point_inside(frames: list[pd.DataFrame]) -> None:
    before, after = maps(frames)
    points = pd.concat(frames)
    for axis in ("x", "y"):
        (window,) = domains(before, axis)
        assert domains(after, axis) == {window}
        assert window[0] < points[axis].min()
        assert window[1] > points[axis].max()
        assert all(layer["encoding"][axis]["scale"]["nice"] is False for x in (before, after) for layer in x["layer"])


def test_a_single_place_still_has_a_window() -> None:
    (left, right), (bottom, top) = charts.plane(pd.DataFrame({"x": [1.0, 1.0], "y": [2.0, 2.0]}))
    assert left < 1 < right
    assert bottom < 2 < top


def test_dots_before_and_crosses_after_one_colour_a_language(frames: list[pd.DataFrame]) -> None:
    before, after = maps(frames)
    scales = [
        layer_of(made, "point", shape)["encoding"]["color"]["scale"]
        for made, shape in ((before, "circle"), (after, "cross"))
    ]
    assert scales[0] == scales[1]
    assert scales[0]["domain"] == list(LANGUAGES)
    assert len(set(scales[0]["range"])) == len(LANGUAGES)


def test_languages_keep_apart_on_the_bars() -> None:
    """Bars stand by name: two languages of one name would fall together."""
    codes = ["zh", "zh-Hant", "yue", "pt", "pt-BR", "sr", "sr-Latn", "ar", "arz", "nb", "nn", "fa", "prs", "azb", "az"]
    assert len({describe(code).english for code in codes}) == len(codes)


def test_every_sentence_is_a_point_with_its_colour_place_and_text(frames: list[pd.DataFrame]) -> None:
    result = make_result()
    for space, made in enumerate(maps(frames)):
        layer = layer_of(made, "point", "cross" if space else "circle")
        rows = layer["rows"]
        assert len(rows) == len(LANGUAGES) * N_EVAL
        for row in rows:
            language, number = row["language"], int(row["row"].removeprefix("e"))
            assert row["text"] == f"{language} evaluation {number}"
            assert row["english"] == f"en evaluation {number}"
            assert row["name"] == describe(language).english
            place = result.maps[0][space][LANGUAGES.index(language), number]
            assert [row["x"], row["y"]] == pytest.approx(place.tolist(), abs=1e-3)


def test_ghosts_are_the_points_before_unnamed_and_faint(frames: list[pd.DataFrame]) -> None:
    before, after = maps(frames)
    ghosts = layer_of(after, "point")
    dots = layer_of(before, "point", "circle")
    assert [(row["x"], row["y"]) for row in ghosts["rows"]] == [(row["x"], row["y"]) for row in dots["rows"]]
    assert ghosts["mark"]["opacity"] < 0.3
    assert ghosts["mark"]["color"] == theme.PRE
    assert "tooltip" not in ghosts["encoding"]
    assert "color" not in ghosts["encoding"]
    assert after["layer"].index(ghosts) == 0  # under the crosses


def test_hovering_tells_language_sentence_english_and_row(frames: list[pd.DataFrame]) -> None:
    for made, shape in zip(maps(frames), ("circle", "cross"), strict=True):
        tooltip = layer_of(made, "point", shape)["encoding"]["tooltip"]
        assert [t["field"] for t in tooltip] == ["name", "text", "english", "row"]
        assert all(t["title"] for t in tooltip)


def test_names_stand_over_the_islands_before(frames: list[pd.DataFrame]) -> None:
    names = layer_of(maps(frames)[0], "text")
    assert {row["name"] for row in names["rows"]} == {"English", "Spanish", "Japanese", "Chinese"}
    for row in names["rows"]:
        own = frames[0][frames[0]["language"] == row["language"]]
        assert row["x"] == pytest.approx(own["x"].median())
        assert own["y"].median() <= row["y"] <= own["y"].max()


def test_highlighted_languages_stand_out_and_the_others_stay() -> None:
    result = make_result()
    frame = map_frame(result, 0, ["ja", "es"])
    assert set(frame[frame["shown"]]["language"]) == {"ja", "es"}
    assert set(frame["language"]) == set(LANGUAGES)
    made = spec(charts.language_map(frame, palette.colours(LANGUAGES), charts.plane(frame)))
    opacity = layer_of(made, "point", "circle")["encoding"]["opacity"]
    assert opacity["condition"]["test"] == "datum.shown"
    assert opacity["condition"]["value"] > 5 * opacity["value"] > 0
    assert {row["language"] for row in layer_of(made, "text")["rows"]} == {"ja", "es"}


def test_a_corpus_without_english_has_no_english(frames: list[pd.DataFrame]) -> None:
    frame = map_frame(make_result(languages=("es", "ja")), 0, [])
    assert (frame["english"] == "").all()
    assert (frames[0]["english"] != "").all()


def test_values_go_into_the_chart_as_they_are_whatever_the_size() -> None:
    """Nothing is dropped or sampled behind the reader's back, and text stays text."""
    n = 6000  # above the 5,000 rows that Altair's own transformer refuses
    points = pd.DataFrame({"x": np.arange(n, dtype=float), "y": 0.0, "language": "en", "name": "English"})
    points = points.assign(text="<b>$x$ [a](b)</b>", english="", row=[str(i) for i in range(n)], shown=True)
    with alt.data_transformers.enable("default", max_rows=None):
        made = spec(charts.language_map(points, palette.colours(("en",)), charts.plane(points)))
    dots = layer_of(made, "point", "circle")
    assert len(dots["rows"]) == n
    assert [row["x"] for row in dots["rows"]] == points["x"].tolist()
    assert {row["text"] for row in dots["rows"]} == {"<b>$x$ [a](b)</b>"}
    assert "transform" not in made
    assert all("transform" not in layer for layer in made["layer"])
    assert all("aggregate" not in e for layer in made["layer"] for e in layer["encoding"].values() if "field" in e)


# -- bars ------------------------------------------------------------------------------------------------------------

BY_CANDIDATE = {"en": (0.2, 0.6), "es": (0.0, 0.8), "zh": (0.4, 0.2)}


def bars() -> dict[str, Any]:
    result = make_result(by_candidate=BY_CANDIDATE, centred=(0.35, 0.5))
    return spec(charts.retrieval_bars(bar_frame(result)))


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
    assert encoding["color"]["scale"] == {"domain": ["before", "after"], "range": [theme.PRE, theme.POST]}
    assert encoding["x"]["scale"]["domain"] == [0, 1]


def test_the_best_language_comes_first() -> None:
    sort = layer_of(bars(), "bar")["encoding"]["y"]["sort"]
    assert sort == {"field": "top1", "op": "max", "order": "descending"}


def test_every_part_of_the_bars_has_the_same_order() -> None:
    """Layers that sort differently would be put side by side wrongly by Vega."""
    assert len({str(layer["encoding"]["y"]["sort"]) for layer in bars()["layer"]}) == 1


def test_intervals_are_wilsons() -> None:
    halo, line = (layer for layer in bars()["layer"] if layer["mark"]["type"] == "rule")
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
    assert ticks["mark"]["color"] == theme.FREE


# -- layers ----------------------------------------------------------------------------------------------------------


def test_layer_lines_show_every_layer_of_both_spaces_and_mark_the_chosen() -> None:
    rows = pd.DataFrame(
        [
            {"layer": layer, "space": space, "top1": layer / 10 + (space == "after") / 20}
            for layer in range(N_LAYERS + 1)
            for space in ("before", "after")
        ]
    )
    made = spec(charts.layer_lines(rows, 3))
    lines = layer_of(made, "line")
    assert pd.DataFrame(lines["rows"]).equals(rows)
    assert lines["encoding"]["color"]["scale"]["domain"] == ["before", "after"]
    assert lines["encoding"]["y"]["scale"]["domain"] == [0, 1]
    assert layer_of(made, "rule")["rows"] == [{"layer": 3}]


def test_colours_and_text_do_not_change_between_charts() -> None:
    """Before and after look the same wherever they stand."""
    rows = pd.DataFrame({"layer": [0, 0], "space": ["before", "after"], "top1": [0.1, 0.2]})
    line = layer_of(spec(charts.layer_lines(rows, 0)), "line")["encoding"]["color"]["scale"]
    assert line == layer_of(bars(), "bar")["encoding"]["color"]["scale"]
