"""Ridge regression in factors, against scikit-learn's with the same penalties."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from core.stats.ridge import ridge_factors


@pytest.mark.parametrize("shape", [(12, 5, 4), (6, 20, 9)])
def test_the_product_predicts_held_out_rows_best_among_the_penalties(shape: tuple[int, int, int]) -> None:
    n, dim, wide = shape
    random = np.random.default_rng(3)
    rows, target = random.normal(size=(n, dim)), random.normal(size=(n, wide))
    rows, target = rows - rows.mean(0), target - target.mean(0)
    first, second = ridge_factors(rows, target)
    assert first.shape == (dim, min(n, dim))
    assert second.shape == (min(n, dim), wide)
    # The same minimum by the normal equations, one penalty after another, leaving out one row after another.
    largest = np.linalg.norm(rows, 2) ** 2
    best, error = np.zeros((dim, wide)), np.inf
    for penalty in np.logspace(-5, 1, 13) * largest:

        def fitted(kept: np.ndarray, penalty: float = penalty) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            z, y = rows[kept] - rows[kept].mean(0), target[kept] - target[kept].mean(0)
            whole = np.linalg.solve(z.T @ z + penalty * np.eye(dim), z.T @ y)
            return whole, rows[kept].mean(0), target[kept].mean(0)

        total = 0.0
        for row in range(n):
            whole, at, to = fitted(np.delete(np.arange(n), row))
            total += float(((target[row] - to - (rows[row] - at) @ whole) ** 2).sum())
        if total < error:
            best, error = fitted(np.arange(n))[0], total
    np.testing.assert_allclose(first @ second, best, atol=1e-8)


def test_a_linear_map_is_found_again() -> None:
    random = np.random.default_rng(1)
    rows, true = random.normal(size=(40, 5)), random.normal(size=(5, 3))
    rows -= rows.mean(0)
    first, second = ridge_factors(rows, rows @ true)
    np.testing.assert_allclose(first @ second, LinearRegression().fit(rows, rows @ true).coef_.T, atol=1e-3)


def test_rows_that_are_all_alike_have_no_map() -> None:
    first, second = ridge_factors(np.zeros((4, 3)), np.ones((4, 2)))
    assert not (first @ second).any()
    assert (first @ second).shape == (3, 2)
