"""Retrieval by candidate language, from ranks that are known, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.analyses.retrieval_table import by_candidate
from core.analyses.translation_ranks import Ranks


def ranks(**of: list[int]) -> Ranks:
    """Ranks of the target's translations, by candidate language."""
    found = [np.array(each, dtype=np.int32) for each in of.values()]
    return Ranks(3, tuple((0, code) for code in of), {("cosine", "from"): found})


def test_a_share_that_no_sentence_varies_has_wilsons_interval_and_a_mean_of_ranks_the_bootstraps() -> None:
    before = ranks(en=[1] * 8, es=[1, 9] * 4, de=[9] * 8)
    after = ranks(en=[1] * 8, es=[1] * 8, de=[9] * 7 + [1])
    frame = by_candidate(before, after).set_index("candidate")
    for code, side, hits in (("en", "pre", 8), ("en", "post", 8), ("es", "post", 8), ("de", "pre", 0)):
        expected = stats.binomtest(hits, 8).proportion_ci(method="wilson")
        found = frame.loc[code, [side, f"{side}_low", f"{side}_high"]].tolist()
        assert found == pytest.approx([hits / 8, *expected])
    draws = np.random.default_rng(1).binomial(8, 0.5, size=20_000) / 8
    assert frame.loc["es", ["pre_low", "pre_high"]].tolist() == pytest.approx(np.percentile(draws, [2.5, 97.5]))
    assert frame.loc["en", ["change", "change_low", "change_high"]].tolist() == [0.0, 0.0, 0.0]
    assert frame.loc["es", ["fixed", "broken"]].tolist() == [4, 0]
    reciprocal = by_candidate(before, after, measure="MRR").set_index("candidate")
    assert reciprocal.loc["en", ["pre", "pre_low", "pre_high"]].tolist() == [1.0, 1.0, 1.0]
