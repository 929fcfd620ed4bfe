"""Figures of the choice of k."""

from __future__ import annotations

import pandas as pd

from core.charts.palette import colours
from core.reproduction.charts.choice import choice_of_k


def table(**changes: object) -> pd.DataFrame:
    rows = [
        {"target": target, "k": k, "measure": measure, "value": 2.0, "low": 1.0, "high": 3.0, "n": 6}
        for target in ("es", "ja")
        for k in (0, 5)
        for measure in ("probability", "perplexity")
    ]
    return pd.DataFrame(rows).assign(**changes)


def test_each_measure_has_its_figure_with_a_line_a_language() -> None:
    probability, perplexity = choice_of_k({"choice_of_k": table()})
    assert "n = 6 texts" in probability.caption
    by_code = colours(["es", "ja"])
    for figure, scale in ((probability, {"domain": [0, 1]}), (perplexity, {"type": "log"})):
        line = figure.chart.to_dict()["layer"][0]["encoding"]
        assert line["y"]["scale"] == scale
        assert line["color"]["scale"] == {"domain": ["Spanish", "Japanese"], "range": [by_code["es"], by_code["ja"]]}


def test_numbers_of_texts_that_differ_are_both_said() -> None:
    frame = table()
    frame.loc[(frame["measure"] == "perplexity") & (frame["k"] == 5), "n"] = 4
    probability, perplexity = choice_of_k({"choice_of_k": frame})
    assert "n = 6 texts" in probability.caption
    assert "n = 4 to 6 texts" in perplexity.caption


def test_what_is_not_finite_is_left_out() -> None:
    frame = table()
    frame.loc[frame["measure"] == "perplexity", "high"] = float("inf")
    (probability,) = choice_of_k({"choice_of_k": frame})
    assert probability.name == "choice_of_k_probability"
