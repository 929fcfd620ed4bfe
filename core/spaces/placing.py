"""Further points on a map that is fitted: each lies amid its nearest neighbours among the fitted points, which stay.

A fit of thousands says where a further point belongs, for a fraction of what a fit of all takes. As in umap's
``transform``, a point starts at the weighted mean of its neighbours, is drawn to them and pushed from others. Unlike
there, no place depends on which points are placed along with it: each goes by itself, with forces of the fitted points
alone and the same random numbers. So equal embeddings lie at one place, within rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from core.spaces.projection import N_NEIGHBOURS, ROOM, curve, held_umap, joint_umap, nearest_of
from core.spaces.similarity import normalise
from core.spaces.umap_layout import NEGATIVES, force_at, forces, limited_step, pushed_away

# At umap's quarter of a layout's steps, the space after keeps its neighbours worse (docs/measures.md).
N_EPOCHS = 100


def held_and_placed(
    first: np.ndarray, others: Sequence[np.ndarray], fitted: np.ndarray, seed: int = 0
) -> list[np.ndarray]:
    """Lay out some rows of several spaces as `held_umap` does, and place the other rows on that map.

    Rows of the first space are placed by the fitted rows of the first alone, so that they are the same whatever the
    others are; rows of another, by the fitted rows of all.

    Parameters
    ----------
    first : ndarray of float32, (n, dim)
        Embeddings; cosine metric.
    others : sequence of ndarray of float32, (n, dim)
        The same sentences in other spaces.
    fitted : ndarray of int64, (n_fitted,)
        Rows that are laid out; where these are all, nothing is placed.

    Returns
    -------
    list of ndarray of float32, (n, 2)
        The first, then the others.
    """
    if len(fitted) == len(first):
        return held_umap(first, others, seed)
    rows = [space[fitted] for space in (first, *others)]
    held = held_umap(rows[0], rows[1:], seed)
    rest = np.setdiff1d(np.arange(len(first)), fitted)
    room = np.float32(ROOM)  # the first was laid out, and so is added to, before it was made wider
    planes = [_joined(held[0], fitted, room * place(first[rest], rows[0], held[0] / room, seed), rest)]
    apart = [0, *(number for number, plane in enumerate(held) if plane is not held[0])]
    among, where = (np.concatenate([part[number] for number in apart]) for part in (rows, held))
    for plane, space in zip(held[1:], others, strict=True):
        same = np.array_equal(space, first)
        planes.append(planes[0] if same else _joined(plane, fitted, place(space[rest], among, where, seed), rest))
    return planes


def fitted_and_placed(space: np.ndarray, fitted: np.ndarray, seed: int = 0) -> np.ndarray:
    """Lay out some rows ``fitted`` of one space ``(n, dim)`` by itself, and place the others: float32, (n, 2)."""
    plane, _ = joint_umap(space[fitted], space[:0], seed=seed)
    rest = np.setdiff1d(np.arange(len(space)), fitted)
    return _joined(plane, fitted, place(space[rest], space[fitted], plane, seed), rest) if len(rest) else plane


def _joined(plane: np.ndarray, fitted: np.ndarray, placed: np.ndarray, rest: np.ndarray) -> np.ndarray:
    joined = np.empty((len(fitted) + len(rest), 2), dtype=np.float32)
    joined[fitted], joined[rest] = plane, placed
    return joined


def place(points: np.ndarray, fitted: np.ndarray, plane: np.ndarray, seed: int = 0) -> np.ndarray:
    """Place points on a map of others.

    Parameters
    ----------
    points : ndarray of float32, (n, dim)
        Embeddings; cosine metric.
    fitted : ndarray of float32, (m, dim)
    plane : ndarray of float32, (m, 2)
        Where these lie.
    seed : int
        Decides from which of these each point is pushed.

    Returns
    -------
    ndarray of float32, (n, 2)
        Each a function of its own embedding and of what is fitted.
    """
    k = min(N_NEIGHBOURS - 1, len(fitted))  # of the neighbours in a layout, a point itself is one
    indices, distances = nearest_of(normalise(points), normalise(fitted), k)
    weights = memberships(distances)
    shares = weights / weights.sum(axis=1, keepdims=True)
    start: np.ndarray = np.einsum("nk,nkd->nd", shares, plane[indices]).astype(np.float32)
    state = np.random.default_rng(seed).integers(1, 2**63, dtype=np.uint64)
    held = np.ascontiguousarray(plane, dtype=np.float32)
    attraction, repulsion = forces(*curve())
    _settle(start, indices, weights.astype(np.float32), held, attraction, repulsion, N_EPOCHS, state)
    return start


def memberships(distances: np.ndarray) -> np.ndarray:
    """How strongly each neighbour belongs to a point: UMAP's ``exp(-(d - nearest) / s)``, summing to a fixed number.

    Parameters
    ----------
    distances : ndarray of float32, (n, k)
        Ascending.

    Returns
    -------
    ndarray of float64, (n, k)
        1 for the nearest. The width ``s`` is such that they sum to ``log2(k + 1)``, the point itself being one of the
        neighbours there; where too many are as near as the nearest, or ``k`` is 1, they sum to more.

    References
    ----------
    McInnes, Healy and Melville, 2018 (arXiv 1802.03426), algorithm 3.
    """
    gaps = distances.astype(np.float64) - distances[:, :1]
    wanted = np.log2(distances.shape[1] + 1)
    low, high = np.full((len(gaps), 1), -40.0), np.full((len(gaps), 1), 10.0)  # of log2(s)
    for _ in range(40):
        middle = (low + high) / 2
        more = np.exp(-gaps / np.exp2(middle)).sum(axis=1, keepdims=True) < wanted
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.asarray(np.exp(-gaps / np.exp2(high)))


@numba.njit(nogil=True, cache=True)
def _settle(plane, near, weights, held, attraction, repulsion, n_epochs, first_state):  # type: ignore[no-untyped-def]
    """Move each point of ``plane`` in place, as `umap_layout` moves the head of an edge; ``held`` does not move."""
    due, pushed = np.empty(near.shape[1], np.float32), np.empty(near.shape[1], np.int64)
    for i in range(len(plane)):
        state = first_state
        due[:], pushed[:] = 0, 0
        x, y = plane[i, 0], plane[i, 1]
        for epoch in range(n_epochs):
            rate = np.float32(1 - epoch / n_epochs)
            for e in range(near.shape[1]):
                weight = weights[i, e]
                if weight * n_epochs < 1 or due[e] > epoch:
                    continue
                due[e] += 1 / weight
                dx, dy = x - held[near[i, e], 0], y - held[near[i, e], 1]
                squared = dx * dx + dy * dy
                if squared > 0:
                    force = force_at(attraction, squared)
                    x, y = x + rate * limited_step(force, dx), y + rate * limited_step(force, dy)
                more = np.int64(NEGATIVES * epoch * weight) - pushed[e]
                pushed[e] += more
                x, y, state = pushed_away(x, y, more, held, repulsion, rate, state)
        plane[i, 0], plane[i, 1] = x, y
