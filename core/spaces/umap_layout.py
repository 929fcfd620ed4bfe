"""UMAP's layout: points drawn together along a graph's edges and pushed apart at random, one after the other.

The steps of umap-learn's ``optimize_layout_euclidean`` with a seed, in the plane only. There, raising distances to a
power takes nearly all the time; here, the two forces are read from tables, and a point is pushed from all that it is
pushed from at a time, so that none waits for the one before.
"""

from __future__ import annotations

import numba
import numpy as np
from scipy.sparse import csr_matrix

NEGATIVES = 5  # points that an edge's head is pushed from, for one that it is drawn to
# Tables over the squared distance: powers of two from 2**-24 to 2**14, each in 64 parts, straight lines between.
_LOWEST, _HIGHEST, _PARTS = -24, 14, 6


def optimise(
    graph: csr_matrix, start: np.ndarray, a: float, b: float, n_epochs: int, seed: int, held: int = 0
) -> np.ndarray:
    """Lay out a graph from where its points are.

    Parameters
    ----------
    graph : sparse matrix of float, (n, n)
        Symmetric; how strongly two points belong together, 0 to 1.
    start : ndarray of float32, (n, 2)
    a, b : float
        Of the curve ``1 / (1 + a d**(2b))`` that says the same of two points at distance ``d`` in the plane.
    n_epochs : int
        An edge of weight ``w`` takes part in about ``n_epochs * w / w.max()`` of them.
    seed : int
        Decides from which points each is pushed.
    held : int
        So many of the first points stay where they are; the others are drawn to them and pushed from them.

    Returns
    -------
    ndarray of float32, (n, 2)
        The same for the same input, on any number of threads: it uses one, and leaves the others to others.

    References
    ----------
    McInnes, Healy and Melville, 2018 (arXiv 1802.03426), section 3.2 and algorithm 5.
    """
    edges = graph.tocoo()
    kept = edges.data >= edges.data.max() / n_epochs  # weaker ones would take part in no epoch
    kept &= (edges.row >= held) | (edges.col >= held)
    plane = np.array(start, dtype=np.float32, order="C")
    every = (edges.data.max() / edges.data[kept]).astype(np.float32)
    state = np.random.default_rng(seed).integers(1, 2**63, dtype=np.uint64)
    _run(plane, edges.row[kept], edges.col[kept], every, *forces(a, b), n_epochs, state, held)
    return plane


def forces(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Attraction and repulsion per unit of difference, over the squared distance: see umap's ``layouts.py``."""
    parts = np.arange((_HIGHEST - _LOWEST << _PARTS) + 2)
    exponent, part = np.divmod(parts, 1 << _PARTS)
    squared = np.ldexp(1 + part / (1 << _PARTS), exponent + _LOWEST)
    near = 1 + a * squared**b
    attraction = -2 * a * b * squared ** (b - 1) / near
    repulsion = 2 * b / ((0.001 + squared) * near)
    return attraction.astype(np.float32), repulsion.astype(np.float32)


@numba.njit(nogil=True, cache=True)
def force_at(table, squared):  # type: ignore[no-untyped-def]
    """A force at a squared distance: a float's exponent and first bits are the place in the table."""
    held = min(max(squared, np.float32(2.0**_LOWEST)), np.float32(2.0**_HIGHEST))
    bits = np.float32(held).view(np.uint32) - np.uint32((127 + _LOWEST) << 23)
    place = np.uint64(bits >> np.uint32(23 - _PARTS))
    part = np.float32(np.int32(bits & np.uint32((1 << (23 - _PARTS)) - 1))) * np.float32(2.0 ** (_PARTS - 23))
    return table[place] + part * (table[place + np.uint64(1)] - table[place])


@numba.njit(nogil=True, cache=True)
def limited_step(force, difference):  # type: ignore[no-untyped-def]
    """How far a force moves a point along one axis: 4 at most, as in umap."""
    return min(max(force * difference, np.float32(-4)), np.float32(4))


@numba.njit(nogil=True, cache=True)
def pushed_away(x, y, more, plane, repulsion, rate, state):  # type: ignore[no-untyped-def]
    """Push a point from so many of ``plane``, drawn at random: where it lies then, and the state to draw on from."""
    n = np.uint64(len(plane))
    away_x, away_y = np.float32(0), np.float32(0)
    for _ in range(more):
        state ^= state << np.uint64(13)  # xorshift64 (Marsaglia, 2003)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        other = ((state >> np.uint64(32)) * n) >> np.uint64(32)
        dx, dy = x - plane[other, 0], y - plane[other, 1]
        force = force_at(repulsion, dx * dx + dy * dy)
        away_x, away_y = away_x + limited_step(force, dx), away_y + limited_step(force, dy)
    return x + rate * away_x, y + rate * away_y, state


@numba.njit(nogil=True, cache=True)
def _run(plane, heads, tails, every, attraction, repulsion, n_epochs, state, held):  # type: ignore[no-untyped-def]
    """Move ``plane`` in place; edge ``e`` takes part once in ``every[e]`` epochs."""
    due = every.copy()
    pushed = np.zeros(len(every), np.int64)  # negatives so far
    for epoch in range(n_epochs):
        rate = np.float32(1 - epoch / n_epochs)
        for e in range(len(every)):
            if due[e] > epoch:
                continue
            due[e] += every[e]
            head, tail = heads[e], tails[e]
            x, y = plane[head, 0], plane[head, 1]
            dx, dy = x - plane[tail, 0], y - plane[tail, 1]
            squared = dx * dx + dy * dy
            if squared > 0:
                force = force_at(attraction, squared)
                dx, dy = rate * limited_step(force, dx), rate * limited_step(force, dy)
                if tail >= held:
                    plane[tail, 0] -= dx
                    plane[tail, 1] -= dy
                x, y = x + dx, y + dy
                if head >= held:
                    plane[head, 0], plane[head, 1] = x, y  # before it is pushed: not from where it was
            if head < held:
                continue
            # so many a time that the edge could have taken part by now
            more = np.int64(NEGATIVES * (epoch / every[e])) - pushed[e]
            pushed[e] += more
            plane[head, 0], plane[head, 1], state = pushed_away(x, y, more, plane, repulsion, rate, state)
