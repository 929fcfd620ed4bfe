"""Distances equal the plain loops and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import paired_cosine_distances

from core.spaces import distances


def some(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 1, size=shape).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 20), st.integers(2, 9))
def test_pair_distances_equal_the_plain_loops(seed: int, n_languages: int, n_sentences: int, dim: int) -> None:
    embeddings = some(seed, n_languages, n_sentences, dim)
    found = distances.pair_distances(embeddings)
    assert np.isnan(np.diag(found)).all()
    for a in range(n_languages):
        for b in range(n_languages):
            if a != b:
                each = paired_cosine_distances(embeddings[a].astype(float), embeddings[b].astype(float))
                assert found[a, b] == pytest.approx(each.mean(), abs=1e-6)
                assert found[a, b] == found[b, a]


def test_pair_distances_know_same_opposite_and_orthogonal() -> None:
    x, y = [1.0, 0.0], [0.0, 1.0]
    embeddings = np.array([[x, x], [x, x], [[-1.0, 0.0], [-3.0, 0.0]], [y, y]], dtype=np.float32)
    np.testing.assert_allclose(distances.pair_distances(embeddings)[0, 1:], [0, 2, 1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 8))
def test_medoid_has_the_least_summed_distance(seed: int, n: int, dim: int) -> None:
    points = some(seed, n, dim)
    sums = pairwise_distances(points.astype(float), metric="cosine").sum(axis=1)
    assert sums[distances.medoid(points)] == pytest.approx(sums.min(), abs=1e-5)


def test_medoid_is_the_middle_one() -> None:
    angles = np.array([0.0, 0.9, 1.0, 1.1, 2.5])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32) * [[9], [1], [0.1], [5], [2]]
    assert distances.medoid(points.astype(np.float32)) == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_medoid_distances_equal_the_plain_loop(seed: int, counts: list[int]) -> None:
    languages = [some(seed + number, count, 6) for number, count in enumerate(counts)]
    flat = np.concatenate(languages).astype(float)
    sums = pairwise_distances(flat, metric="cosine").sum(axis=1)
    means = np.stack([language.astype(float).mean(axis=0) for language in languages])
    found = distances.medoid_distances(languages)
    # of two points alone either is a medoid, and so are any that float32 cannot tell apart
    medoids = flat[sums < sums.min() + 1e-5]
    expected = pairwise_distances(medoids, means, metric="cosine")
    assert any(np.allclose(found, row, atol=1e-5) for row in expected)


def test_a_collapsed_space_has_no_distances() -> None:
    collapsed = np.broadcast_to(np.arange(1, 5, dtype=np.float32), (3, 7, 4)).copy()
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(distances.pair_distances(collapsed)[off], 0, atol=1e-6)
    np.testing.assert_allclose(distances.medoid_distances(list(collapsed)), 0, atol=1e-6)
