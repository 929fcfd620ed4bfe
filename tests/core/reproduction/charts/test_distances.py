"""The figure of distances."""

from __future__ import annotations

import pytest

from core.reproduction.charts.distances import distances
from core.reproduction.published import DISTANCE_NAMES
from tests.helpers.charts import layer_of, layers
from tests.helpers.reproduction import distance_rows


def test_bars_have_one_standard_error_on_either_side() -> None:
    (figure,) = distances({"distances": distance_rows(0.2).assign(standard_error=0.1)})
    bars = layer_of(layers(figure.chart), "bar")
    assert bars["encoding"]["x"]["sort"] == list(DISTANCE_NAMES)
    assert len(bars["rows"]) == 2 * len(DISTANCE_NAMES)  # cosine alone
    for row in bars["rows"]:
        assert (row["low"], row["high"]) == pytest.approx((row["value"] - 0.1, row["value"] + 0.1))
