"""The Retrieval page: its numbers are core's, its marks are the tests', its view is in the link."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core import ranking
from core.ranking import Ranks
from core.significance import holm, mcnemar
from dashboard import shared, words
from dashboard.charts import retrieval as charts
from dashboard.page import retrieval
from tests.dashboard.bench import until
from tests.dashboard.conftest import OpenPage
from tests.dashboard.made import make_result

CODES = ("en", "es", "zh")


def made(seed: int, shift: int) -> Ranks:
    random = np.random.default_rng(seed)
    found = {
        (metric, direction): [
            np.maximum(1, random.integers(1, 9, size=60) - shift * (number + 1)).astype(np.int32)
            for number in range(len(CODES))
        ]
        for metric in ranking.METRICS
        for direction in ranking.DIRECTIONS
    }
    return Ranks(4, tuple((0, code) for code in CODES), found)


@pytest.mark.parametrize("measure", ["top-1", "top-5", "MRR"])
def test_a_row_a_candidate_with_its_test(measure: str) -> None:
    pre, post = made(1, 0), made(2, 1)
    rows = retrieval.candidate_frame(pre, post, "cosine", "from", measure).set_index("candidate")
    value = {"top-1": lambda r: r == 1, "top-5": lambda r: r <= 5, "MRR": lambda r: 1 / r}[measure]
    p_values = []
    for code in CODES:
        before, after = value(pre.of(code)), value(post.of(code))
        assert rows.loc[code, "pre"] == pytest.approx(before.mean())
        assert rows.loc[code, "post"] == pytest.approx(after.mean())
        assert rows.loc[code, "change"] == pytest.approx(after.mean() - before.mean())
        assert rows.loc[code, "pre_low"] <= rows.loc[code, "pre"] <= rows.loc[code, "pre_high"]
        if measure != "MRR":
            p_values.append(mcnemar(before, after))
            assert rows.loc[code, "fixed"] == sum(~before & after)
    if p_values:
        assert rows["p"].tolist() == pytest.approx(holm(np.array(p_values)).tolist())


def test_stars_stand_where_the_test_is_sure() -> None:
    rows = retrieval.candidate_frame(made(1, 0), made(2, 3), "cosine", "from", "top-1")
    spec = charts.bars(retrieval.by_space(rows), "top-1").to_dict()
    data = next(iter(spec["datasets"].values()))
    marked = {row["name"] for row in data if row["mark"] == "★"}
    assert marked == set(rows.loc[(rows["p"] < 0.05) & (rows["change"] > 0), "name"])
    assert marked
    assert {row["space"] for row in data if row["mark"]} == {"after"}


def test_the_matrix_holds_every_ordered_pair_and_white_is_no_change() -> None:
    result = make_result(by_candidate={"en": (0.1, 0.9), "es": (0.5, 0.2)})
    pairs = retrieval.matrix_frame(result)
    assert len(pairs) == 4 * 3
    spec = charts.matrix(pairs, ["English", "Spanish", "Japanese", "Chinese"]).to_dict()
    scale = spec["encoding"]["color"]["scale"]
    assert scale["domainMid"] == 0
    assert scale["domain"] == pytest.approx([-0.8, 0.8])


def test_the_page_shows_cores_numbers_and_keeps_its_view(open_page: OpenPage) -> None:
    page = open_page("retrieval", seed="41")  # whose control nobody else computes
    until(lambda: page.run().dataframe, "the result is there")
    assert not page.exception
    engine, asked = shared.engine(), page.session_state["experiment"]
    pre, post = engine.answer(asked, ranking.both)
    codes = [code for _, code in pre.candidates]
    means = [float(np.mean([(side.of(code) == 1).mean() for code in codes])) for side in (pre, post)]
    said = " ".join(text.value for text in page.markdown)
    assert f"**{words.percent(means[0])}** to **{words.percent(means[1])}**" in said
    table = page.dataframe[0].value.set_index("what")["top-1"]
    result = engine.known(asked)
    assert result is not None
    assert table["The intervention"] == pytest.approx(result.target_top1.post)
    assert table["Nothing"] == pytest.approx(result.target_top1.pre)
    assert table["Free: mean-centring"] == pytest.approx(result.centred.pre)
    assert table["Free: another layer"] == pytest.approx(result.best_layer[1].pre)
    assert "Control: random neurons" not in table

    next(button for button in page.button if button.label.startswith("Compute the random control")).click().run()
    until(lambda: "Control: random neurons" in page.run().dataframe[0].value["what"].tolist(), "the control is there")
    control = engine.run(replace(asked, control="random"))
    table = page.dataframe[0].value.set_index("what")["top-1"]
    assert table["Control: random neurons"] == pytest.approx(control.target_top1.post)

    again = open_page("retrieval", seed="41", **{"view.metric": "csls", "view.direction": "to", "view.measure": "MRR"})
    csls = [np.mean([(1 / side.of(code, "csls", "to")).mean() for code in codes]) for side in (pre, post)]
    said = " ".join(text.value for text in again.markdown)
    assert f"**{csls[0]:.3f}** to **{csls[1]:.3f}**" in said
