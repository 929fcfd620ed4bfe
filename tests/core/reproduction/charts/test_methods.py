"""The figure of other methods and scores."""

from __future__ import annotations

import pandas as pd

from core.reproduction.charts.methods import methods
from tests.helpers.charts import layer_of, layers


def test_every_method_has_a_bar_and_a_tick_of_what_centring_gives() -> None:
    measured = {"target": "ja", "n": 100, "top1": 0.3, "low": 0.2, "high": 0.4, "centred": 0.6}
    rows = pd.DataFrame(
        [
            {**measured, "method": "none", "score": "none", "control": "unmodified"},
            {**measured, "method": "set-mean", "score": "auroc", "control": "none"},
            {**measured, "method": "set-mean", "score": "auroc", "control": "random"},
        ]
    )
    (figure,) = methods({"methods": rows})
    drawn = layers(figure.chart)
    labels = ["unmodified", "set-mean, auroc", "set-mean, auroc, random neurons"]
    assert [row["label"] for row in layer_of(drawn, "bar")["rows"]] == labels
    assert layer_of(drawn, "tick")["encoding"]["x"]["field"] == "centred"
    assert "Japanese, n = 100" in figure.caption
