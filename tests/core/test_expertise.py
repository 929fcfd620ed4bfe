"""Expertise equals scikit-learn's score of each neuron, and experts are chosen the same way every time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from core import expertise
from core.errors import SettingError

# Many ties and both zeros, and also every kind of finite number, subnormal and huge ones among them.
half = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 65504.0, -65504.0]) | st.floats(
    width=16, allow_nan=False, allow_infinity=False
)
single = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 3.4e38]) | st.floats(
    width=32, allow_nan=False, allow_infinity=False
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Responses of a few neurons to a few sentences, and the sentences' languages."""
    dtype, values = draw(st.sampled_from([(np.float16, half), (np.float32, single)]))
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 24)))
    responses = draw(hnp.arrays(dtype, shape, elements=values))
    n_languages = draw(st.integers(1, 4))
    labels = draw(hnp.arrays(np.int64, shape[1], elements=st.integers(0, n_languages - 1)))
    return responses, labels, n_languages


def slow(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    """Score each neuron and language by itself; NaN where a language has no sentence, or all of them."""
    scores = np.full((n_languages, len(responses)), np.nan)
    for language in range(n_languages):
        truth = labels == language
        if truth.any() and not truth.all():
            for neuron, row in enumerate(responses):
                scores[language, neuron] = roc_auc_score(truth, row.astype(np.float64))
    return scores


@settings(max_examples=150, deadline=None)
@given(cases())
def test_auroc_equals_sklearn(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    found = expertise.auroc(*case)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slow(*case), rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_auroc_equals_sklearn_on_many_sentences(dtype: type) -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 5, size=1500)
    responses = (random.normal(size=(12, 1500)) + 0.3 * (labels == 2)).astype(dtype)
    responses[3] = np.round(responses[3])
    responses[4] = 1.5
    responses[5, ::2], responses[5, 1::2] = 0.0, -0.0
    before = responses.copy()
    found = expertise.auroc(responses, labels, 5)
    np.testing.assert_allclose(found, slow(responses, labels, 5), rtol=0, atol=1e-12)
    assert (found[:, 4:6] == 0.5).all()
    assert responses.tobytes() == before.tobytes()


def test_auroc_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    labels, responses = random.integers(0, 3, size=50), random.normal(size=(41, 50)).astype(np.float32)
    whole = expertise.auroc(responses, labels, 3)
    for chunk in (1, 100, 1000):
        monkeypatch.setattr(expertise, "_CHUNK", chunk)
        np.testing.assert_array_equal(expertise.auroc(responses, labels, 3), whole)


def test_auroc_of_more_sentences_than_16_bits_can_number() -> None:
    random = np.random.default_rng(5)
    n = (1 << 16) + 77
    labels = (random.random(n) < 0.3).astype(np.int64)
    responses = (random.normal(size=(2, n)) + labels).astype(np.float16)
    np.testing.assert_allclose(expertise.auroc(responses, labels, 2), slow(responses, labels, 2), rtol=0, atol=1e-12)


def test_a_language_with_no_sentence_or_with_all_has_no_score() -> None:
    responses = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(expertise.auroc(responses, np.array([0, 0, 0]), 2)).all()
        assert np.isnan(expertise.means(responses, np.array([0, 0, 0]), 2)[1]).all()


def test_perfect_and_worst_experts() -> None:
    labels = np.array([0, 1, 1, 0])
    responses = np.array([[0, 5, 6, 1], [9, 2, 3, 8]], dtype=np.float32)
    np.testing.assert_array_equal(expertise.auroc(responses, labels, 2), [[0, 1], [1, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_not_finite_is_refused(bad: float, dtype: type) -> None:
    responses = np.ones((3, 4), dtype=dtype)
    responses[1, 2] = bad
    with pytest.raises(ValueError, match="finite"):
        expertise.auroc(responses, np.array([0, 1, 0, 1]), 2)


@pytest.mark.parametrize("labels", [[0, 1, 0], [0, 1, 0, 2], [0, -1, 0, 1]], ids=["few", "beyond", "negative"])
def test_labels_that_do_not_fit_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels"):
        expertise.auroc(np.ones((3, 4), dtype=np.float32), np.array(labels), 2)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_means_equal_a_plain_loop(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    responses, labels, n_languages = case
    found = expertise.means(*case)
    assert found.dtype == np.float32
    for language in range(n_languages):
        for neuron, row in enumerate(responses):
            chosen = [float(value) for value, label in zip(row, labels, strict=True) if label == language]
            expected = np.float32(sum(chosen) / len(chosen)) if chosen else np.float32(np.nan)
            scale = max((abs(value) for value in chosen), default=0.0)
            np.testing.assert_allclose(found[language, neuron], expected, rtol=1e-6, atol=1e-7 * scale + 1e-44)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.5, 0.9, 1.0]), min_size=1, max_size=40), st.data())
def test_top_is_by_score_then_by_index(scores: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores)))
    expected = sorted(range(len(scores)), key=lambda neuron: (-scores[neuron], neuron))[:k]
    found = expertise.top(np.array(scores), k)
    assert found.dtype == np.int64
    assert found.tolist() == expected


def test_top_never_prefers_a_missing_score() -> None:
    assert expertise.top(np.array([np.nan, 0.2, np.nan, 0.9]), 2).tolist() == [3, 1]


@pytest.mark.parametrize(
    "choose", [lambda k: expertise.top(np.ones(1234), k), lambda k: expertise.random_neurons(1234, k, 0)]
)
@pytest.mark.parametrize("k", [0, -3, 1235])
def test_impossible_numbers_of_experts_are_refused(choose, k: int) -> None:
    with pytest.raises(SettingError) as caught:
        choose(k)
    assert f"{k:,} experts" in caught.value.what
    if k > 0:
        assert "1,234 neurons" in caught.value.why
        assert "1,234 or fewer" in caught.value.instead
    else:
        assert "at least one" in caught.value.why
        assert "1 or more" in caught.value.instead


@given(st.integers(1, 500), st.data(), st.integers(0, 1000))
def test_random_neurons_are_different_and_inside(n_neurons: int, data: st.DataObject, seed: int) -> None:
    k = data.draw(st.integers(1, n_neurons))
    found = expertise.random_neurons(n_neurons, k, seed)
    assert found.dtype == np.int64
    assert len(set(found.tolist())) == k
    assert found.min() >= 0
    assert found.max() < n_neurons
    np.testing.assert_array_equal(found, expertise.random_neurons(n_neurons, k, seed))


def test_random_neurons_depend_on_the_seed_and_cover_the_model() -> None:
    draws = [expertise.random_neurons(10_000, 200, seed) for seed in range(5)]
    assert len({tuple(draw) for draw in draws}) == 5
    everything = np.concatenate(draws)
    shares = np.histogram(everything, bins=4, range=(0, 10_000))[0] / len(everything)
    assert (abs(shares - 0.25) < 0.08).all()
