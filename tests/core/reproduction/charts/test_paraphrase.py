"""The figure of paraphrase retrieval."""

from __future__ import annotations

import pandas as pd

from core.reproduction.charts.paraphrase import paraphrase


def test_experts_and_random_neurons_stand_beside_each_other_in_a_panel_a_language() -> None:
    rows = [
        {"metric": "cosine", "layer": 2, "target": target, "control": control, "comparison": comparison}
        | {"top1": 0.5, "low": 0.4, "high": 0.6}
        for target in ("es", "ja")
        for control in ("none", "random")
        for comparison in ("pre", "post", "mixed")
    ]
    (figure,) = paraphrase({"paraphrase": pd.DataFrame(rows)})
    spec = figure.chart.to_dict()
    assert spec["facet"]["sort"] == ["Spanish", "Japanese"]
    encoding = spec["spec"]["layer"][0]["encoding"]
    assert encoding["x"]["sort"] == ["pre", "post", "mixed"]
    assert encoding["xOffset"]["sort"] == ["experts", "random"]
