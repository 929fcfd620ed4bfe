"""Points placed on a fitted map lie with their kind, each by itself; what is fitted is as it is without them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from umap.umap_ import compute_membership_strengths, find_ab_params, smooth_knn_dist

from core.spaces import placing
from core.spaces.placing import fitted_and_placed, held_and_placed, memberships, place
from core.spaces.projection import N_NEIGHBOURS, held_umap, joint_umap, nearest_of
from core.spaces.similarity import normalise
from core.spaces.umap_layout import NEGATIVES

GROUPS, EACH = 4, 60


@pytest.fixture(scope="module")
def spaces() -> tuple[np.ndarray, np.ndarray]:
    """Four clusters in two spaces, row by row from one to the next."""
    random = np.random.default_rng(5)
    middles = np.tile(np.eye(GROUPS, 16, dtype=np.float32) * 4, (EACH, 1))
    return tuple((middles + random.normal(0, 0.5, size=middles.shape)).astype(np.float32) for _ in range(2))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def fitted() -> np.ndarray:
    return np.sort(np.random.default_rng(1).permutation(GROUPS * EACH)[: 2 * EACH])


def test_where_all_are_fitted_the_map_is_that_of_before_bit_for_bit(spaces: tuple[np.ndarray, np.ndarray]) -> None:
    every = np.arange(len(spaces[0]))
    found, expected = held_and_placed(spaces[0], [spaces[1]], every, 3), held_umap(spaces[0], [spaces[1]], 3)
    assert [plane.tobytes() for plane in found] == [plane.tobytes() for plane in expected]
    assert fitted_and_placed(spaces[0], every, 3).tobytes() == joint_umap(spaces[0], spaces[0][:0], 3)[0].tobytes()


def test_what_is_fitted_is_as_it_is_without_what_is_placed(
    spaces: tuple[np.ndarray, np.ndarray], fitted: np.ndarray
) -> None:
    pre, post = spaces
    expected = held_umap(pre[fitted], [post[fitted]], seed=2)
    found = held_and_placed(pre, [post], fitted, seed=2)
    for plane, part in zip(found, expected, strict=True):
        assert plane[fitted].tobytes() == part.tobytes()
    for plane, again in zip(found, held_and_placed(pre, [post], fitted, seed=2), strict=True):
        assert plane.tobytes() == again.tobytes()


def test_before_is_the_same_whatever_lies_beside_it(spaces: tuple[np.ndarray, np.ndarray], fitted: np.ndarray) -> None:
    pre, post = spaces
    one, other = held_and_placed(pre, [post], fitted), held_and_placed(pre, [post[::-1].copy(), pre], fitted)
    assert one[0].tobytes() == other[0].tobytes() == other[2].tobytes()
    changed = pre.copy()
    rest = np.setdiff1d(np.arange(len(pre)), fitted)
    changed[rest] = post[rest]  # a space that differs from the first in rows that are placed alone
    assert not np.array_equal(held_and_placed(pre, [changed], fitted)[1][rest], one[0][rest])


def test_placed_points_lie_with_their_kind_as_in_a_fit_of_all(
    spaces: tuple[np.ndarray, np.ndarray], fitted: np.ndarray
) -> None:
    rest = np.setdiff1d(np.arange(len(spaces[0])), fitted)
    planes = held_and_placed(spaces[0], [spaces[1]], fitted)
    for space, plane, whole in zip(spaces, planes, held_umap(spaces[0], [spaces[1]]), strict=True):
        apart = np.linalg.norm(plane[rest, None] - plane[None, fitted], axis=2)
        assert ((fitted[apart.argmin(axis=1)] % GROUPS) == rest % GROUPS).mean() > 0.95
        ours, theirs = (trustworthiness(space, flat, n_neighbors=10, metric="cosine") for flat in (plane, whole))
        assert ours > theirs - 0.03


def test_a_place_does_not_depend_on_what_is_placed_with_it(
    spaces: tuple[np.ndarray, np.ndarray], fitted: np.ndarray
) -> None:
    held = spaces[0][fitted]
    plane, _ = joint_umap(held, held[:0])
    together = place(spaces[1], held, plane)
    np.testing.assert_allclose(place(spaces[1][40:41], held, plane), together[40:41], atol=1e-3)
    np.testing.assert_allclose(place(spaces[1][::-1].copy(), held, plane)[::-1], together, atol=1e-3)


def test_neighbours_belong_as_strongly_as_in_umap(spaces: tuple[np.ndarray, np.ndarray]) -> None:
    unit = normalise(spaces[0])
    indices, distances = nearest_of(normalise(spaces[1]), unit, N_NEIGHBOURS - 1)
    every = np.arange(len(unit))
    assert (distances == np.sort(distances, axis=1)).all()
    np.testing.assert_array_equal(nearest_of(unit, unit, 1)[0][:, 0], every)
    # umap counts the point itself as the first of its neighbours
    beside = np.column_stack([np.full(len(unit), -1, np.int32), indices])
    away = np.column_stack([np.zeros(len(unit), np.float32), distances])
    widths, nearest = smooth_knn_dist(away, float(N_NEIGHBOURS))
    _, _, strengths, _ = compute_membership_strengths(beside, away, widths, nearest, bipartite=True)
    expected = strengths.reshape(len(unit), -1)[:, 1:]
    np.testing.assert_allclose(memberships(distances), expected, atol=1e-3)


def test_few_or_equal_neighbours_belong_too() -> None:
    np.testing.assert_array_equal(memberships(np.zeros((2, 5), np.float32)), 1)
    np.testing.assert_array_equal(memberships(np.array([[0.3]], np.float32)), 1)
    one = place(np.ones((3, 4), np.float32), np.eye(4, dtype=np.float32), np.zeros((4, 2), np.float32))
    assert np.isfinite(one).all()


def test_equal_embeddings_lie_at_one_place(spaces: tuple[np.ndarray, np.ndarray], fitted: np.ndarray) -> None:
    held = spaces[0][fitted]
    plane, _ = joint_umap(held, held[:0])
    twice = np.repeat(spaces[1][:20], 2, axis=0)
    found = place(twice, held, plane)
    np.testing.assert_allclose(found[::2], found[1::2], atol=1e-3)
    assert len(np.unique(found.round(2), axis=0)) == 20


def test_the_steps_are_those_of_the_plain_loop(
    spaces: tuple[np.ndarray, np.ndarray], fitted: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "N_EPOCHS", 12)  # a few: what rounding moves grows from step to step
    held = spaces[0][fitted]
    plane = np.random.default_rng(2).uniform(0, 10, size=(len(held), 2)).astype(np.float32)
    expected = slow_place(spaces[1][:12], held, plane, seed=9)
    found = place(spaces[1][:12], held, plane, seed=9)
    np.testing.assert_allclose(found, expected, atol=5e-2)


def slow_place(points: np.ndarray, fitted: np.ndarray, plane: np.ndarray, seed: int) -> np.ndarray:
    """UMAP's layout of one point after the other beside points that do not move, in double precision."""
    a, b = find_ab_params(1.0, 0.5)
    cosine = normalise(points).astype(float) @ normalise(fitted).astype(float).T
    placed = []
    for row in cosine:
        near = np.argsort(-row)[: N_NEIGHBOURS - 1]
        weights = memberships((1 - row[near])[None].astype(np.float32))[0]
        at = (weights[:, None] * plane[near]).sum(axis=0) / weights.sum()
        state = int(np.random.default_rng(seed).integers(1, 2**63, dtype=np.uint64))
        due, pushed = np.zeros(len(near)), [0] * len(near)
        for epoch in range(placing.N_EPOCHS):
            rate = 1 - epoch / placing.N_EPOCHS
            for e, (neighbour, weight) in enumerate(zip(near, weights, strict=True)):
                if due[e] > epoch or weight * placing.N_EPOCHS < 1:
                    continue
                due[e] += 1 / weight
                difference = at - plane[neighbour]
                squared = difference @ difference
                at = at + rate * np.clip(-2 * a * b * squared ** (b - 1) / (1 + a * squared**b) * difference, -4, 4)
                away = np.zeros(2)
                more = int(NEGATIVES * epoch * weight) - pushed[e]
                pushed[e] += more
                for _ in range(more):
                    for shift in (13, -7, 17):
                        state ^= (state << shift if shift > 0 else state >> -shift) & (2**64 - 1)
                    difference = at - plane[((state >> 32) * len(plane)) >> 32]
                    squared = difference @ difference
                    away += np.clip(2 * b / ((0.001 + squared) * (1 + a * squared**b)) * difference, -4, 4)
                at = at + rate * away
        placed.append(at)
    return np.array(placed)
