"""The verdict follows the figures: who is named, who wins, and by how much."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from core.analyses.rival_spaces import POST, PRE, RivalSpace, RivalSpaces
from core.analyses.rival_verdict import against_all, best, contenders, verdict
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.spaces.measured_space import measured
from core.spaces.rivals import RAW, RIVALS
from core.spaces.sentence_tables import SentenceTables
from core.stats.significance import fewest_pairs, holm

N = 60


def found(hits: np.ndarray) -> np.ndarray:
    """A space in which these sentences (n,) find their translations, and no others do."""
    eye = np.eye(len(hits), dtype=np.float32)
    candidates = eye.copy()
    candidates[~hits] = np.roll(eye[~hits], 1, axis=0)
    return np.stack([eye, candidates])


def spaces_with(
    asked: Experiment,
    shares: Mapping[tuple[str, str, int], float | np.ndarray],
    chosen: dict[str, int] | None = None,
    rows: int = N,
) -> RivalSpaces:
    """Spaces of known top-1, by the share or by the rows that find theirs; of some rivals the layer that was chosen."""
    bound = plan(asked)
    every = {"raw": RAW, **RIVALS}
    by_row = {
        key: share if isinstance(share, np.ndarray) else np.arange(rows) < round(share * rows)
        for key, share in shares.items()
    }
    return RivalSpaces(
        bound,
        200,
        tuple(
            RivalSpace(
                every[name],
                space,
                layer,
                (chosen or {}).get(name) == layer,
                measured([SentenceTables(found(hits), ("ja", "en"))], ["top1"]),
            )
            for (name, space, layer), hits in by_row.items()
        ),
        (),
    )


def found_hits(share: float) -> np.ndarray:
    return (np.arange(N) < round(share * N)).astype(float)


def test_what_goes_by_the_language_is_set_beside_what_does_too(asked: Experiment) -> None:
    shares = {
        ("raw", PRE, 3): 0.1,
        ("raw", POST, 3): 0.5,
        ("whitening", PRE, 3): 0.9,
        ("subspace-whitening", PRE, 3): 0.8,
        ("ridge", PRE, 3): 1.0,
    }
    told = "Like the intervention, that needs the sentence's language."
    own_means = {**shares, ("own-means", PRE, 3): 0.95}
    for method, end in (("diff-mean", told), ("incline", "learns from translations, which no free rival does.")):
        spaces = spaces_with(replace(asked, method=method), shares)
        top = best(spaces, in_class=True)
        assert top is not None
        assert top.rival.name == "whitening"  # ridge learns from translations
        text = verdict(spaces)
        assert told in text
        assert text.endswith(end)
        text = verdict(spaces_with(replace(asked, method=method), own_means))
        assert (
            "the intervention also **loses to** the best of the 2 that need, like it, no more than the language: "
            "**probe means and whitening" in text
        )
        assert ("learns from translations" in text) == (method == "incline")
    fewer = {key: share for key, share in shares.items() if key[0] != "whitening"}
    assert "the intervention needs its language." in verdict(spaces_with(replace(asked, method="recover"), fewer))


def test_an_intervention_that_loses_to_what_needs_the_language_and_to_what_does_not(asked: Experiment) -> None:
    shares = {
        ("raw", PRE, 3): 0.1,
        ("raw", POST, 3): 0.5,
        ("raw", PRE, 1): 0.6,
        ("whitening", PRE, 3): 0.9,
        ("subspace-whitening", PRE, 3): 0.8,
        ("ridge", PRE, 3): 1.0,
        ("whitening", POST, 3): 0.95,
    }
    spaces = spaces_with(asked, shares, {"raw": 1})
    top, in_class = best(spaces), best(spaces, in_class=True)
    assert top is not None
    assert in_class is not None
    assert (top.rival.name, in_class.rival.name) == ("whitening", "subspace-whitening")
    text = verdict(spaces)
    assert text.startswith("The intervention **loses to** the best of 3 free rivals on these rows: it finds 50% of")
    assert "**probe means and whitening at layer 3 of the unmodified model** finds 90%, 40.0 points more [" in text
    assert "That needs the sentence's language; the intervention also **loses to** the best of the 2 that need" in text
    assert "that need, like it, nothing to be known of a sentence: **subspace removed and whitening" in text
    assert "**subspace removed and whitening at layer 3 of the unmodified model**, with 80%, 30.0 points more" in text


def test_an_intervention_that_wins_and_one_that_cannot_be_told_apart(asked: Experiment) -> None:
    shares = {("raw", PRE, 3): 0.1, ("raw", POST, 3): 0.7, ("overall-mean", PRE, 3): 0.3}
    text = verdict(spaces_with(asked, shares))
    assert text.startswith("The intervention **beats** the one free rival that was measured: it finds 70%")
    assert "**overall mean at layer 3 of the unmodified model** finds 30%, 40.0 points fewer [" in text
    assert text.endswith("Like the intervention, that needs nothing to be known of a sentence.")
    shares["overall-mean", PRE, 3] = 0.7
    text = verdict(spaces_with(asked, shares))
    assert "**is level with** the one free rival" in text
    assert "a difference of +0.0 points" in text
    shares["raw", PRE, 1] = 0.9  # another layer, as it is
    text = verdict(spaces_with(asked, shares, {"raw": 1}))
    assert "the best of 2 free rivals on these rows" in text
    assert "**the space as it is at layer 1 of the unmodified model** finds 90%" in text
    del shares["overall-mean", PRE, 3], shares["raw", PRE, 1]
    assert verdict(spaces_with(asked, shares)).startswith("No free rival was measured")


def test_no_layer_is_chosen_on_the_rows_that_are_measured(asked: Experiment) -> None:
    """A rival stands at the layer that probe rows chose, whatever it finds elsewhere; else at the plan's."""
    shares = {("raw", PRE, layer): share for layer, share in ((1, 0.9), (2, 0.3), (3, 0.1))}
    shares |= {("raw", POST, 3): 0.5}
    shares |= {("whitening", PRE, layer): share for layer, share in ((1, 1.0), (2, 0.6), (3, 0.8))}
    shares |= {("subspace", PRE, 2): 0.95, ("subspace", PRE, 3): 0.7}
    spaces = spaces_with(asked, shares, {"raw": 2, "whitening": 2})
    found = {(space.rival.name, space.layer) for space in contenders(spaces)}
    assert found == {("raw", 2), ("whitening", 2), ("subspace", 3)}
    top = best(spaces)
    assert top is not None
    assert (top.rival.name, top.layer) == ("subspace", 3)
    assert "the best of 3 free rivals on these rows" in verdict(spaces)
    alone = spaces_with(asked, shares, {"raw": 3})  # the plan's layer, from which the intervention starts
    assert "raw" not in {space.rival.name for space in contenders(alone)}


