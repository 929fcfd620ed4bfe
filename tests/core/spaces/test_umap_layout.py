"""The layout takes umap's steps: against its formulas written plainly, and for what it is meant to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.sparse import csr_matrix, lil_matrix
from umap.umap_ import find_ab_params

from core.spaces.umap_layout import NEGATIVES, force_at, forces, optimise


def ring(n: int) -> csr_matrix:
    """Each point belongs to the next, strongly or weakly."""
    graph = lil_matrix((n, n), dtype=np.float32)
    for i in range(n):
        graph[i, (i + 1) % n] = graph[(i + 1) % n, i] = [1.0, 0.5, 0.003][i % 3]
    return graph.tocsr()


def draw(state: int, n: int) -> tuple[int, int]:
    for shift in (13, -7, 17):
        state ^= (state << shift if shift > 0 else state >> -shift) & (2**64 - 1)
    return state, ((state >> 32) * n) >> 32


def slow_layout(
    graph: csr_matrix, start: np.ndarray, a: float, b: float, n_epochs: int, seed: int, held: int = 0
) -> np.ndarray:
    """Algorithm 5 of the paper, with umap-learn's clipping and schedule, in double precision; ``held`` do not move."""
    edges, plane = graph.tocoo(), start.astype(float)
    state = int(np.random.default_rng(seed).integers(1, 2**63, dtype=np.uint64))
    highest = edges.data.max()
    kept = [(i, j, highest / w) for i, j, w in zip(*edges.coords, edges.data, strict=True) if w >= highest / n_epochs]
    kept = [(i, j, every) for i, j, every in kept if max(i, j) >= held]
    due, pushed = [every for *_, every in kept], [0] * len(kept)
    for epoch in range(n_epochs):
        rate = 1 - epoch / n_epochs
        for e, (head, tail, every) in enumerate(kept):
            if due[e] > epoch:
                continue
            due[e] += every
            difference = plane[head] - plane[tail]
            squared = difference @ difference
            if squared > 0:
                force = -2 * a * b * squared ** (b - 1) / (1 + a * squared**b)
                move = rate * np.clip(force * difference, -4, 4)
                plane[head] += move if head >= held else 0
                plane[tail] -= move if tail >= held else 0
            if head < held:
                continue
            more = int(NEGATIVES * epoch / every) - pushed[e]
            pushed[e] += more
            away = np.zeros(2)
            for _ in range(more):
                state, other = draw(state, len(plane))
                difference = plane[head] - plane[other]
                squared = difference @ difference
                force = 2 * b / ((0.001 + squared) * (1 + a * squared**b))
                away += np.clip(force * difference, -4, 4)
            plane[head] += rate * away
    return plane


@pytest.mark.parametrize("min_dist", [0.1, 0.5, 0.9])
def test_the_tables_hold_the_forces(min_dist: float) -> None:
    a, b = find_ab_params(1.0, min_dist)
    attraction, repulsion = forces(a, b)
    squared = np.float32(2.0) ** np.random.default_rng(0).uniform(-24, 14, 2000).astype(np.float32)
    wide = squared.astype(float)
    near = 1 + a * wide**b
    np.testing.assert_allclose(
        [force_at(attraction, s) for s in squared], -2 * a * b * wide ** (b - 1) / near, rtol=5e-4
    )
    np.testing.assert_allclose([force_at(repulsion, s) for s in squared], 2 * b / ((0.001 + wide) * near), rtol=5e-4)
    for outside, end in ((0.0, 2.0**-24), (1e-30, 2.0**-24), (1e9, 2.0**14)):
        assert force_at(repulsion, np.float32(outside)) == force_at(repulsion, np.float32(end))


@pytest.mark.parametrize(("seed", "held"), [(0, 0), (1, 0), (2, 0), (3, 10)])
def test_the_steps_are_those_of_the_plain_loop(seed: int, held: int) -> None:
    a, b = find_ab_params(1.0, 0.5)
    start = np.random.default_rng(seed).uniform(0, 10, size=(24, 2)).astype(np.float32)
    # a few epochs: what rounding moves grows from step to step
    found, expected = (lay(ring(24), start, a, b, 6, seed, held) for lay in (optimise, slow_layout))
    assert abs(expected - start).max() > 1
    np.testing.assert_allclose(found, expected, atol=2e-2)
    np.testing.assert_array_equal(found[:held], start[:held])


def test_what_belongs_together_comes_together() -> None:
    random = np.random.default_rng(0)
    blocks = np.kron(np.eye(3), np.ones((40, 40))) - np.eye(120)
    blocks *= random.uniform(size=blocks.shape) < 0.3
    graph = csr_matrix(np.maximum(blocks, blocks.T).astype(np.float32))
    plane = optimise(graph, random.uniform(0, 10, size=(120, 2)).astype(np.float32), *find_ab_params(1.0, 0.5), 200, 1)
    middles = plane.reshape(3, 40, 2).mean(axis=1)
    spread = np.linalg.norm(plane.reshape(3, 40, 2) - middles[:, None], axis=2).mean()
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(middles[one] - middles[other]) > 3 * spread


def test_the_seed_decides_and_threads_do_not() -> None:
    start = np.random.default_rng(4).uniform(0, 10, size=(60, 2)).astype(np.float32)
    before = start.copy()

    def lay(seed: int) -> bytes:
        return optimise(ring(60), start, 0.58, 1.33, 50, seed).tobytes()

    alone = [lay(seed) for seed in range(4)]
    assert len(set(alone)) == 4
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lay, range(4))) == alone
    np.testing.assert_array_equal(start, before)


def test_points_in_one_place_stay_finite() -> None:
    assert np.isfinite(optimise(ring(12), np.zeros((12, 2), np.float32), 0.58, 1.33, 30, 0)).all()
