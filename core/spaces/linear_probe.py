"""A linear probe: standardisation and multinomial logistic regression on embeddings, as scikit-learn fits them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

C = 0.05
"""Inverse strength of the L2 penalty, as scikit-learn counts it."""
_MAX_ITERATIONS = 2000
NO_CLASS = -1
"""The class of a row that has none: it is not trained on, and a prediction of it is never right."""


def fit(rows: np.ndarray, classes: np.ndarray, *, c: float, steps: int, seed: int | None = None) -> Any:
    """Train a classifier on embeddings.

    Parameters
    ----------
    rows : ndarray of float, (n, dim)
        Finite.
    classes : ndarray of int, (n,)
        At least two different ones.
    c : float
        Inverse strength of the L2 penalty, as scikit-learn counts it.
    steps : int
        Most steps of its solver; it need not come to its end, since the last digits of the weights change no answer.
    seed : int, optional
        Of scikit-learn's random state.

    Returns
    -------
    sklearn.pipeline.Pipeline
    """
    # scikit-learn takes a second to import
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=steps, random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return probe.fit(rows, classes)


def predict(train: np.ndarray, classes: np.ndarray, tests: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Train a classifier on some embeddings, and classify others.

    Parameters
    ----------
    train : ndarray of float32, (n_train, dim)
        Rows that are not finite are not trained on.
    classes : ndarray of int, (n_train,)
        The class of each row, `NO_CLASS` where it has none.
    tests : sequence of ndarray of float32, (n_test, dim)
    seed : int
        Of scikit-learn's random state.

    Returns
    -------
    list of ndarray of int16, (n_test,)
        The predicted class of each row of each test; `NO_CLASS` where the row is not finite, and for all rows if fewer
        than two classes can be trained on.
    """
    usable = np.isfinite(train).all(axis=1) & (classes != NO_CLASS)
    if len(np.unique(classes[usable])) < 2:
        return [np.full(len(rows), NO_CLASS, dtype=np.int16) for rows in tests]
    probe = fit(train[usable].astype(np.float64), classes[usable], c=C, steps=_MAX_ITERATIONS, seed=seed)
    predicted = []
    for rows in tests:
        finite = np.isfinite(rows).all(axis=1)
        found = np.full(len(rows), NO_CLASS, dtype=np.int16)
        if finite.any():
            found[finite] = probe.predict(rows[finite].astype(np.float64))
        predicted.append(found)
    return predicted
