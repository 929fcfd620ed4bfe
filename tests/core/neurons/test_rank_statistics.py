"""Expertise equals scikit-learn's score of each neuron, and experts are chosen the same way every time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score

from core.neurons import rank_statistics

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
    found = rank_statistics.auroc(*case)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slow(*case), rtol=0, atol=1e-12, equal_nan=True)


def slow_precision(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    """Score each neuron and language by itself; scikit-learn gives 0 to a language with no sentence, and warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array(
            [
                [average_precision_score(labels == language, row.astype(np.float64)) for row in responses]
                for language in range(n_languages)
            ]
        )


@settings(max_examples=150, deadline=None)
@given(cases())
def test_average_precision_equals_sklearn(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    found = rank_statistics.average_precision(*case)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slow_precision(*case), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_average_precision_equals_sklearn_on_many_sentences(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    labels = random.integers(0, 6, size=1800)
    responses = (random.normal(size=(9, 1800)) + 0.4 * (labels == 1)).astype(dtype)
    responses[2] = np.round(responses[2])
    responses[3] = -7.0
    found = rank_statistics.average_precision(responses, labels, 6)
    np.testing.assert_allclose(found, slow_precision(responses, labels, 6), rtol=0, atol=1e-12)
    monkeypatch.setattr(rank_statistics, "_CHUNK", 1)
    np.testing.assert_array_equal(rank_statistics.average_precision(responses, labels, 6), found)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_auroc_equals_sklearn_on_many_sentences(dtype: type) -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 5, size=1500)
    responses = (random.normal(size=(12, 1500)) + 0.3 * (labels == 2)).astype(dtype)
    responses[3] = np.round(responses[3])
    responses[4] = 1.5
    responses[5, ::2], responses[5, 1::2] = 0.0, -0.0
    before = responses.copy()
    found = rank_statistics.auroc(responses, labels, 5)
    np.testing.assert_allclose(found, slow(responses, labels, 5), rtol=0, atol=1e-12)
    assert (found[:, 4:6] == 0.5).all()
    assert responses.tobytes() == before.tobytes()


def test_auroc_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    labels, responses = random.integers(0, 3, size=50), random.normal(size=(41, 50)).astype(np.float32)
    whole = rank_statistics.auroc(responses, labels, 3)
    for chunk in (1, 100, 1000):
        monkeypatch.setattr(rank_statistics, "_CHUNK", chunk)
        np.testing.assert_array_equal(rank_statistics.auroc(responses, labels, 3), whole)


def test_auroc_of_more_sentences_than_16_bits_can_number() -> None:
    random = np.random.default_rng(5)
    n = (1 << 16) + 77
    labels = (random.random(n) < 0.3).astype(np.int64)
    responses = (random.normal(size=(2, n)) + labels).astype(np.float16)
    np.testing.assert_allclose(
        rank_statistics.auroc(responses, labels, 2), slow(responses, labels, 2), rtol=0, atol=1e-12
    )


def test_a_language_with_no_sentence_or_with_all_has_no_score() -> None:
    responses = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(rank_statistics.auroc(responses, np.array([0, 0, 0]), 2)).all()
        assert np.isnan(rank_statistics.means(responses, np.array([0, 0, 0]), 2)[1]).all()


def test_perfect_and_worst_experts() -> None:
    labels = np.array([0, 1, 1, 0])
    responses = np.array([[0, 5, 6, 1], [9, 2, 3, 8]], dtype=np.float32)
    np.testing.assert_array_equal(rank_statistics.auroc(responses, labels, 2), [[0, 1], [1, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_not_finite_is_refused(bad: float, dtype: type) -> None:
    responses = np.ones((3, 4), dtype=dtype)
    responses[1, 2] = bad
    with pytest.raises(ValueError, match="finite"):
        rank_statistics.auroc(responses, np.array([0, 1, 0, 1]), 2)


@pytest.mark.parametrize("labels", [[0, 1, 0], [0, 1, 0, 2], [0, -1, 0, 1]], ids=["few", "beyond", "negative"])
def test_labels_that_do_not_fit_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels"):
        rank_statistics.auroc(np.ones((3, 4), dtype=np.float32), np.array(labels), 2)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_means_equal_a_plain_loop(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    responses, labels, n_languages = case
    found = rank_statistics.means(*case)
    assert found.dtype == np.float32
    for language in range(n_languages):
        for neuron, row in enumerate(responses):
            chosen = [float(value) for value, label in zip(row, labels, strict=True) if label == language]
            expected = np.float32(sum(chosen) / len(chosen)) if chosen else np.float32(np.nan)
            scale = max((abs(value) for value in chosen), default=0.0)
            np.testing.assert_allclose(found[language, neuron], expected, rtol=1e-6, atol=1e-7 * scale + 1e-44)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("odd", [np.nan, -np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_found_wherever_it_is(dtype: type[np.floating], odd: float) -> None:
    for row, column in ((0, 0), (3, 17), (6, 40)):
        responses = np.random.default_rng(row).normal(size=(7, 41)).astype(dtype)
        responses[1] = np.finfo(dtype).max  # the greatest that is finite
        rank_statistics.auroc(responses, np.arange(41) % 3, 3)
        responses[row, column] = odd
        with pytest.raises(ValueError, match="finite"):
            rank_statistics.auroc(responses, np.arange(41) % 3, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_signs_zeros_and_the_smallest_and_greatest_numbers_are_in_order(dtype: type[np.floating]) -> None:
    kind = np.finfo(dtype)
    tiny = kind.smallest_subnormal
    values = np.array([kind.min, -1, -kind.tiny, -tiny, -0.0, 0.0, tiny, kind.tiny, 1, kind.max], dtype=dtype)
    random = np.random.default_rng(5)
    responses = random.choice(values, size=(60, 50))
    labels = random.integers(2, size=50)
    labels[:2] = 0, 1
    found = rank_statistics.auroc(responses, labels, 2)
    for row in range(60):
        assert found[1, row] == pytest.approx(roc_auc_score(labels, responses[row].astype(float)), abs=1e-12)
