"""The figure of correlations."""

from __future__ import annotations

import pandas as pd

from core.charts.palette import FAINT, colours
from core.reproduction.charts.correlations import correlations


def test_every_panel_names_r_and_is_grey_where_it_is_not_significant() -> None:
    way = {"metric": "cosine", "layer": 2}
    points = pd.DataFrame(
        [
            {**way, "target": target, "candidate": code, "distance_pre": x, "distance_post": x / 2}
            | {"top1_pre": 0.1, "top1_post": 0.1 + x}
            for target in ("es", "ja")
            for code, x in (("en", 0.1), ("de", 0.2), ("ru", 0.4))
        ]
    )
    tested = pd.DataFrame(
        [
            {**way, "target": target, "y": y, "space": space, "r": r, "significant": significant}
            for target, r, significant in (("es", -0.5, True), ("ja", float("nan"), False))
            for y, space in (("accuracy", "pre"), ("accuracy", "post"), ("gain", "change"))
        ]
    )
    (figure,) = correlations({"correlation_points": points, "correlations": tested})
    panels = figure.chart.to_dict()["hconcat"]
    assert len(panels) == 3
    for panel in panels:
        scale = panel["layer"][0]["encoding"]["color"]["scale"]
        assert scale["domain"] == ["Spanish, r = -0.50", "Japanese, no r"]
        assert scale["range"] == [colours(["es", "ja"])["es"], FAINT]
