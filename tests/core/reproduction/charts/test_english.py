"""Figures of pairs with English."""

from __future__ import annotations

import pandas as pd

from core.reproduction.charts.english import with_english
from tests.helpers.charts import layer_of, layers


def test_both_directions_have_bars_by_cosine_at_the_plans_layer() -> None:
    rows = [
        {"metric": metric, "layer": 2, "query": query, "candidate": candidate, "space": space}
        | {"top1": 0.5, "low": 0.4, "high": 0.6}
        for metric in ("cosine", "csls")
        for query, candidate in (("es", "en"), ("en", "es"))
        for space in ("pre", "post")
    ]
    (figure,) = with_english("tatoeba", "Tatoeba")({"tatoeba": pd.DataFrame(rows)})
    assert (figure.name, figure.caption[:8]) == ("tatoeba", "Tatoeba,")
    bars = layer_of(layers(figure.chart), "bar")["rows"]
    assert [(row["label"], row["space"]) for row in bars] == [
        (label, space) for label in ("Spanish → English", "English → Spanish") for space in ("before", "after")
    ]
