"""The tables that charts are drawn from say what the result says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.pipeline import joint_map
from core.pipeline.measure_table import MEASURES
from core.stats.intervals import Interval, wilson
from dashboard.page import map_panel
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


def test_charts_of_a_large_map_draw_what_it_is_fitted_on_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_result()
    every = frames.map_frame(result, 1, [])
    assert len(every) == 4 * N_EVAL
    assert frames.drawn_words(result, every) == map_panel.fitted_words(result, len(every), 2) == ""
    monkeypatch.setattr(joint_map, "MOST_OF_A_SPACE", 2 * N_EVAL)
    drawn = frames.map_frame(result, 1, [])
    assert drawn["text"].tolist() == every[every["row"].isin(["e0", "e2"])]["text"].tolist()
    places = every.set_index("text").loc[drawn["text"], ["x", "y"]].to_numpy()
    np.testing.assert_array_equal(drawn[["x", "y"]].to_numpy(), places)
    assert frames.drawn_words(result, drawn) == " 8 of 20 sentences are drawn."
    assert "fitted on 8 of 20 sentences; the other 12" in map_panel.fitted_words(result, len(every), 2)
    assert map_panel.fitted_words(result, len(drawn), 2) == ""  # a map that holds no others


def test_layers_stand_once_a_space() -> None:
    result = make_result(best_layer=(1, 0.25))
    rows = frames.layer_frame(result).set_index(["space", "layer"])["top1"]
    assert rows["before", 1] == 0.25
    assert rows["after", 1] == result.layers["top1_post"][1]
    assert len(rows) == 2 * len(result.layers)


def test_the_figures_of_chosen_sentences_are_those_of_their_ranks() -> None:
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"language": ["en", "es", "ja"] * 40, "key": np.repeat(range(40), 3)})
    rows = rows.assign(name=rows["language"], before=draw.integers(1, 6, 120), after=draw.integers(1, 3, 120))
    chosen = rows[draw.random(120) < 0.7]
    found = frames.chosen_frame(chosen, "ja").set_index(["name", "space"])
    assert set(found.index) == {(name, space) for name in ("en", "es") for space in ("before", "after")}
    for name, space in found.index:
        row = found.loc[(name, space)]
        ranks = chosen.loc[chosen["language"] == name, space]
        low, high = proportion_confint((ranks == 1).sum(), len(ranks))
        assert (row["top1"], row["n"]) == (pytest.approx((ranks == 1).mean()), len(ranks))
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    gain = frames.chosen_gain(chosen, "ja")
    assert gain is not None
    others = chosen[chosen["language"] != "ja"]
    before, after = ((others[space] == 1).mean() for space in ("before", "after"))
    for interval, expected in zip(gain, (before, after, after - before), strict=True):
        assert interval.value == pytest.approx(expected)
        assert interval.low < interval.value < interval.high
        assert interval.n == others["key"].nunique()
    assert "may be chance" not in map_panel.chosen_words("Japanese", *gain)
    assert "may be chance" in map_panel.chosen_words("Japanese", gain[0], gain[0], Interval(0.0, -0.1, 0.1, 9))
    assert frames.chosen_gain(chosen[chosen["language"] == "ja"], "ja") is None
    assert frames.chosen_gain(rows.assign(before=np.nan), "ja") is None


def proportion_confint(hits: int, n: int) -> tuple[float, float]:
    """Wilson's interval, by scipy."""
    found = stats.binomtest(int(hits), int(n)).proportion_ci(method="wilson")
    return found.low, found.high
