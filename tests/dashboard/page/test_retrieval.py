"""The Retrieval page: its numbers are core's, its marks are the tests', its view is in the link."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.analyses import translation_ranks
from core.analyses.translation_ranks import Ranks
from core.experiment.settings import Experiment
from core.spaces.similarity import COMPARISONS
from core.stats.significance import holm, mcnemar
from dashboard.charts import retrieval as charts
from dashboard.page import retrieval
from dashboard.text import summary
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import OpenPage, experiment_of
from tests.helpers.results import make_result

CODES = ("en", "es", "zh")


def made(seed: int, shift: int) -> Ranks:
    random = np.random.default_rng(seed)
    found = {
        (metric, direction): [
            np.maximum(1, random.integers(1, 9, size=60) - shift * (number + 1)).astype(np.int32)
            for number in range(len(CODES))
        ]
        for metric in COMPARISONS
        for direction in translation_ranks.DIRECTIONS
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
        if measure == "MRR":
            moved = np.round(after - before, 9)  # 1/2 - 1/3 is 1/3 - 1/6, and not to the last bit
            moved = moved[moved != 0]
            one_sided = {way: stats.wilcoxon(moved, alternative=way).pvalue for way in ("less", "greater")}
            agree = (one_sided["greater"] < one_sided["less"]) == (moved.mean() > 0)
            p_values.append(float(stats.wilcoxon(moved).pvalue) if agree else 1.0)
        else:
            p_values.append(mcnemar(before, after))
            assert rows.loc[code, "fixed"] == sum(~before & after)
    assert rows["p"].tolist() == pytest.approx(holm(np.array(p_values)).tolist())


@pytest.mark.parametrize("measure", ["top-1", "MRR"])
def test_one_sentence_tells_nothing_from_chance(measure: str) -> None:
    """Its bootstrap has no width, whatever it finds."""
    sides = [Ranks(4, ((0, "en"),), {("cosine", "from"): [np.array([rank], dtype=np.int32)]}) for rank in (5, 1)]
    rows = retrieval.candidate_frame(*sides, "cosine", "from", measure)
    assert "**0** improve" in retrieval.verdict(rows, measure)


def test_stars_stand_where_the_test_is_sure() -> None:
    rows = retrieval.candidate_frame(made(1, 0), made(2, 3), "cosine", "from", "top-1")
    spec = charts.bars(retrieval.by_space(rows), "top-1").to_dict()
    data = next(iter(spec["datasets"].values()))
    marked = {row["name"] for row in data if row["mark"] == "★"}
    assert marked == set(rows.loc[(rows["p"] < 0.05) & (rows["change"] > 0), "name"])
    assert marked
    assert {row["space"] for row in data if row["mark"]} == {"after"}


def test_the_axis_of_mean_reciprocal_rank_names_its_ticks_as_they_are() -> None:
    rows = retrieval.by_space(retrieval.candidate_frame(made(1, 0), made(2, 3), "cosine", "from", "MRR"))
    encodings = (layer["encoding"] for layer in charts.bars(rows, "MRR").to_dict()["layer"])
    axis = next(found for encoding in encodings if "values" in (found := encoding["x"].get("axis") or {}))
    assert [float(format(tick, axis["format"])) for tick in axis["values"]] == axis["values"]


@pytest.mark.parametrize(
    ("changes", "subject"),
    [({}, "The intervention"), ({"strength": 0.0}, "The model as it is"), ({"control": "random"}, "The control")],
)
def test_what_is_held_against_what_is_free_is_called_what_it_is(changes: dict[str, Any], subject: str) -> None:
    assert retrieval._subject(Experiment(**changes)) == subject
    pre, post = made(1, 0), made(2, 1)
    frame = retrieval.free_frame([(subject, "", post, "cosine"), ("Free: x", "", pre, "centred")], "from", "top-1")
    assert f"**. {subject} gives 0." in retrieval.free_verdict(frame, "top-1")


def test_the_verdict_counts_languages_and_sentences() -> None:
    rows = retrieval.candidate_frame(made(1, 0), made(2, 3), "cosine", "from", "top-1")
    said = retrieval.verdict(rows.assign(p=[0.01, 0.2, 0.3], change=0.1), "top-1")
    assert said.startswith("Of 3 languages, **1** improves and **0** worsen by more than chance, and 2 by no more")
    assert said.endswith("(60 sentences each).")
    alone = retrieval.verdict(rows.head(1).assign(p=0.9), "top-1")
    assert alone.startswith("Of 1 language, **0** improve")
    assert alone.endswith("(60 sentences).")
    assert "average" not in alone


@pytest.mark.parametrize("measure", ["top-1", "MRR"])
def test_what_is_free_stands_beside_with_paired_intervals(measure: str) -> None:
    pre, post = made(1, 0), made(2, 1)
    sides = [("The intervention", "", post, "cosine"), ("Free: CSLS", "", pre, "csls"), ("Free: x", "", pre, "centred")]
    frame = retrieval.free_frame(sides, "to", measure)
    value = {"top-1": lambda r: (r == 1).astype(float), "MRR": lambda r: 1 / r}[measure]
    ours = np.mean([value(post.of(code, "cosine", "to")) for code in CODES], axis=0)
    rng = np.random.default_rng(7)
    draws = rng.integers(0, len(ours), size=(4000, len(ours)))
    for row, (_, _, side, metric) in zip(frame.to_dict("records"), sides, strict=True):
        each = np.mean([value(side.of(code, metric, "to")) for code in CODES], axis=0)
        assert row[measure] == pytest.approx(each.mean())
        assert [row["low"], row["high"]] == pytest.approx(np.percentile(each[draws].mean(1), [2.5, 97.5]), abs=0.02)
        if side is not post:
            more = ours - each
            assert row["ahead"] == pytest.approx(more.mean())
            expected = np.percentile(more[draws].mean(1), [2.5, 97.5])
            assert [row["ahead, low"], row["ahead, high"]] == pytest.approx(expected, abs=0.02)
    assert frame["ahead"].iloc[0] == 0
    more = [ours - np.mean([value(s.of(code, m, "to")) for code in CODES], axis=0) for _, _, s, m in sides[1:]]
    raw = [float(stats.wilcoxon(np.round(each, 6)[np.round(each, 6) != 0]).pvalue) for each in more]
    small, large = sorted(raw)
    expected = {small: min(1.0, 2 * small), large: min(1.0, max(2 * small, large))}  # Holm, of two
    assert frame["p"].iloc[1:].tolist() == pytest.approx([expected[p] for p in raw])
    assert np.isnan(frame["p"].iloc[0])


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        ((0.2, 0.1, 0.3, 0.01), "0.200 more"),
        ((-0.2, -0.3, -0.1, 0.01), "0.200 less"),
        ((0.01, -0.1, 0.1, 0.9), "no difference"),
        ((0.2, 0.1, 0.3, 0.06), "no difference"),  # after Holm's correction
    ],
)
def test_the_verdict_is_about_the_best_of_what_is_free(ahead: tuple[float, ...], says: str) -> None:
    columns = ["what", "how", "top-1", "low", "high", "ahead", "ahead, low", "ahead, high", "p"]
    rows = [
        ("The intervention", "after", 0.5, 0.4, 0.6, np.nan, np.nan, np.nan, np.nan),
        ("Nothing", "before", 0.9, 0.4, 0.6, 0.0, 0.0, 0.0, 1.0),
        ("Free: CSLS", "before", 0.1, 0.0, 0.2, 0.4, 0.3, 0.5, 0.001),
        ("Free: another layer", "layer 3", 0.3, 0.2, 0.4, *ahead),
    ]
    said = retrieval.free_verdict(pd.DataFrame(rows, columns=columns), "top-1")
    assert said.startswith("Of these 2 that are free, **another layer** (layer 3) finds most")
    assert says in said


def test_candidates_of_different_sizes_have_no_interval() -> None:
    short = Ranks(
        4,
        ((0, "en"), (1, "es")),
        {(m, d): [np.array([1, 2], np.int32), np.array([1], np.int32)] for m in COMPARISONS for d in ("from", "to")},
    )
    frame = retrieval.free_frame([("The intervention", "", short, "cosine")], "from", "top-1")
    assert frame["top-1"].iloc[0] == 0.75
    assert np.isnan(frame["low"].iloc[0])


def test_the_matrix_holds_every_ordered_pair_and_white_is_no_change() -> None:
    result = make_result(by_candidate={"en": (0.1, 0.9), "es": (0.5, 0.2)})
    pairs = retrieval.matrix_frame(result)
    assert len(pairs) == 4 * 3
    spec = charts.matrix(pairs, ["English", "Spanish", "Japanese", "Chinese"]).to_dict()
    scale = spec["layer"][0]["encoding"]["color"]["scale"]
    assert scale["domainMid"] == 0
    assert scale["domain"] == pytest.approx([-0.8, 0.8])


def test_the_page_shows_cores_numbers_and_keeps_its_view(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page("retrieval", seed="41")  # whose control nobody else computes
    until(lambda: page.run().dataframe, "the result is there")
    assert not page.exception
    engine, asked = process.engine(), experiment_of(page)
    pre, post = engine.answer(asked, translation_ranks.both)
    codes = [code for _, code in pre.candidates]
    means = [float(np.mean([(side.of(code) == 1).mean() for code in codes])) for side in (pre, post)]
    said = " ".join(text.value for text in page.markdown)
    assert f"**{summary.percent(means[0])}** to **{summary.percent(means[1])}**" in said
    table = page.dataframe[0].value.set_index("what")["top-1"]
    result = engine.known(asked)
    assert result is not None
    assert table["The intervention"] == pytest.approx(result.target_top1.post)
    assert table["Nothing"] == pytest.approx(result.target_top1.pre)
    assert table["Free: mean-centring"] == pytest.approx(result.centred.pre)
    assert table["Free: another layer"] == pytest.approx(result.best_layer[1].pre)
    assert "Control: random neurons" not in table
    # The rivals do not depend on the seed, so that another test may have had them measured.
    unknown = "such as whitening, are not among these: the page Is it real? has them." in said
    assert unknown != (" on the page Is it real?, **" in said)

    next(button for button in page.button if button.label.startswith("Compute the random control")).click().run()
    until(lambda: "Control: random neurons" in page.run().dataframe[0].value["what"].tolist(), "the control is there")
    control = engine.run(replace(asked, control="random"))
    table = page.dataframe[0].value.set_index("what")["top-1"]
    assert table["Control: random neurons"] == pytest.approx(control.target_top1.post)

    with monkeypatch.context() as gone:  # from the cache, though its job is done
        gone.setattr(process, "known_beside", lambda *_: None)
        page.run()
        assert any(button.label.startswith("Compute the random control") for button in page.button)

    again = open_page("retrieval", seed="41", **{"view.metric": "csls", "view.direction": "to", "view.measure": "MRR"})
    csls = [np.mean([(1 / side.of(code, "csls", "to")).mean() for code in codes]) for side in (pre, post)]
    said = " ".join(text.value for text in again.markdown)
    assert f"**{csls[0]:.3f}** to **{csls[1]:.3f}**" in said
