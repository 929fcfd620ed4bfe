"""Every neuron's expertise for every probe language, and the experts chosen by it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.neurons.neuron_map import NeuronMap
from core.neurons.selection import Selection

_CHOICES_KEPT = 64  # of experts, beside an expertise


@dataclass(frozen=True)
class Expertise:
    """Every neuron's expertise and mean response, for every probe language.

    Attributes
    ----------
    scores : ndarray of float64, (n_languages, n_neurons)
        By the chosen measure.
    means : ndarray of float32, (n_languages, n_neurons)
        Mean response on the language's probe sentences.
    """

    languages: tuple[str, ...]
    scores: np.ndarray
    means: np.ndarray
    _chosen: dict[tuple[Selection, str], Experts] = field(default_factory=dict, repr=False, compare=False)

    def choose(self, chosen_by: Selection, target: str, neurons: NeuronMap) -> Experts:
        """The neurons chosen for a target language, and their mean responses to it; sorted once a choice."""
        found = self._chosen.get((chosen_by, target))
        if found is None:
            row = self.languages.index(target)
            best = chosen_by.choose(self.scores[row], neurons)
            found = Experts(best, self.scores[row][best], self.means[row][best])
            if len(self._chosen) >= _CHOICES_KEPT:
                self._chosen.clear()
            self._chosen[chosen_by, target] = found
        return found


@dataclass(frozen=True)
class Experts:
    """The chosen neurons, best first.

    Attributes
    ----------
    neurons : ndarray of int64, (k,)
    scores : ndarray of float64, (k,)
    values : ndarray of float32, (k,)
        What each is held at: its mean response on the target language.
    """

    neurons: np.ndarray
    scores: np.ndarray
    values: np.ndarray
