"""Intervals against scipy's, and how often they cover what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binomtest

from core.stats.intervals import (
    bootstrap,
    bootstrap_ratio,
    bootstrap_statistic,
    share_of,
    student,
    wilson,
    wilson_of,
)


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


def test_students_interval_of_several_samples_is_welchs() -> None:
    random = np.random.default_rng(7)
    samples = [random.normal(0.4, spread, size=n) for spread, n in ((0.1, 9), (0.5, 5), (0.2, 14))]
    # of two, with the weights of a difference, scipy has it
    expected = stats.ttest_ind(samples[0], samples[1], equal_var=False).confidence_interval()
    found = student(samples[:2], (1.0, -1.0))
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    assert (found.value, found.n) == (pytest.approx(samples[0].mean() - samples[1].mean()), 14)
    # of three, by the formula, sample by sample
    weights = (0.5, 0.2, 0.3)
    variance = below = 0.0
    for weight, sample in zip(weights, samples, strict=True):
        n, mean = len(sample), sum(sample) / len(sample)
        part = weight**2 * sum((value - mean) ** 2 for value in sample) / (n - 1) / n
        variance, below = variance + part, below + part**2 / (n - 1)
    half = stats.t.ppf(0.975, variance**2 / below) * np.sqrt(variance)
    mean = sum(weight * sample.mean() for weight, sample in zip(weights, samples, strict=True))
    found = student(samples, weights)
    assert (found.value, found.n) == (pytest.approx(mean), 28)
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half))


def test_students_interval_of_values_that_do_not_differ_has_no_width() -> None:
    found = student([np.full(3, 0.25), np.full(5, 0.75)], (0.5, 0.5))
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.5, 0.5, 8)


def test_the_interval_of_a_share_that_no_sentence_varies_is_wilsons() -> None:
    """Drawn from twelve hits, every draw is twelve hits: that says nothing of the next sentence."""
    for hits, value in ((0, 0.0), (12, 1.0), (6, 0.5)):
        expected = binomtest(hits, 12).proportion_ci(method="wilson")
        found = share_of(np.full(12, value))
        assert (found.value, found.low, found.high, found.n) == pytest.approx((value, *expected, 12))
    varied = np.r_[np.ones(8), np.zeros(4)]
    assert share_of(varied, seed=3) == bootstrap(varied, seed=3)


def test_a_weighted_share_has_as_many_trials_as_give_it_its_variance() -> None:
    random = np.random.default_rng(9)
    samples, weights = [random.binomial(1, 0.3, size=n).astype(float) for n in (40, 10)], (0.5, 0.5)
    found = wilson_of(samples, weights)
    share = (samples[0].mean() + samples[1].mean()) / 2
    assert (found.value, found.n) == (pytest.approx(share), 50)
    # the mean of two means of 40 and 10 varies as one of 32 does: 1 / (1/4/40 + 1/4/10)
    for end in (found.low, found.high):  # where the score test just rejects
        assert (share - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / 32, abs=1e-6)
    even = wilson_of(samples, (0.8, 0.2))  # as they have rows: one sample of all
    together = binomtest(int(sum(map(sum, samples))), 50).proportion_ci(method="wilson")
    assert (even.low, even.high) == pytest.approx(tuple(together))


@given(st.integers(1, 3000), st.data())
def test_wilson_equals_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    low, high = wilson(np.array([hits / n]), n)
    np.testing.assert_allclose([low[0], high[0]], [expected.low, expected.high], atol=1e-10)
