"""The verdict follows the figures: who is named, who wins, and by how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from core.analyses.rival_spaces import POST, PRE, RivalSpace, RivalSpaces
from core.analyses.rival_verdict import against_all, best, verdict
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.spaces.measured_space import measured
from core.spaces.rivals import RAW, RIVALS
from core.spaces.sentence_tables import SentenceTables
from core.stats.significance import holm

N = 60


def found(share: float) -> np.ndarray:
    """A space in which the first sentences, this share of them, find their translations, and no others do."""
    eye = np.eye(N, dtype=np.float32)
    first = round(share * N)
    return np.stack([eye, np.concatenate([eye[:first], np.roll(eye[first:], 1, axis=0)])])


def spaces_with(asked: Experiment, shares: dict[tuple[str, str, int], float]) -> RivalSpaces:
    bound = plan(asked)
    every = {"raw": RAW, **RIVALS}
    return RivalSpaces(
        bound,
        200,
        tuple(
            RivalSpace(
                every[name], space, layer, False, measured([SentenceTables(found(share), ("ja", "en"))], ["top1"])
            )
            for (name, space, layer), share in shares.items()
        ),
        (),
    )


def test_what_goes_by_the_language_is_set_beside_what_does_too(asked: Experiment) -> None:
    shares = {
        ("raw", PRE, 3): 0.1,
        ("raw", POST, 3): 0.5,
        ("whitening", PRE, 3): 0.9,
        ("subspace-whitening", PRE, 3): 0.8,
        ("ridge", PRE, 3): 1.0,
    }
    told = "Like the intervention, that needs the sentence's language."
    for method, end in (("diff-mean", told), ("incline", "learns from translations, which no free rival does.")):
        spaces = spaces_with(replace(asked, method=method), shares)
        top = best(spaces, in_class=True)
        assert top is not None
        assert top.rival.name == "whitening"  # ridge learns from translations
        text = verdict(spaces)
        assert told in text
        assert text.endswith(end)
        assert "as it does itself" not in text
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
    spaces = spaces_with(asked, shares)
    top, in_class = best(spaces), best(spaces, in_class=True)
    assert top is not None
    assert in_class is not None
    assert (top.rival.name, in_class.rival.name) == ("whitening", "subspace-whitening")
    text = verdict(spaces)
    assert text.startswith("The intervention **loses to** the best free rival: it finds 50% of translations")
    assert "**probe means and whitening at layer 3 of the unmodified model** finds 90%, 40.0 points more [" in text
    assert "needs the sentence's language; the intervention also **loses to** the best rival" in text
    assert "**subspace removed and whitening at layer 3 of the unmodified model**, with 80%, 30.0 points more" in text


def test_an_intervention_that_wins_and_one_that_cannot_be_told_apart(asked: Experiment) -> None:
    shares = {("raw", PRE, 3): 0.1, ("raw", POST, 3): 0.7, ("overall-mean", PRE, 3): 0.3}
    text = verdict(spaces_with(asked, shares))
    assert text.startswith("The intervention **beats** the best free rival: it finds 70%")
    assert "**overall mean at layer 3 of the unmodified model** finds 30%, 40.0 points fewer [" in text
    assert text.endswith("Like the intervention, that needs nothing to be known of a sentence.")
    shares["overall-mean", PRE, 3] = 0.7
    text = verdict(spaces_with(asked, shares))
    assert "**is level with** the best free rival" in text
    assert "a difference of +0.0 points" in text
    shares["raw", PRE, 1] = 0.9  # another layer, as it is
    assert "**the space as it is at layer 1 of the unmodified model** finds 90%" in verdict(spaces_with(asked, shares))
    del shares["overall-mean", PRE, 3], shares["raw", PRE, 1]
    assert verdict(spaces_with(asked, shares)).startswith("No free rival was measured")


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
