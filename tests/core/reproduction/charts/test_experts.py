"""Figures of the experts."""

from __future__ import annotations

import pandas as pd
import pytest

from core.reproduction.charts.experts import experts
from tests.helpers.charts import layer_of, layers


def table(targets: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        {"target": target, "measure": "shared", "other": other, "value": 20.0 if target == other else 5.0, "n": 20}
        for target in targets
        for other in targets
    ]
    rows += [
        {"target": target, "measure": "experts at site", "other": "", "value": 3.0, "n": 12, "layer": 1, "site": "up"}
        for target in targets
    ]
    return pd.DataFrame(rows).assign(k=20)


def test_a_sites_share_is_of_its_own_neurons_and_two_languages_share_what_the_table_says() -> None:
    sites, shared = experts({"experts": table(("es", "ja"))})
    (rows,) = sites.chart.to_dict()["datasets"].values()
    assert {row["share"] for row in rows} == {0.25}
    cells = layer_of(layers(shared.chart), "rect")["rows"]
    assert {(cell["one"], cell["other"]) for cell in cells} == {("Spanish", "Japanese"), ("Japanese", "Spanish")}
    assert [(cell["neurons"], cell["share"]) for cell in cells] == [(5.0, pytest.approx(0.25))] * 2


def test_one_target_shares_with_nobody() -> None:
    (sites,) = experts({"experts": table(("es",))})
    assert sites.name == "experts_layers"
