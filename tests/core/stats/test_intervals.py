"""Intervals against scipy's, and how often they cover what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binomtest

from core.stats.intervals import bootstrap, bootstrap_ratio, bootstrap_statistic, student, wilson


def test_the_bootstrap_is_scipys() -> None:
    values = np.random.default_rng(1).normal(0.3, 0.2, size=150)
    found = bootstrap(values, resamples=20_000)
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=2).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.002)


def test_the_bootstrap_is_the_same_twice_and_another_with_another_seed() -> None:
    values = np.random.default_rng(1).normal(size=40)
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3)
    assert bootstrap(values, seed=3) != bootstrap(values, seed=4)


def test_its_interval_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(8)
    covered = 0
    for trial in range(300):
        found = bootstrap(random.binomial(1, 0.4, size=100).astype(float), seed=trial, resamples=500)
        covered += found.low <= 0.4 <= found.high
    assert 0.90 <= covered / 300 <= 0.98


def test_the_bootstrap_of_a_ratio_draws_both_sums_together() -> None:
    rng = np.random.default_rng(2)
    tokens = rng.integers(3, 40, size=60)
    losses = tokens * rng.normal(3.0, 0.4, size=60)
    found = bootstrap_ratio(losses, tokens, resamples=20_000)
    expected = stats.bootstrap(
        (losses, tokens),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=3,
    ).confidence_interval
    assert (found.value, found.n) == (pytest.approx(losses.sum() / tokens.sum()), 60)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.005)


def test_the_bootstrap_of_any_statistic_draws_as_scipy_does() -> None:
    values = np.random.default_rng(4).gamma(2.0, size=9)
    found = bootstrap_statistic(lambda drawn: np.median(drawn, axis=-1), values, seed=5)
    expected = stats.bootstrap((values,), np.median, n_resamples=2000, method="percentile", rng=5).confidence_interval
    assert (found.value, found.n) == (np.median(values), 9)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_a_draw_without_the_statistic_is_left_out() -> None:
    """Of two observations, half of the draws hold one of them twice."""
    found = bootstrap_statistic(lambda drawn: np.where(np.ptp(drawn, axis=-1) > 0, 7.0, np.nan), np.array([1.0, 2.0]))
    assert (found.value, found.low, found.high) == (7.0, 7.0, 7.0)


def test_students_interval_is_scipys_and_stays_within_what_a_value_can_be() -> None:
    values = np.random.default_rng(6).normal(0.5, 0.3, size=5)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval()
    found = student([values])
    assert (found.value, found.n) == (pytest.approx(values.mean()), 5)
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    cut = student([np.array([0.0, 1.0])], least=0.0, most=2.0)
    assert (cut.low, cut.high) == (0.0, 2.0)


@given(st.integers(1, 3000), st.data())
def test_wilson_equals_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    low, high = wilson(np.array([hits / n]), n)
    np.testing.assert_allclose([low[0], high[0]], [expected.low, expected.high], atol=1e-10)
