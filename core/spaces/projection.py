"""UMAP of two spaces in one plane, so that a point's movement from one to the other can be read.

Either both are fitted jointly, or the first is laid out alone and held while the others are laid out beside it, so that
it is the same whatever the others are. Fitting on the first and transforming the others is not sound: in umap's
``transform``, a point's place depends on its batch. Neighbours are exact, from one matrix product instead of an
approximate search.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix

from core.spaces.similarity import normalise
from core.spaces.umap_layout import optimise

N_NEIGHBOURS = 15
# Larger than umap's 0.1, so that the single sentences of a language can be seen, not only one dot.
MIN_DIST, SPREAD = 0.5, 1.0
N_EPOCHS = 200
# A layout is held this many times as wide, so that other points find room between its own. Of 1, 1.4, 2 and 3, 2 keeps
# the neighbours of both spaces together best (docs/measures.md).
ROOM = 2.0
# numba's default threading layer aborts the process when two fits run at once.
_one_fit = threading.Lock()


def nearest(unit: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact nearest neighbours by cosine distance.

    Parameters
    ----------
    unit : ndarray of float32, (n, dim)
        Vectors of unit length.
    k : int
        Neighbours to find, the point itself included, which comes first.

    Returns
    -------
    indices : ndarray of int32, (n, k)
    distances : ndarray of float32, (n, k)
        Cosine distance, ascending; ties among those found by index (of ties for the last place, any may be found).
    """
    vectors = torch.from_numpy(unit)
    indices, dists = np.empty((len(unit), k), np.int32), np.empty((len(unit), k), np.float32)
    for start in range(0, len(unit), 1024):
        similarity = vectors[start : start + 1024] @ vectors.T
        own = torch.arange(len(similarity))
        similarity[own, own + start] = 2.0  # a twin at distance 0 must not take the point's own place
        top = similarity.topk(k)
        distance, place = (1.0 - top.values.numpy()), top.indices.numpy()
        np.copyto(distance, 0.0, where=(distance < 0) & (place != own[:, None].numpy() + start))
        order = np.lexsort((place, distance), axis=1)
        indices[start : start + 1024] = np.take_along_axis(place, order, 1)
        dists[start : start + 1024] = np.take_along_axis(distance, order, 1).clip(min=0.0)
    return indices, dists


def nearest_of(points: np.ndarray, among: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact nearest neighbours of points among others, by cosine distance.

    Parameters
    ----------
    points, among : ndarray of float32, (n, dim) and (m, dim)
        Vectors of unit length.
    k : int
        Neighbours to find; at most ``m``.

    Returns
    -------
    indices : ndarray of int32, (n, k)
    distances : ndarray of float32, (n, k)
        As `nearest` gives them.
    """
    vectors = torch.from_numpy(among)
    indices, dists = np.empty((len(points), k), np.int32), np.empty((len(points), k), np.float32)
    for start in range(0, len(points), 1024):
        top = (torch.from_numpy(points[start : start + 1024]) @ vectors.T).topk(k)
        distance, place = (1.0 - top.values.numpy()).clip(min=0.0), top.indices.numpy()
        order = np.lexsort((place, distance), axis=1)
        indices[start : start + 1024] = np.take_along_axis(place, order, 1)
        dists[start : start + 1024] = np.take_along_axis(distance, order, 1)
    return indices, dists


def curve() -> tuple[float, float]:
    """The two numbers of the curve that says how far apart points are drawn; see `umap_layout.optimise`."""
    with _one_fit:
        from umap.umap_ import find_ab_params

        return find_ab_params(SPREAD, MIN_DIST)  # type: ignore[no-any-return]


def joint_umap(pre: np.ndarray, post: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Project two spaces into one plane.

    Parameters
    ----------
    pre, post : ndarray of float32, (n, dim) and (m, dim)
        Embeddings; cosine metric.
    seed : int
        The same seed and embeddings give the same picture.

    Returns
    -------
    pre, post : ndarray of float32, (n, 2) and (m, 2)

    Raises
    ------
    ValueError
        With fewer than four points in all.
    """
    both = normalise(np.concatenate([pre, post]))
    if len(both) < 4:
        raise ValueError("a projection needs at least four points")
    graph, start, a, b = _graph(
        both, seed, "spectral" if len(both) > min(N_NEIGHBOURS, len(both) - 1) + 2 else "random"
    )
    plane = optimise(graph, start, a, b, N_EPOCHS, seed)
    return plane[: len(pre)], plane[len(pre) :]


def held_umap(first: np.ndarray, others: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Lay out one space by itself, hold it there, and lay out others in the same plane.

    All are one graph of neighbours: points of the others are drawn to the first's and pushed from them, which do not
    move. Each starts from where its sentence is in the first. A space that is the first one lies exactly on it.

    Parameters
    ----------
    first : ndarray of float32, (n, dim)
        Embeddings; cosine metric.
    others : sequence of ndarray of float32, (n, dim)
        The same sentences in other spaces.
    seed : int

    Returns
    -------
    list of ndarray of float32, (n, 2)
        The first, then the others.

    Raises
    ------
    ValueError
        With fewer than four points in all.
    """
    changed = [number for number, space in enumerate(others) if not np.array_equal(space, first)]
    if len(first) < 4:  # too few to lie by themselves
        alone, *rest = np.split(np.concatenate(joint_umap(first, np.concatenate(others), seed)), len(others) + 1)
        return [alone, *(rest[number] if number in changed else alone for number in range(len(others)))]
    alone = joint_umap(first, first[:0], seed)[0] * np.float32(ROOM)
    planes = [alone] * (len(others) + 1)
    if changed:
        graph, _, a, b = _graph(normalise(np.concatenate([first, *(others[n] for n in changed)])), seed, "random")
        start = np.concatenate([alone] * (len(changed) + 1))
        placed = optimise(graph, start, a, b, N_EPOCHS, seed, held=len(first))
        for number, plane in zip(changed, np.split(placed, len(changed) + 1)[1:], strict=True):
            planes[number + 1] = plane
    return planes


def _graph(unit: np.ndarray, seed: int, init: str) -> tuple[csr_matrix, np.ndarray, float, float]:
    """The graph of neighbours, where to start from, and the two numbers of the curve; see `umap_layout.optimise`."""
    k = min(N_NEIGHBOURS, len(unit) - 1)
    indices, dists = nearest(unit, k)
    a, b = curve()
    with _one_fit, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap warns that a seed costs parallelism, which is the trade we chose
        import umap

        fit = umap.UMAP(
            n_neighbors=k,
            a=a,
            b=b,
            n_epochs=0,  # the graph and where to start from; the layout is ours, several times as fast
            metric="cosine",
            random_state=seed,
            precomputed_knn=(indices, dists),
            init=init,
        ).fit(unit)
    return fit.graph_, fit.embedding_, a, b


def warm_up() -> None:
    """Compile umap's kernels and ours in advance (about ten seconds, once a process), beside other work."""
    points = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    joint_umap(points, points + 1)
