"""Neighbours are exact, and the joint map is as faithful as umap's own, and the same every time."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import umap
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from core.spaces.projection import ROOM, held_umap, joint_umap, nearest
from core.spaces.similarity import normalise


def points(seed: int, n: int, dim: int = 12) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32))


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Two far clusters, each with half of its points in either space: the first 45 of each array in one."""
    random = np.random.default_rng(8)
    middles = np.repeat(np.eye(2, 16, dtype=np.float32) * 4, 45, axis=0)
    return tuple((middles + random.normal(0, 0.3, size=(90, 16))).astype(np.float32) for _ in range(2))  # type: ignore[return-value]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.data())
def test_nearest_equals_sklearn(seed: int, n: int, data: st.DataObject) -> None:
    unit, k = points(seed, n), data.draw(st.integers(1, n))
    search = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(unit.astype(float))
    distances, indices = search.kneighbors(unit.astype(float))
    found, found_distances = nearest(unit, k)
    assert found.dtype == np.int32
    assert found_distances.dtype == np.float32
    np.testing.assert_allclose(found_distances, distances, atol=1e-6)
    # two neighbours equal to what float32 can tell may change places, and the last one may be either
    gaps = np.diff(distances, axis=1, prepend=-1.0, append=np.inf)
    clear = (gaps[:, :-1] > 1e-6) & (gaps[:, 1:] > 1e-6)
    clear[:, -1] &= k == n
    np.testing.assert_array_equal(found[clear], indices[clear])
    np.testing.assert_array_equal(found[:, 0], np.arange(n))
    assert all(len(set(row)) == k for row in found.tolist())


def test_nearest_of_more_points_than_one_block() -> None:
    unit = points(1, 2500)
    search = NearestNeighbors(n_neighbors=15, metric="cosine", algorithm="brute").fit(unit.astype(float))
    distances, indices = search.kneighbors(unit.astype(float))
    found, found_distances = nearest(unit, 15)
    np.testing.assert_allclose(found_distances, distances, atol=1e-6)
    differ = found != indices
    assert differ.mean() < 1e-3  # two neighbours equal to float32 may change places
    assert (found[:, 0] == np.arange(2500)).all()


def test_a_point_comes_before_its_twins() -> None:
    unit = points(2, 30)
    unit[10:20] = unit[3]
    found, distances = nearest(unit, 5)
    np.testing.assert_array_equal(found[:, 0], np.arange(30))
    assert (distances[:, 0] == 0).all()
    twins = {3, *range(10, 20)}
    for row in twins:
        assert set(found[row].tolist()) <= twins
        assert len(set(found[row].tolist())) == 5
        np.testing.assert_allclose(distances[row], 0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 8))
def test_distances_ascend_and_are_never_negative(seed: int, copies: int) -> None:
    unit = np.tile(points(seed, 6), (copies, 1))
    found, distances = nearest(unit, min(7, len(unit)))
    assert (np.diff(distances, axis=1) >= 0).all()
    assert (distances >= 0).all()
    own = pairwise_distances(unit.astype(float), metric="cosine")
    np.testing.assert_allclose(distances, np.sort(own, axis=1)[:, : distances.shape[1]], atol=1e-6)
    np.testing.assert_allclose(distances, np.take_along_axis(own, found.astype(int), axis=1), atol=1e-6)


