"""Measures of expertise: how a neuron's responses become its score for each language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.neurons import rank_statistics

# A neuron must respond (above zero) to this share of a language's sentences before LAPE counts it as the language's.
_ACTIVE = 0.5


@dataclass(frozen=True)
class Score:
    """One measure of expertise, with all that any listing says of it; higher is more of an expert.

    Attributes
    ----------
    name, title : str
        As links, files and the command line write it, and as a list shows it.
    about : str
        What it measures, in a few words.
    reading : str
        How to read a value of it: a sentence or two.
    at_site : callable
        From responses ``(width, n_sentences)``, labels ``(n_sentences,)`` and the number of languages, what the score
        needs to know of each neuron: ``(n_languages, width)``. A model's sites are passed one after the other, so that
        memory does not grow with the model.
    over_model : callable
        From that of all neurons, ``(n_languages, n_neurons)``, the scores of the same shape.
    """

    name: str
    title: str
    about: str
    reading: str
    at_site: Callable[[np.ndarray, np.ndarray, int], np.ndarray]
    over_model: Callable[[np.ndarray], np.ndarray] = lambda statistic: statistic


def lape(shares: np.ndarray) -> np.ndarray:
    """Language activation probability entropy, as a score of each neuron for each language.

    Parameters
    ----------
    shares : ndarray, (n_languages, n_neurons)
        Share of each language's sentences that the neuron responds to above zero.

    Returns
    -------
    ndarray of float64, (n_languages, n_neurons)
        ``1 - H / ln(n_languages)`` for the language that the neuron responds to most often, 0 for the others; H is the
        entropy of the shares, normalised over languages. 0 also where the neuron responds to less than half of that
        language's sentences: a neuron that never responds but once has no entropy either.

    References
    ----------
    Tang et al., ACL 2024. They count tokens after the non-linearity and keep the 5% most active; here responses are
    pooled and come before it, so that about half are above zero whatever the language.
    """
    total = shares.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = np.where(total > 0, shares / total, 0.0)
        terms = np.where(parts > 0, parts * np.log(parts), 0.0)
    selectivity = 1.0 + terms.sum(axis=0) / np.log(len(shares))
    most_active_language = shares.argmax(axis=0) == np.arange(len(shares))[:, None]
    return np.where(most_active_language & (shares >= _ACTIVE), np.maximum(selectivity, 0.0), 0.0)


def _shares(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    return rank_statistics.means((responses > 0).astype(np.float32), labels, n_languages).astype(np.float64)


def _mean_difference(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    """Mean over a language's sentences minus the mean over all others."""
    counts = np.bincount(labels, minlength=n_languages)[:, None].astype(np.float64)
    sums = np.stack([responses[:, labels == n].sum(axis=1, dtype=np.float64) for n in range(n_languages)])
    with np.errstate(invalid="ignore", divide="ignore"):
        difference: np.ndarray = sums / counts - (sums.sum(axis=0) - sums) / (counts.sum() - counts)
    return difference


SCORES = {
    score.name: score
    for score in (
        Score(
            "auroc",
            "AUROC",
            "how well the response ranks the language's sentences above others",
            "An AUROC of one half is chance, 1 tells every sentence of the language from all others.",
            rank_statistics.auroc,
        ),
        Score(
            "ap",
            "Average precision",
            "area under precision and recall",
            "An average precision of 1 tells every sentence of the language from all others; chance is the language's "
            "share of the sentences.",
            rank_statistics.average_precision,
        ),
        Score(
            "lape",
            "LAPE",
            "low entropy of how often it responds, over languages",
            "A LAPE of 1 is a neuron that responds to this language alone; 0 is one that responds to all alike, more "
            "often to another, or to less than half of the language's sentences.",
            _shares,
            lape,
        ),
        Score(
            "mean-difference",
            "Mean difference",
            "mean response minus that on other languages",
            "A mean difference of 0 is a neuron that responds to this language as to the others; it is in the units of "
            "the neuron's output.",
            _mean_difference,
        ),
    )
}
"""Measures of expertise, by name. A score is added here, and nowhere else."""
