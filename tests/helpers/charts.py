"""Charts as Vega-Lite: each layer with the rows that it is drawn from."""

from __future__ import annotations

from typing import Any


def layers(chart: Any) -> list[dict[str, Any]]:
    """Every layer of a chart as Vega-Lite, checked against its schema, with its rows under ``rows``."""
    spec = chart.to_dict()
    return [
        {**layer, "rows": spec["datasets"][layer.get("data", spec.get("data"))["name"]]}
        for layer in spec.get("layer", [spec])
    ]


def layer_of(chart_layers: list[dict[str, Any]], mark: str, shape: str | None = None) -> dict[str, Any]:
    """The one layer with a mark (and shape)."""
    (layer,) = [x for x in chart_layers if x["mark"]["type"] == mark and x["mark"].get("shape") == shape]
    return layer
