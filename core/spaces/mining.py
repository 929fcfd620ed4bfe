"""Mining of translations: which sentences of two languages translate each other, where that is not known.

Candidates are scored by the ratio margin and taken greedily, one to one; F1 is that of the best threshold.

References
----------
Artetxe and Schwenk (2019). Margin-based parallel corpus mining with multilingual sentence embeddings. ACL; as in
LASER's ``mine_bitexts.py`` (retrieval "max") and ``bucc.py`` (threshold optimised on the gold standard).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

NEIGHBOURS = 4
_BLOCK = 256  # queries compared at once: with 400,000 candidates some 400 MB


@dataclass(frozen=True)
class NearestCandidates:
    """The candidates nearest to every query, nearest first.

    Attributes
    ----------
    values : ndarray of float32, (n_queries, k)
        Similarities.
    indices : ndarray of int64, (n_queries, k)
        Of the candidates.
    """

    values: np.ndarray
    indices: np.ndarray

    def first(self, k: int) -> NearestCandidates:
        """Keep the ``k`` nearest."""
        return NearestCandidates(self.values[:, :k], self.indices[:, :k])


@dataclass(frozen=True)
class MinedPairs:
    """Pairs that were mined, best first, and the threshold at which F1 is highest.

    Attributes
    ----------
    sources, targets : ndarray of int64, (n_pairs,)
    scores : ndarray of float64, (n_pairs,)
        Ratio margins, descending.
    n_taken : int
        How many pairs are at or above the best threshold.
    f1 : float
    """

    sources: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    n_taken: int
    f1: float


def nearest(queries: np.ndarray, candidates: np.ndarray, k: int = NEIGHBOURS) -> NearestCandidates:
    """Find the candidates nearest to every query by a product of blocks, so that whole texts can be mined.

    Parameters
    ----------
    queries, candidates : ndarray of float32, (n, dim) and (m, dim)
        Of unit length.
    """
    k = min(k, len(candidates))
    rows, columns = torch.from_numpy(queries), torch.from_numpy(candidates)
    values, indices = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), _BLOCK):
        found = (rows[start : start + _BLOCK] @ columns.T).topk(k, dim=1)
        values[start : start + _BLOCK], indices[start : start + _BLOCK] = found.values.numpy(), found.indices.numpy()
    return NearestCandidates(values, indices)


def mine(forward: NearestCandidates, backward: NearestCandidates, n_gold: int) -> MinedPairs:
    """Mine pairs of two languages; row ``i`` of both is one meaning for the first ``n_gold`` rows, and for no others.

    Parameters
    ----------
    forward, backward : NearestCandidates
        Of the sources among the targets, and of the targets among the sources; `NEIGHBOURS` of each, or all.
    """
    source_means, target_means = (side.values.mean(axis=1, dtype=np.float64) for side in (forward, backward))
    best_target, forward_scores = _best(forward, source_means, target_means)
    best_source, backward_scores = _best(backward, target_means, source_means)
    sources = np.concatenate([np.arange(len(best_target)), best_source])
    targets = np.concatenate([best_target, np.arange(len(best_source))])
    scores = np.concatenate([forward_scores, backward_scores])
    order = np.argsort(-scores, kind="stable")
    kept = order[_one_to_one(sources[order].tolist(), targets[order].tolist())]
    sources, targets, scores = sources[kept], targets[kept], scores[kept]
    found = np.cumsum((sources == targets) & (sources < n_gold))
    f1 = 2 * found / (np.arange(1, len(found) + 1) + n_gold)
    best = int(f1.argmax())
    return MinedPairs(sources, targets, scores, best + 1 if f1[best] > 0 else 0, float(f1[best]))


def _best(nearest: NearestCandidates, own_means: np.ndarray, other_means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The neighbour with the highest ratio margin of every sentence, and the margin."""
    means = (own_means[:, None] + other_means[nearest.indices]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        margins = np.nan_to_num(nearest.values / means, nan=-np.inf)
    best = margins.argmax(axis=1)
    rows = np.arange(len(best))
    return nearest.indices[rows, best], margins[rows, best]


def _one_to_one(sources: list[int], targets: list[int]) -> list[int]:
    """Places of the pairs that are kept where no sentence may be in two: the first that has it."""
    seen_sources: set[int] = set()
    seen_targets: set[int] = set()
    kept = []
    for place, (source, target) in enumerate(zip(sources, targets, strict=True)):
        if source not in seen_sources and target not in seen_targets:
            seen_sources.add(source)
            seen_targets.add(target)
            kept.append(place)
    return kept
