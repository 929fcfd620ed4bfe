"""Tests of differences against scipy and worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.stats.significance import holm, mcnemar, signed_ranks


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (1, 0), (9, 2), (30, 30), (3, 41)])
def test_mcnemar_is_the_binomial_test_of_what_differs(fixed: int, broken: int) -> None:
    pre = np.array([False] * fixed + [True] * broken + [True, False] * 5)
    post = np.array([True] * fixed + [False] * broken + [True, False] * 5)
    n = fixed + broken
    chances = stats.binom.pmf(np.arange(n + 1), n, 0.5)  # by the definition: as or less likely outcomes of n fair coins
    expected = chances[chances <= chances[fixed] * (1 + 1e-7)].sum()
    assert mcnemar(pre, post) == pytest.approx(min(expected, 1.0))


@pytest.mark.parametrize("scale", [1.0, 1e-7])
def test_signed_ranks_are_scipys_whatever_the_unit(scale: float) -> None:
    differences = np.random.default_rng(4).normal(0.3, 1.0, size=30)
    assert differences.mean() > 0
    expected = stats.wilcoxon(differences).pvalue
    assert signed_ranks(scale * differences) == pytest.approx(expected)
    noisy = np.r_[differences, [1e-17, -3e-17]]  # the same figure summed in another order
    assert signed_ranks(scale * noisy) == pytest.approx(expected)
    assert signed_ranks(np.array([1e-17, -1e-17, 0.0])) == 1.0


def test_differences_are_equal_to_the_size_of_what_was_subtracted() -> None:
    """Shares of about a half that differ in the last bits of float32: beside one that differs, or alone."""
    bits = np.array([3e-8, -6e-8, 6e-8, 3e-8, -3e-8, 6e-8, 6e-8, 3e-8])
    assert signed_ranks(bits, size=0.5) == 1.0
    assert signed_ranks(bits) < 1.0  # nothing else is there to tell that they are nothing
    moved = np.full(7, 0.1)
    assert signed_ranks(np.r_[bits, moved], size=0.5) == pytest.approx(stats.wilcoxon(moved).pvalue)
    assert signed_ranks(np.zeros(4), size=0.5) == 1.0


def test_holm_on_a_worked_example() -> None:
    # .005 x 4, .011 x 3, .02 x 2, .04 x 1, none below the one before it
    assert holm(np.array([0.02, 0.005, 0.04, 0.011])) == pytest.approx([0.04, 0.02, 0.04, 0.033])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_a_plain_loops(p_values: list[float]) -> None:
    found = holm(np.array(p_values))
    largest, expected = 0.0, {}
    for step, at in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, (len(p_values) - step) * p_values[at])
        expected[at] = min(1.0, largest)
    assert found == pytest.approx([expected[at] for at in range(len(p_values))])