def test_the_seed_decides_the_map(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    one, same, other = (joint_umap(*clusters, seed=seed) for seed in (3, 3, 4))
    for space in range(2):
        assert one[space].shape == (90, 2)
        assert one[space].dtype == np.float32
        assert one[space].tobytes() == same[space].tobytes()
        assert not np.allclose(one[space], other[space])


def test_clusters_stay_apart_and_both_spaces_share_the_plane(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    pre, post = joint_umap(*clusters)
    for plane in (pre, post):
        first, second = plane[:45], plane[45:]
        inside = max(np.linalg.norm(part - part.mean(axis=0), axis=1).max() for part in (first, second))
        assert np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) > 2 * inside
    # a cluster that does not move lies on itself
    spread = np.linalg.norm(pre[:45] - pre[:45].mean(axis=0), axis=1).mean()
    assert np.linalg.norm(pre[:45].mean(axis=0) - post[:45].mean(axis=0)) < spread


def test_as_trustworthy_as_umap_itself() -> None:
    random = np.random.default_rng(6)
    middles = np.repeat(random.normal(size=(6, 20)), 50, axis=0)
    both = (middles + random.normal(0, 0.6, size=(300, 20))).astype(np.float32)
    plane = np.concatenate(joint_umap(both[:150], both[150:], seed=1))
    shipped = umap.UMAP(n_neighbors=15, min_dist=0.1, metric="cosine", random_state=1, n_jobs=1).fit_transform(both)
    found, expected = (trustworthiness(both, flat, n_neighbors=15, metric="cosine") for flat in (plane, shipped))
    assert found > expected - 0.02


def test_what_is_held_is_the_same_whatever_lies_beside_it(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    pre, post = clusters
    alone, _ = joint_umap(pre, pre[:0], seed=2)
    first, second = held_umap(pre, [post], seed=2), held_umap(pre, [post[::-1].copy(), pre, post], seed=2)
    for planes in (first, second):
        np.testing.assert_array_equal(planes[0], ROOM * alone)
    np.testing.assert_array_equal(second[2], second[0])  # a space that did not change lies where it lay
    assert first[1].tobytes() == held_umap(pre, [post], seed=2)[1].tobytes()
    assert all(plane.shape == (90, 2) for plane in (*first, *second))


def test_held_both_spaces_keep_their_neighbours_as_in_a_joint_fit() -> None:
    random = np.random.default_rng(6)
    middles = np.repeat(random.normal(size=(6, 20)), 40, axis=0)
    pre = (middles + random.normal(0, 0.6, size=(240, 20))).astype(np.float32)
    post = (0.3 * middles + random.normal(0, 0.6, size=(240, 20))).astype(np.float32)
    found, expected = held_umap(pre, [post], seed=1), joint_umap(pre, post, seed=1)
    for space, held, joint in zip((pre, post), found, expected, strict=True):
        ours, theirs = (trustworthiness(space, flat, n_neighbors=15, metric="cosine") for flat in (held, joint))
        assert ours > theirs - 0.02


@pytest.mark.parametrize("n", [2, 3, 4, 9, 20])
def test_few_points_are_held_too(n: int) -> None:
    planes = held_umap(points(1, n), [points(2, n), points(1, n), np.zeros_like(points(1, n))])
    assert all(plane.shape == (n, 2) and np.isfinite(plane).all() for plane in planes)
    np.testing.assert_array_equal(planes[2], planes[0])


@pytest.mark.parametrize(("n_pre", "n_post"), [(2, 2), (3, 4), (9, 8), (20, 1)])
def test_few_points_are_projected_too(n_pre: int, n_post: int) -> None:
    pre, post = joint_umap(points(1, n_pre), points(2, n_post))
    assert (pre.shape, post.shape) == ((n_pre, 2), (n_post, 2))
    assert np.isfinite(pre).all()
    assert np.isfinite(post).all()


def test_a_space_that_did_not_move_and_one_that_collapsed() -> None:
    same = points(3, 40)
    for post in (same, np.broadcast_to(same[:1], same.shape).copy(), np.zeros_like(same)):
        planes = joint_umap(same, post)
        assert all(np.isfinite(plane).all() for plane in planes)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="four points"):
        joint_umap(points(1, 2), points(2, 1))


def test_threads_project_one_after_another(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    alone = [joint_umap(*clusters, seed=seed) for seed in range(3)]
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.__setitem__(seed, joint_umap(*clusters, seed=seed)))
        for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, (pre, post) in enumerate(alone):
        assert found[seed][0].tobytes() == pre.tobytes()
        assert found[seed][1].tobytes() == post.tobytes()
