"""Linear maps against closed forms and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg
from sklearn.linear_model import RidgeCV

from core.spaces.linear_maps import SHRINKAGE, Product, procrustes, ridge, subspace_removal, whitening


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


def centred(random: np.random.Generator, n: int, dim: int) -> np.ndarray:
    rows = random.normal(size=(n, dim)) * np.linspace(0.1, 3, dim)
    return np.asarray(rows - rows.mean(axis=0))


def matrix(found: Product, dim: int) -> np.ndarray:
    """A map as one matrix."""
    return found(np.eye(dim, dtype=np.float32))


@pytest.mark.parametrize(("n", "dim"), [(60, 7), (9, 30)])
def test_whitening_is_the_formula_with_many_rows_and_with_few(random: np.random.Generator, n: int, dim: int) -> None:
    rows = centred(random, n, dim)
    variances, axes = np.linalg.eigh(rows.T @ rows / n)
    principal = rows @ axes / np.sqrt(variances + SHRINKAGE * variances.max())
    found = whitening(rows)(rows.astype(np.float32)) / np.sqrt(variances.max())
    # equal up to a rotation: all products of two rows are the same, also of rows that it was not fitted on
    np.testing.assert_allclose(found @ found.T, principal @ principal.T, atol=2e-4)
    other = random.normal(size=(5, dim)).astype(np.float32)
    mapped = whitening(rows)(other) / np.sqrt(variances.max())
    expected = other @ axes / np.sqrt(np.maximum(variances, 0) + SHRINKAGE * variances.max())
    np.testing.assert_allclose(mapped @ mapped.T, expected @ expected.T, rtol=2e-4, atol=2e-4)


def test_whitening_of_rows_that_are_all_one_point_changes_nothing() -> None:
    rows = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(whitening(np.zeros((5, 3)))(rows), rows)


def test_subspace_removal_takes_away_what_differs_between_means_and_nothing_else(random: np.random.Generator) -> None:
    means = random.normal(size=(4, 12))
    removal = subspace_removal(means)
    left = removal(means.astype(np.float32))
    np.testing.assert_allclose(left, np.broadcast_to(left[0], left.shape), atol=1e-5)
    differences = (means - means.mean(axis=0)).T
    orthogonal = linalg.null_space(differences.T).T.astype(np.float32)
    assert len(orthogonal) == 12 - 3
    np.testing.assert_allclose(removal(orthogonal), orthogonal, atol=1e-5)


@pytest.mark.parametrize(("n", "dim"), [(40, 6), (15, 25), (9, 40)])
def test_ridge_is_scikit_learns_with_its_leave_one_out_penalty(random: np.random.Generator, n: int, dim: int) -> None:
    rows = centred(random, n, dim)
    target = rows @ random.normal(size=(dim, dim)) + random.normal(size=(n, dim))
    target -= target.mean(axis=0)
    largest = np.linalg.svd(rows, compute_uv=False).max() ** 2
    model = RidgeCV(alphas=np.logspace(-5, 1, 13) * largest).fit(rows, target)
    np.testing.assert_allclose(matrix(ridge(rows, target), dim), model.coef_.T, rtol=1e-4, atol=1e-5)


def test_maps_of_few_rows_keep_their_narrow_factors_alone(random: np.random.Generator) -> None:
    """A dense map of each of twelve languages would take 3 GB at a hidden size of 8,192."""
    dim, n = 300, 20
    rows, target = centred(random, n, dim), centred(random, n, dim)
    for fit, r in ((ridge, n), (procrustes, 2 * n)):
        found = fit(rows, target)
        assert found.second is not None
        assert found.first.size + found.second.size == 2 * dim * r


def test_procrustes_is_scipys_where_the_rows_decide_it(random: np.random.Generator) -> None:
    rows, target = centred(random, 50, 8), centred(random, 50, 8)
    np.testing.assert_allclose(
        matrix(procrustes(rows, target), 8), linalg.orthogonal_procrustes(rows, target)[0], atol=1e-5
    )


def test_procrustes_with_few_rows_is_a_rotation_that_leaves_alone_what_the_rows_do_not_reach(
    random: np.random.Generator,
) -> None:
    dim = 40
    plane = np.linalg.qr(random.normal(size=(dim, 6)))[0]
    inner = np.linalg.qr(random.normal(size=(6, 6)))[0]
    rows = centred(random, 10, 6) @ plane.T
    found = matrix(procrustes(rows, rows @ plane @ inner @ plane.T), dim)
    np.testing.assert_allclose(found @ found.T, np.eye(dim), atol=1e-5)
    np.testing.assert_allclose(rows @ found, rows @ plane @ inner @ plane.T, atol=1e-4)
    outside = linalg.null_space(plane.T).T
    np.testing.assert_allclose(outside @ found, outside, atol=1e-4)
