"""Every measure sentence by sentence: what a paired comparison of two settings is made of.

A measure of a space is written as a weighted sum of means over sentences, one mean a set of rows. A mean of hits or of
distances is one as it stands. A distance of a language's mean embedding is linearised (its influence function), so that
its mean is exact and draws of sentences are right to first order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.spaces import distances, retrieval
from core.spaces.similarity import COSINE, Comparison, normalise
from core.stats.paired import Part


@dataclass(frozen=True)
class SentenceSpace:
    """The embeddings of one space, by set of rows.

    Attributes
    ----------
    target : str
    languages : sequence of tuple of str
        Of each set of rows.
    embeddings : callable
        From a set's number and a layer (None: the plan's) to float32, (n_languages, n_sentences, dim).
    best_layer : int
        The layer at which the unmodified model finds most.
    """

    target: str
    languages: Sequence[tuple[str, ...]]
    embeddings: Callable[[int, int | None], np.ndarray]
    best_layer: int

    def top1_from_target(self, by: Comparison = COSINE, layer: int | None = None) -> list[Part]:
        """Share of candidate languages in which a target sentence finds its translation."""
        parts = []
        for group, query in self._with_target():
            hits = retrieval.correct_of(self.embeddings(group, layer), query, by)
            parts.append((float(len(hits) - 1), np.delete(hits, query, axis=0).mean(axis=0)))
        return _mean_of_pairs(parts)

    def top1_of_all(self) -> list[Part]:
        """Share of ordered pairs of languages in which a row finds its translation."""
        parts = []
        for group in range(len(self.languages)):
            hits = retrieval.correct(self.embeddings(group, None))
            pairs = len(hits) * (len(hits) - 1)
            parts.append((float(pairs), (hits.sum(axis=(0, 1)) - len(hits)) / pairs))
        return _mean_of_pairs(parts)

    def distance_of_all(self) -> list[Part]:
        """Mean cosine distance of a row's translations, over all pairs of languages."""
        parts = []
        for group in range(len(self.languages)):
            unit = normalise(self.embeddings(group, None)).astype(np.float64)
            own = np.einsum("asd,asd->s", unit, unit)
            pairs = len(unit) * (len(unit) - 1)
            whole = unit.sum(axis=0)
            parts.append((float(pairs), 1 - (np.einsum("sd,sd->s", whole, whole) - own) / pairs))
        return _mean_of_pairs(parts)

    def distance_to_target(self) -> list[Part]:
        """Mean cosine distance of a row's translations to the target's sentence."""
        parts = []
        for group, target in self._with_target():
            unit = normalise(self.embeddings(group, None)).astype(np.float64)
            others = np.delete(unit, target, axis=0)
            parts.append((float(len(others)), 1 - np.einsum("asd,sd->as", others, unit[target]).mean(axis=0)))
        return _mean_of_pairs(parts)

    def medoid_distance(self, of_target: bool) -> list[Part]:
        """Distance of a language's mean to the medoid, linearised; of the target, or the mean of all others.

        With ``c(x) = 1 - x m / |x|`` for a medoid ``m`` of unit length, which is held, a sentence's value is ``c`` of
        the mean plus its gradient times the sentence's difference from the mean (Hampel, 1974). A set of rows weighs as
        much as the sentences of these languages that it holds.
        """
        spaces = [self.embeddings(group, None) for group in range(len(self.languages))]
        joined = {
            code: np.concatenate([space[own.index(code)] for own, space in self._pairs(spaces) if code in own])
            for code in dict.fromkeys(code for own in self.languages for code in own)
        }
        chosen = [code for code in joined if (code == self.target) == of_target]
        sums, shares = [np.zeros(space.shape[1]) for space in spaces], [0.0 for _ in spaces]
        for code in chosen:
            mean = joined[code].mean(axis=0, dtype=np.float64)
            length = float(np.linalg.norm(mean))
            along = float(mean @ self._medoid) / length
            gradient = -(self._medoid - along * mean / length) / length
            for number, (own, space) in enumerate(self._pairs(spaces)):
                if code in own:
                    values = 1 - along + (space[own.index(code)] - mean) @ gradient
                    share = space.shape[1] / len(joined[code]) / len(chosen)
                    sums[number] += values * share
                    shares[number] += share
        parts = [(share, values / share) for share, values in zip(shares, sums, strict=True) if share]
        return parts or [(1.0, sums[0])]

    @cached_property
    def _medoid(self) -> np.ndarray:
        """The medoid of all sentences, of unit length; the same as `distances.medoid_distances` finds."""
        by_language: dict[str, list[np.ndarray]] = {}
        for number, own in enumerate(self.languages):
            for code, embedded in zip(own, self.embeddings(number, None), strict=True):
                by_language.setdefault(code, []).append(embedded)
        flat = np.concatenate([part for parts in by_language.values() for part in parts])
        return normalise(flat[distances.medoid(flat)]).astype(np.float64)

    def _pairs(self, spaces: Sequence[np.ndarray]) -> list[tuple[tuple[str, ...], np.ndarray]]:
        return list(zip(self.languages, spaces, strict=True))

    def _with_target(self) -> list[tuple[int, int]]:
        """Sets of rows that have the target, each with its place among their languages."""
        return [(number, own.index(self.target)) for number, own in enumerate(self.languages) if self.target in own]


SentenceValues = Callable[[SentenceSpace], list[Part]]
"""From a space to a measure of it, sentence by sentence; the weighted sum of the means is the measure."""


def _mean_of_pairs(parts: list[tuple[float, np.ndarray]]) -> list[Part]:
    """Weights that sum to one: a set of rows counts by its pairs of languages."""
    total = sum(weight for weight, _ in parts)
    return [(weight / total, values.astype(np.float64)) for weight, values in parts]