def test_a_difference_that_the_correction_takes_away_is_said_with_its_p(asked: Experiment) -> None:
    shares = {("raw", PRE, 3): 0.5, ("raw", POST, 3): 0.5}
    shares |= {(name, PRE, 3): 0.6 for name in ("subspace", "whitening", "overall-mean", "probe-means")}
    text = verdict(spaces_with(asked, shares))
    # six of 60 sentences differ, all one way: 0.031 by itself, times four
    p = holm(np.array([float(stats.wilcoxon(np.ones(6)).pvalue)] * 4 + [1.0]))[0]
    assert p > 0.05
    assert "**cannot be told from** the best of 4" in text
    assert f"a difference of +10.0 points [+3.3, +18.3], corrected p = {p:.2g}" in text


def test_the_layers_are_named_and_one_that_suits_the_intervention_better_is_told(asked: Experiment) -> None:
    shares = {("raw", PRE, 3): 0.1, ("raw", POST, 3): 0.5, ("raw", POST, 2): 0.7, ("whitening", PRE, 3): 0.9}
    text = verdict(spaces_with(asked, shares))
    assert "it finds 50% of translations from Japanese at layer 3 [" in text.replace(" (日本語)", "")
    low, high = (100 * end for end in stats.bootstrap((found_hits(0.7),), np.mean, rng=0).confidence_interval)
    told = r"At layer 2, the best of 2 measured layers on these rows, the intervention finds 70% \[(.*), (.*)\]\."
    said = re.search(told, text)
    assert said is not None
    assert [float(end) for end in said.groups()] == pytest.approx([low, high], abs=3)
    assert "At layer 2" not in verdict(spaces_with(asked, {**shares, ("raw", POST, 2): 0.4}))
    assert "At layer 2" not in verdict(spaces_with(asked, shares), brief=True)


