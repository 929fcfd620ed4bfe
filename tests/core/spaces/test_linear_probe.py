"""The linear probe against scikit-learn, and against classes that are known."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from core.spaces.linear_probe import NO_CLASS, C, predict


def clouds(seed: int, n: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes around points far apart: (n, 6) and their classes."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(3, size=n).astype(np.int16)
    rows = 8 * np.eye(6)[classes] + spread * generator.standard_normal((n, 6))
    return rows.astype(np.float32), classes


def test_classes_far_apart_are_told_without_a_mistake() -> None:
    (train, classes), (test, truth) = clouds(0, 90), clouds(1, 40)
    (predicted,) = predict(train, classes, [test])
    np.testing.assert_array_equal(predicted, truth)
    assert predicted.dtype == np.int16


def test_is_standardisation_and_logistic_regression_of_scikit_learn() -> None:
    (train, classes), (test, _) = clouds(2, 60, 9.0), clouds(3, 200, 9.0)
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    plain = LogisticRegression(C=C, max_iter=5000).fit((train - mean) / deviation, classes)
    expected = plain.predict((test - mean) / deviation)
    assert 0.2 < (expected == clouds(3, 200, 9.0)[1]).mean() < 0.9  # not a case in which every classifier agrees
    np.testing.assert_array_equal(predict(train, classes, [test])[0], expected)


def test_rows_that_are_not_numbers_or_have_no_class_are_left_out() -> None:
    (train, classes), (test, truth) = clouds(4, 60), clouds(5, 20)
    broken = np.vstack([train, np.full((1, 6), np.nan, np.float32), 100 * np.ones((1, 6), np.float32)])
    marked = np.append(classes, [0, NO_CLASS]).astype(np.int16)
    test[3] = np.inf
    whole, lone = predict(broken, marked, [test, test[:0]])
    np.testing.assert_array_equal(np.delete(whole, 3), np.delete(truth, 3))
    assert whole[3] == NO_CLASS
    assert len(lone) == 0


def test_one_class_alone_trains_nothing() -> None:
    rows, _ = clouds(6, 10)
    assert (predict(rows, np.zeros(10, np.int16), [rows])[0] == NO_CLASS).all()
