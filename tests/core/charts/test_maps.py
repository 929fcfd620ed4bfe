"""Maps of sentences as Vega-Lite: places, colours, marks, and what hovering says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.charts import palette
from core.charts.export import specification
from core.charts.maps import joint_map, language_map, window_of
from core.language.codes import describe
from tests.helpers.charts import layer_of, layers

LANGUAGES = ("en", "es", "ja", "zh")
N = 5
COLOURS = palette.colours(LANGUAGES)


def points(seed: int, stand_out: tuple[str, ...] = LANGUAGES) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "x": rng.normal(),
            "y": rng.normal(),
            "language": code,
            "name": describe(code).english,
            "text": f"{code} {number}",
            "english": f"en {number}",
            "row": str(number),
            "shown": code in stand_out,
        }
        for code in LANGUAGES
        for number in range(N)
    ]
    return pd.DataFrame(rows)


BEFORE, AFTER = points(1), points(2)


def maps() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    window = window_of(pd.concat([BEFORE, AFTER]))
    return layers(language_map(BEFORE, COLOURS, window)), layers(language_map(AFTER, COLOURS, window, BEFORE))


def domains(drawn: list[dict[str, Any]], axis: str) -> set[tuple[float, float]]:
    return {tuple(layer["encoding"][axis]["scale"]["domain"]) for layer in drawn}


def test_both_maps_show_the_same_window_with_every_point_inside() -> None:
    before, after = maps()
    both = pd.concat([BEFORE, AFTER])
    for axis in ("x", "y"):
        (window,) = domains(before, axis)
        assert domains(after, axis) == {window}
        assert window[0] < both[axis].min()
        assert window[1] > both[axis].max()
        assert all(layer["encoding"][axis]["scale"]["nice"] is False for layer in (*before, *after))


def test_a_single_place_still_has_a_window() -> None:
    (left, right), (bottom, top) = window_of(pd.DataFrame({"x": [1.0, 1.0], "y": [2.0, 2.0]}))
    assert left < 1 < right
    assert bottom < 2 < top


def test_dots_before_and_crosses_after_in_one_colour_a_language() -> None:
    before, after = maps()
    scales = [
        layer_of(drawn, "point", shape)["encoding"]["color"]["scale"]
        for drawn, shape in ((before, "circle"), (after, "cross"))
    ]
    assert scales[0] == scales[1] == {"domain": list(LANGUAGES), "range": [COLOURS[code] for code in LANGUAGES]}
    assert len(set(scales[0]["range"])) == len(LANGUAGES)


def test_every_sentence_is_a_point_and_hovering_tells_what_it_says() -> None:
    for drawn, shape, frame in zip(maps(), ("circle", "cross"), (BEFORE, AFTER), strict=True):
        layer = layer_of(drawn, "point", shape)
        assert layer["rows"] == frame.to_dict("records")
        tooltip = layer["encoding"]["tooltip"]
        assert [line["field"] for line in tooltip] == ["name", "text", "english", "row"]
        assert all(line["title"] for line in tooltip)


def test_ghosts_are_the_points_before_unnamed_and_faint() -> None:
    _, after = maps()
    ghosts = layer_of(after, "point")
    assert ghosts["rows"] == BEFORE[["x", "y"]].to_dict("records")
    assert ghosts["mark"]["opacity"] < 0.3
    assert ghosts["mark"]["color"] == palette.PRE
    assert not {"tooltip", "color"} & set(ghosts["encoding"])
    assert after.index(ghosts) == 0  # under the crosses


def test_names_stand_over_the_islands_before() -> None:
    names = layer_of(maps()[0], "text")
    assert {row["name"] for row in names["rows"]} == {"English", "Spanish", "Japanese", "Chinese"}
    for row in names["rows"]:
        own = BEFORE[BEFORE["language"] == row["language"]]
        assert row["x"] == pytest.approx(own["x"].median())
        assert own["y"].median() <= row["y"] <= own["y"].max()


def test_languages_that_stand_out_are_named_and_the_others_stay() -> None:
    frame = points(1, ("ja", "es"))
    drawn = layers(language_map(frame, COLOURS, window_of(frame)))
    opacity = layer_of(drawn, "point", "circle")["encoding"]["opacity"]
    assert opacity["condition"]["test"] == "datum.shown"
    assert opacity["condition"]["value"] > 5 * opacity["value"] > 0
    assert {row["language"] for row in layer_of(drawn, "text")["rows"]} == {"ja", "es"}


def test_values_go_into_the_chart_as_they_are_whatever_the_size() -> None:
    """Nothing is dropped or sampled behind the reader's back, and text stays text."""
    n = 6000  # above the 5,000 rows that Altair's own transformer refuses
    frame = pd.DataFrame({"x": np.arange(n, dtype=float), "y": 0.0, "language": "en", "name": "English"})
    frame = frame.assign(text="<b>$x$ [a](b)</b>", english="", row=[str(i) for i in range(n)], shown=True)
    spec, tables = specification(language_map(frame, palette.colours(("en",)), window_of(frame)))
    dots = layer_of(spec["layer"], "point", "circle")
    pd.testing.assert_frame_equal(tables[dots["data"]["name"]], frame)
    assert "transform" not in spec
    assert all("transform" not in layer for layer in spec["layer"])
    assert all("aggregate" not in e for layer in spec["layer"] for e in layer["encoding"].values() if "field" in e)


def test_a_joint_map_tells_the_spaces_apart_by_shape_and_the_languages_by_colour() -> None:
    both = pd.concat([BEFORE.assign(space="before"), AFTER.assign(space="after")])
    colours = {describe(code).english: colour for code, colour in COLOURS.items()}
    (drawn,) = layers(joint_map(both, colours))
    assert len(drawn["rows"]) == 2 * N * len(LANGUAGES)
    assert drawn["encoding"]["shape"]["scale"]["domain"] == ["before", "after"]
    names = drawn["encoding"]["color"]["legend"]  # beside the map, it would be cut where it is longer than that is tall
    assert (names["orient"], names["symbolLimit"]) == ("bottom", 0)
    assert drawn["encoding"]["color"]["scale"] == {"domain": list(colours), "range": list(colours.values())}