def test_a_wide_interval_shows_neither_a_difference_nor_that_there_is_none(asked: Experiment) -> None:
    """One of twelve rows each way: no difference is seen, and far more than five points cannot be ruled out."""
    rows = np.arange(12)
    own, other = rows < 6, (rows >= 1) & (rows < 7)
    spaces = spaces_with(asked, {("raw", POST, 3): own, ("overall-mean", PRE, 3): other}, rows=12)
    (moved,) = [row.difference for row in against_all(spaces)]
    assert moved.value == 0
    assert moved.low < -0.05 < 0.05 < moved.high
    text = verdict(spaces)
    assert "**cannot be told from** the one free rival" in text
    assert "level with" not in text
    # one each way of six hundred rows leaves no room for five points
    many = {("raw", POST, 3): np.tile(own, 50), ("overall-mean", PRE, 3): np.r_[other, np.tile(own, 49)]}
    assert "**is level with** the one free rival" in verdict(spaces_with(asked, many, rows=600))


@pytest.mark.parametrize(("rows", "verb"), [(10, "cannot be told from"), (60, "is level with")])
def test_rows_that_are_all_equal_show_that_there_is_no_difference_where_they_are_many(
    rows: int, verb: str, asked: Experiment
) -> None:
    """No draw of equal rows has a difference; of ten rows more, one in twenty may well."""
    spaces = spaces_with(asked, {("raw", POST, 3): 0.5, ("overall-mean", PRE, 3): 0.5}, rows=rows)
    (moved,) = [row.difference for row in against_all(spaces)]
    assert (moved.low, moved.high, moved.n) == (0, 0, rows)
    text = verdict(spaces)
    assert f"**{verb}** the one free rival" in text
    assert ("level with" in text) == (verb == "is level with")


def test_what_cannot_be_measured_in_all_languages_is_named_in_the_verdict(asked: Experiment) -> None:
    shares = {("raw", PRE, 3): 0.1, ("raw", POST, 3): 0.5, ("overall-mean", PRE, 3): 0.6}
    spaces = replace(spaces_with(asked, shares), left_out=("whitening", "ridge"))
    assert "Not in all of these languages, and so not compared: probe means and whitening." in verdict(spaces)
    assert "not compared" not in verdict(replace(spaces, left_out=("ridge",)))


def test_too_few_rows_for_any_difference_are_said_to_be(asked: Experiment) -> None:
    """Of six rows that all differ one way the exact p is 1 in 32, which two comparisons make too much."""
    assert [fewest_pairs(tests) for tests in (1, 2, 8)] == [6, 7, 9]
    for tests, least in ((1, 6), (2, 7), (8, 9)):
        p = [holm(np.array([float(stats.wilcoxon(np.ones(n)).pvalue)] * tests))[0] for n in (least - 1, least)]
        assert p[0] >= 0.05 > p[1]
    shares = {("raw", PRE, 3): 0.5, ("raw", POST, 3): 0.5, ("subspace", PRE, 3): 1.0}
    few = spaces_with(asked, shares, rows=6)
    assert "**beats**" not in verdict(few)
    assert "**loses to**" not in verdict(few)
    assert "With 6 rows and 2 comparisons no difference could show: that takes 7 rows at least." in verdict(few)
    assert "could show" not in verdict(spaces_with(asked, shares))


