"""Every neuron's expertise for every probe language, the experts chosen by it, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core import notebook_html
from core.neurons.neuron_map import NeuronMap
from core.neurons.selection import Selection
from core.stats.units import counted

_ROWS_SHOWN = 10  # of experts, in a notebook
_DIGITS = 16  # of a digest, which are enough to tell models apart
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
        """Choose the experts of a target language, with their mean responses to it; each choice is sorted once."""
        experts = self._chosen.get((chosen_by, target))
        if experts is None:
            row = self.languages.index(target)
            best = chosen_by.choose(self.scores[row], neurons)
            experts = Experts(best, self.scores[row][best], self.means[row][best])
            if len(self._chosen) >= _CHOICES_KEPT:
                self._chosen.clear()
            self._chosen[chosen_by, target] = experts
        return experts

    def of(self, neurons: Sequence[int], values: Sequence[float] | None, target: str) -> Experts:
        """Give neurons as the experts of a target language, in this order, whatever their score.

        Parameters
        ----------
        values : sequence of float, optional
            What each is held at; its mean response to the target unless given.
        """
        row, chosen = self.languages.index(target), np.asarray(neurons, dtype=np.int64)
        held = self.means[row][chosen] if values is None else np.asarray(values, dtype=np.float32)
        return Experts(chosen, self.scores[row][chosen], held)


@dataclass(frozen=True)
class Experts:
    """The chosen neurons, best first.

    Attributes
    ----------
    neurons : ndarray of int64, (k,)
    scores : ndarray of float64, (k,)
    values : ndarray of float32, (k,)
        What set-mean holds each at: its mean response on the target language, unless a file or ``held_at`` says
        another.
    """

    neurons: np.ndarray
    scores: np.ndarray
    values: np.ndarray

    def __repr__(self) -> str:
        scores = f"scores {self.scores.min():.3f} to {self.scores.max():.3f}" if len(self.scores) else "no scores"
        return f"Experts({counted(len(self.neurons), 'neuron')}, {scores})"

    def _repr_html_(self) -> str:
        rows = zip(range(1, _ROWS_SHOWN + 1), self.neurons, self.scores, self.values, strict=False)
        cells = [(rank, int(neuron), f"{score:.4f}", f"{value:.4g}") for rank, neuron, score, value in rows]
        more = len(self.neurons) - len(cells)
        below = (f"and {more:,} more",) if more else ()
        return notebook_html.table(repr(self), ("rank", "neuron", "score", "held at"), cells, below)


def expert_table(experts: Experts, neurons: NeuronMap, model: str) -> pd.DataFrame:
    """List the experts in a table, best first.

    Parameters
    ----------
    model : str
        Digest of the model, so that the table is not taken for one of another model.

    Returns
    -------
    DataFrame
        ``rank, neuron, layer, site, unit, score, value, model``, one row an expert. ``neuron`` is its index in
        ``neurons``, ``value`` its mean response on the target language's probe sentences; ``model`` begins the digest.
    """
    ranks = range(1, len(experts.neurons) + 1)
    located = neurons.named(experts.neurons)
    columns = {"score": experts.scores, "value": experts.values, "model": model[:_DIGITS]}
    return pd.DataFrame({"rank": ranks, **located, **columns})


def by_site(neurons: NeuronMap, chosen: np.ndarray) -> pd.DataFrame:
    """Count how many of the chosen neurons ``(k,)`` each site has.

    Returns
    -------
    DataFrame
        ``layer, site, experts, width, share``, one row a site; ``width``: its neurons, ``share``: of them, experts.
    """
    rows = pd.DataFrame(
        {
            "layer": [site.layer for site in neurons.sites],
            "site": [site.name for site in neurons.sites],
            "experts": 0,
            "width": [site.width for site in neurons.sites],
        }
    )
    number = {site: row for row, site in enumerate(neurons.sites)}
    for site, units, _ in neurons.by_site(chosen):
        rows.loc[number[site], "experts"] = len(units)
    return rows.assign(share=rows["experts"] / rows["width"])


def histogram(scores: np.ndarray, chosen: np.ndarray, bins: int = 80) -> pd.DataFrame:
    """Count the scores ``(n_neurons,)`` in bins: those of all neurons, and those of the chosen ``(k,)``.

    Returns
    -------
    DataFrame
        ``low, high, neurons, experts``, one row a bin of equal width; the last bin has its upper end inside. Scores
        that are not finite are in no bin.
    """
    finite = scores[np.isfinite(scores)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1e-9, bins + 1)
    best = scores[chosen]
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "neurons": np.histogram(finite, edges)[0],
            "experts": np.histogram(best[np.isfinite(best)], edges)[0],
        }
    )
