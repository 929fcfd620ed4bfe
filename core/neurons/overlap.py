"""How many experts two languages have in common, for every number of experts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.neurons.experts import Expertise
from core.neurons.neuron_map import NeuronMap
from core.neurons.selection import Selection, layers_of


@dataclass(frozen=True)
class Ranking:
    """Which neurons are every language's k best, for all k at once.

    Attributes
    ----------
    places : ndarray of int32, (n_languages, n_candidates)
        How many candidates of its group come before each: it is among the k best where its place is below k.
    sizes : tuple of int
        Neurons of each group that is ranked by itself: one for the whole model, or one a layer.
    """

    languages: tuple[str, ...]
    places: np.ndarray
    sizes: tuple[int, ...]

    @property
    def most(self) -> int:
        """The largest k that means more than the k below it."""
        return max(self.sizes)

    def size(self, k: int | np.ndarray) -> np.ndarray:
        """How many neurons a language's k best are: k, or up to k of each layer."""
        return np.asarray(sum(np.minimum(k, size) for size in self.sizes), dtype=np.int64)

    def shared(self, k: int) -> np.ndarray:
        """Neurons among the k best of both languages: ndarray of int64, (n_languages, n_languages)."""
        within = self.places < k
        return np.stack([within[:, row].sum(axis=1) for row in within])

    def curve(self) -> pd.DataFrame:
        """Compute, for every k, the share of the k best neurons that two languages have in common.

        A neuron is among the k best of both languages as soon as k is above the larger of its two places. So the
        cumulative count of these larger places gives the result for all k.

        Returns
        -------
        DataFrame
            ``k, mean, low, high, chance``: over the pairs of languages, the mean, the least and the most; and what
            two sets of this size drawn at random share on average (k / n_neurons, where one group is ranked).
        """
        k = np.arange(1, self.most + 1)
        total, low, high = np.zeros(self.most), np.full(self.most, np.inf), np.full(self.most, -np.inf)
        n_pairs = 0
        for row in range(len(self.places)):
            for other in range(row):
                larger_place = np.maximum(self.places[row], self.places[other])
                shared = np.bincount(larger_place, minlength=self.most).cumsum()
                total += shared
                np.minimum(low, shared, out=low)
                np.maximum(high, shared, out=high)
                n_pairs += 1
        size = self.size(k)
        chance = np.sum([np.minimum(k, n) ** 2 / n for n in self.sizes], axis=0) / size
        return pd.DataFrame(
            {"k": k, "mean": total / n_pairs / size, "low": low / size, "high": high / size, "chance": chance}
        )


def places(scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Place of each neuron by its score, from 0, among those of its group; ties go to the lower index.

    Parameters
    ----------
    scores : ndarray, (n_languages, n_neurons)
        NaN is below everything, as in `core.neurons.selection.Selection.choose`.
    groups : ndarray of int, (n_neurons,)

    Returns
    -------
    ndarray of int32, (n_languages, n_neurons)
    """
    result = np.empty(scores.shape, dtype=np.int32)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        for row, language_scores in zip(result, scores, strict=True):
            order = np.argsort(-language_scores[members], kind="stable")
            row[members[order]] = np.arange(len(members), dtype=np.int32)
    return result


def ranking(expertise: Expertise, chosen_by: Selection, neurons: NeuronMap) -> Ranking:
    """Rank the neurons that may be experts, for every probe language, as the selection does.

    A lowest score is not regarded: with it, the languages' sets would not be of one size.
    """
    candidates = chosen_by.candidates(neurons)
    groups = layers_of(candidates, neurons) if chosen_by.over == "layer" else np.zeros(len(candidates), dtype=np.int64)
    sizes = tuple(np.unique_counts(groups).counts)
    return Ranking(expertise.languages, places(expertise.scores[:, candidates], groups), sizes)