def test_differences_are_paired_and_corrected_over_all_comparisons(asked: Experiment) -> None:
    shares = {("raw", PRE, 3): 0.1, ("raw", POST, 3): 0.5, ("subspace", PRE, 3): 0.55, ("whitening", PRE, 3): 0.9}
    rows = against_all(spaces_with(asked, shares))
    assert [row.space.rival.name for row in rows] == ["raw", "subspace", "whitening"]
    assert [row.difference.value for row in rows] == pytest.approx([0.4, -0.05, -0.4])
    # of 60 sentences 24, 3 and 24 differ, all in one direction
    raw = [float(stats.wilcoxon(np.full(n, 1.0)).pvalue) for n in (24, 3, 24)]
    np.testing.assert_allclose([row.p for row in rows], holm(np.array(raw)))
    assert [row.sign for row in rows] == [1, 0, -1]
    for row in rows:
        assert row.difference.low <= row.difference.value <= row.difference.high


def test_at_strength_0_nothing_beats_or_loses_and_a_control_is_called_that(asked: Experiment) -> None:
    shares = {("raw", PRE, 3): 0.5, ("raw", POST, 3): 0.5, ("whitening", PRE, 3): 0.9}
    text = verdict(spaces_with(replace(asked, strength=0.0), shares))
    assert text.startswith("At **strength 0** there is no intervention: the model as it is finds 50% of translations")
    assert "the one free rival that was measured, finds 90%, 40.0 points more [" in text
    assert "loses" not in text
    text = verdict(spaces_with(replace(asked, control="random"), shares))
    assert text.startswith("The control (the same on random neurons) **loses to** the one free rival")
    assert f"], n = {N}, and" in text


@pytest.mark.parametrize(
    ("method", "rivals", "said"),
    [
        ("set-mean", {}, "so that it is open what {} is worth."),
        ("set-mean", {"whitening": 0.9}, "That needs the sentence's language; {} needs nothing to be known of a"),
        ("set-mean", {"overall-mean": 0.9}, "Like {}, that needs nothing to be known of a sentence."),
        ("set-mean", {"whitening": 0.9, "overall-mean": 0.8}, "; {} also **loses to** the only one that needs, like"),
        ("set-mean", {"whitening": 0.9, "overall-mean": 0.1}, "; {} **beats** the only one that needs, like it,"),
        ("diff-mean", {"overall-mean": 0.9}, "That needs nothing to be known of a sentence; {} needs its language."),
        ("diff-mean", {"whitening": 0.9}, "Like {}, that needs the sentence's language."),
        ("diff-mean", {"ridge": 0.9}, "so that it is open what {} is worth."),  # which learns from translations
        ("incline", {"whitening": 0.9}, "{} learns from translations, which no free rival does."),
        ("incline", {"whitening": 0.9}, "At layer 2, the best of 2 measured layers on these rows, {} finds 70%"),
    ],
)
def test_what_is_said_of_the_intervention_is_said_of_the_control_that_stands_in_its_place(
    method: str, rivals: dict[str, float], said: str, asked: Experiment
) -> None:
    shares = {("raw", PRE, 3): 0.1, ("raw", POST, 3): 0.5, ("raw", POST, 2): 0.7}
    shares |= {(name, PRE, 3): share for name, share in rivals.items()}
    spaces = spaces_with(replace(asked, method=method), shares)
    assert said.format("the intervention").casefold() in verdict(spaces).casefold()
    for control in ("random", "random-layers"):
        text = verdict(spaces_with(replace(asked, method=method, control=control), shares))
        assert said.format("the control").casefold() in text.casefold()
        assert "the intervention" not in text.casefold()
