"""Figures of zero-shot transfer from hits that are known, against SciPy and against what each sentence may say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from core.analyses.transfer import Space, Transfer
from core.analyses.transfer_table import lesson, majority, mean_of, means, sentence, table, to_json, within
from tests.helpers.labelled import CENTRED, POST, PRE, RIDGE, found
from tests.helpers.labelled import N_FOUND as N


def test_accuracies_have_wilsons_interval_and_mcnemars_p() -> None:
    frame = table(found({PRE: (0.9, 0.5, 0.2), POST: (0.9, 0.8, 0.4)})).set_index(["space", "test"])
    for (space, code), share in {("pre", "de"): 0.5, ("post", "es"): 0.4}.items():
        row = frame.loc[(space, code)]
        expected = stats.binomtest(round(share * N), N).proportion_ci(method="wilson")
        assert (row["accuracy"], row["low"], row["high"]) == pytest.approx((share, expected.low, expected.high))
        assert row["n"] == N
    raised = 0.3 * N, 0.2 * N
    p = [1.0, *(stats.binomtest(0, round(count), 0.5).pvalue for count in raised)]  # none lost, these gained
    assert frame.loc["post", "p"].tolist() == pytest.approx(p)
    assert frame.loc["post", "p_holm"].tolist() == pytest.approx([1.0, 3 * p[1], 2 * p[2]])
    assert frame.loc["post", "gain"].tolist() == pytest.approx([0.0, 0.3, 0.2])
    assert frame.loc["pre", ["gain", "p", "p_holm"]].isna().all(axis=None)


def test_means_are_over_the_languages_that_were_not_trained_on() -> None:
    frame = means(found({PRE: (0.9, 0.5, 0.2), POST: (0.9, 0.8, 0.4)})).set_index("space")
    assert frame["languages"].tolist() == [2, 2]
    assert frame["accuracy"].tolist() == pytest.approx([0.35, 0.6])
    assert frame["gain"].tolist() == pytest.approx([0.0, 0.25])
    of_a_row = (np.arange(N) < 0.8 * N).astype(float) + (np.arange(N) < 0.4 * N)
    draws = np.random.default_rng(1).integers(N, size=(4000, N))
    low, high = np.percentile((of_a_row / 2)[draws].mean(axis=1), [2.5, 97.5])
    assert (frame.loc["post", "low"], frame.loc["post", "high"]) == pytest.approx((low, high), abs=0.02)


def test_a_mean_of_which_no_row_varies_has_wilsons_interval() -> None:
    """Each test row is right in German and wrong in Spanish: half, of so many rows."""
    half = mean_of(found({PRE: (0.9, 1.0, 0.0)}), "en", PRE)
    assert half is not None
    expected = stats.binomtest(N // 2, N).proportion_ci(method="wilson")
    assert (half.value, half.low, half.high, half.n) == pytest.approx((0.5, *expected, N))


def test_bounds_are_the_most_frequent_class_and_the_language_itself() -> None:
    made = found({PRE: (0.9, 0.5, 0.2), POST: (0.7, 0.8, 0.4)})
    assert (majority(made).value, majority(made).n) == (pytest.approx(2 / 3), N)
    inside = within(made, "en", POST)
    assert inside is not None
    assert inside.value == pytest.approx(0.7)
    assert within(made, "de", POST) is None


@pytest.mark.parametrize(
    ("after", "free", "words"),
    [
        (0.9, 0.5, ["raises that to 90.0%", "reaches 50.0%",
                    "own means (free, needs the sentence's language, and all sentences at once)",
                    "the intervention is better by 40.0 points"]),
        (0.7, 0.9, ["raises that to 70.0%", "reaches 90.0%: better by 20.0 points"]),
        (0.7, 0.7, ["raises", "neither is better than the other beyond chance"]),
        (0.4, 0.4, ["for 40.0%, a change that may be chance (+0.0 points"]),
        (0.1, 0.4, ["lowers that to 10.0% (-30.0 points"]),
    ],
)  # fmt: skip
def test_the_sentence_says_what_the_intervals_allow(after: float, free: float, words: list[str]) -> None:
    made = found({PRE: (0.9, 0.4, 0.4), POST: (0.9, after, after), CENTRED: (0.9, free, free), RIDGE: (1, 1, 1)})
    said = lesson(made, "en", 2)
    assert said is not None
    assert said.best is not None
    assert (said.best.rival.name, said.of, said.languages) == ("own-means", 1, 2)  # ridge is no free map
    text = sentence(said)
    for part in ("trained on English is right for 40.0% of the sentences in 2 other languages (n = 60", *words):
        assert part in text


def test_the_best_that_needs_no_more_than_the_intervention_is_named_too() -> None:
    fair = Space("pre", 2, "subspace")
    shares = {PRE: (0.9, 0.4, 0.4), POST: (0.9, 0.6, 0.6), CENTRED: (0.9, 0.9, 0.9), fair: (0.9, 0.8, 0.8)}
    said = lesson(found(shares), "en", 2)
    assert said is not None
    assert said.best is not None
    assert said.fair is not None
    assert (said.best.rival.name, said.of, said.fair.rival.name) == ("own-means", 2, "subspace")
    text = sentence(said)
    assert "own means (free, needs the sentence's language, and all sentences at once; best of 2 on these rows)" in text
    assert "on these rows) reaches 90.0%: better by 30.0 points" in text
    assert "Of what needs no more than the intervention, subspace removed reaches 80.0%: better by 20.0 points" in text
    by_means = {**shares, Space("pre", 2, "probe-means"): (0.9, 0.85, 0.85)}
    by_source = lesson(replace(found(by_means), by_source=True), "en", 2)
    assert by_source is not None
    assert by_source.fair is not None  # own means need more than an intervention that goes by the language: all rows
    assert (by_source.fair.rival.name, by_source.of_fair) == ("probe-means", 2)
    assert "probe means (best of 2 on these rows) reaches 85.0%" in sentence(by_source)
    alone = lesson(found({PRE: (0.9, 0.4, 0.4), POST: (0.9, 0.6, 0.6), fair: (0.9, 0.8, 0.8)}), "en", 2)
    assert alone is not None
    assert alone.fair is None
    assert "subspace removed (free) reaches" in sentence(alone)


def test_a_winner_picked_on_the_rows_wins_only_after_holms_correction() -> None:
    """Six rows more, of 60, are beyond chance by themselves and not as the best of three."""
    others = [Space("pre", 2, name) for name in ("subspace", "overall-mean")]
    shares = {PRE: (0.9, 0.4, 0.4), POST: (0.9, 0.5, 0.5), CENTRED: (0.9, 0.6, 0.6)}
    alone, one_of_three = (
        lesson(found(of), "en", 2) for of in (shares, shares | dict.fromkeys(others, (0.9, 0.58, 0.58)))
    )
    assert alone is not None
    assert alone.best is not None
    assert one_of_three is not None
    assert one_of_three.best is not None
    p = float(stats.wilcoxon(np.ones(6)).pvalue)
    assert (alone.best.p, one_of_three.best.p) == pytest.approx((p, 3 * p))
    assert (alone.best.sign, one_of_three.best.sign) == (1, 0)
    assert one_of_three.best.lead == alone.best.lead  # the interval alone leaves out zero
    assert alone.best.lead.low > 0
    assert f"better by 10.0 points, 95% interval 3.3 to 18.3, p = {p:.2g}" in sentence(alone)
    said = sentence(one_of_three)
    assert "best of 3 on these rows) reaches 60.0%: neither is better than the other beyond chance (+10.0" in said
    assert f"corrected p = {3 * p:.2g})" in said
    assert "subspace removed (best of 2 on these rows) reaches 58.3%: neither is better" in said
    assert "Without any intervention at the same layer, own means" in said


def test_other_layers_are_free_too_where_they_were_measured() -> None:
    other, its_means = Space("pre", 1), Space("pre", 1, "own-means")
    shares = {PRE: (0.9, 0.4, 0.4), POST: (0.9, 0.6, 0.6), CENTRED: (0.9, 0.7, 0.7)}
    said = lesson(found(shares | {other: (0.9, 0.9, 0.9), its_means: (0.9, 0.8, 0.8)}), "en", 2)
    assert said is not None
    assert said.best is not None
    assert (said.best.space, said.of, said.fair) == (other, 3, None)
    assert (
        "Without any intervention, the model as it is at layer 1 (free; best of 3 on these rows) reaches 90.0%: "
        "better by 30.0 points"
    ) in sentence(said)
    # of the space after at another layer nothing is said
    assert lesson(found(shares | {Space("post", 1): (0.9, 1, 1)}), "en", 2) == lesson(found(shares), "en", 2)


def test_a_sentence_without_rivals_says_nothing_of_them() -> None:
    said = lesson(found({PRE: (0.9, 0.4, 0.4), POST: (0.9, 0.8, 0.8)}), "en", 2)
    assert said is not None
    assert "raises that to 80.0% (+40.0 points" in sentence(said)
    assert "Without" not in sentence(said)


def test_a_rival_that_lacks_a_language_is_compared_over_the_rest_and_wins_nothing() -> None:
    made = found({PRE: (0.9, 0.4, 0.4), POST: (0.9, 0.6, 0.6), CENTRED: (0.9, 0.9, 0.9)})
    hits = {key: dict(of) for key, of in made.hits.items()}
    del hits["en", CENTRED]["es"]
    lacking = Transfer(made.task, "es", 0, hits)
    said = lesson(lacking, "en", 2)
    assert said is not None
    assert said.best is None
    assert sentence(said).endswith("Not measured in all of these languages, and so not compared: own means.")
    row = means(lacking).set_index("rival").loc["own-means"]
    assert (row["languages"], row["gain"]) == (1, pytest.approx(0.5))


def test_a_rival_that_cannot_map_the_language_trained_on_has_no_mean() -> None:
    made = found({PRE: (0.9, 0.4, 0.4), POST: (0.9, 0.6, 0.6)})
    assert mean_of(made, "en", CENTRED) is None
    assert mean_of(made, "de", PRE) is None


def test_json_holds_the_figures_and_no_nan() -> None:
    made = found({PRE: (0.9, 0.5, 0.2), POST: (0.9, 0.8, 0.4), CENTRED: (0.9, 0.9, 0.9)})
    report = json.loads(json.dumps(to_json(made), allow_nan=False))
    row = report["transfer"][4]
    assert {key: row[key] for key in ("train", "test", "space", "layer", "rival", "n")} == {
        "train": "en", "test": "de", "space": "post", "layer": 2, "rival": None, "n": N,
    }  # fmt: skip
    assert [row["rival"] for row in report["transfer"]] == [None] * 6 + ["own-means"] * 3
    assert report["majority"]["class"] == "b"
    assert len(report["lessons"]) == 1
    assert [row["value"] for row in report["within"]] == pytest.approx([0.9] * 3)
