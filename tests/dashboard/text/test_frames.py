"""The tables that charts are drawn from say what the result says."""

from __future__ import annotations

import numpy as np
import pytest

from core.pipeline.measure_table import MEASURES
from core.stats.intervals import wilson
from dashboard.text import frames
from tests.helpers.results import N_EVAL, make_result


def test_every_measure_is_a_row_written_in_its_unit() -> None:
    table = frames.measure_frame(make_result(top1=(0.065, 0.4), distance=(0.7, 0.2), best_layer=(3, 0.25)))
    assert len(table) == len(MEASURES)
    rows = table.set_index("measure")
    assert rows.loc["Top-1 from Japanese"].tolist()[:3] == ["6.5%", "40%", "+33.5 points"]
    assert rows.loc["Distance, all pairs"].tolist()[:3] == ["0.700", "0.200", "-0.500"]
    assert rows.loc["Top-1 at the best unmodified layer (layer 3)"].tolist()[:2] == ["25%", "2.0%"]
    assert rows["what it says"].str.endswith(".").all()


def test_bars_have_the_interval_of_each_share() -> None:
    table = frames.bar_frame(make_result(by_candidate={"en": (0.2, 0.8)}))
    rows = table.set_index(["candidate", "space"])
    assert rows.loc[("en", "before"), "top1"] == 0.2
    low, high = wilson(np.array([0.8]), N_EVAL)
    assert rows.loc[("en", "after"), ["low", "high"]].tolist() == pytest.approx([low[0], high[0]])
    assert set(table["centred_pre"]) == {0.3}


def test_layers_stand_once_a_space() -> None:
    result = make_result(best_layer=(1, 0.25))
    rows = frames.layer_frame(result).set_index(["space", "layer"])["top1"]
    assert rows["before", 1] == 0.25
    assert rows["after", 1] == result.layers["top1_post"][1]
    assert len(rows) == 2 * len(result.layers)
