"""Chooses the experts by every neuron's score, and draws random neurons to compare them with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.choices import Choice, by_name
from core.errors import SettingError
from core.neurons.neuron_map import NeuronMap

SELECTIONS = by_name(
    Choice("model", "the best of the model", "the K best of the model"),
    Choice("layer", "the best of each layer", "the K best of each layer"),
    Choice("all", "all, whatever their score", "all of the chosen layers and sites, whatever K says"),
)
"""Over what the best neurons are chosen."""


@dataclass(frozen=True)
class Selection:
    """How experts are chosen.

    Attributes
    ----------
    k : int
        How many: of the whole model, or of each layer.
    over : {"model", "layer", "all"}
        The k best of the model, or of every layer; or all, whatever k is.
    layers : str, optional
        Only neurons of these layers, counted from 0: ``0-5,9``.
    sites : tuple of str, optional
        Only neurons of sites with these names: ``gate_proj``.
    min_score : float, optional
        Only neurons that score at least this; may give fewer than k.
    """

    k: int
    over: str = "model"
    layers: str | None = None
    sites: tuple[str, ...] | None = None
    min_score: float | None = None

    def candidates(self, neurons: NeuronMap) -> np.ndarray:
        """Neurons that may be chosen, whatever their score: ndarray of int64, ascending.

        Raises
        ------
        SettingError
            For an unknown layer or site, none left, or fewer than k.
        """
        layers = None if self.layers is None else _layers(self.layers, neurons.n_layers)
        if self.sites is not None:
            names = list(dict.fromkeys(site.name for site in neurons.sites))
            for name in self.sites:
                if name not in names:
                    raise SettingError(
                        f"experts at site {name!r}", f"the model has {', '.join(names)}", "Choose among these."
                    )
        ranges = [
            np.arange(site.start, site.stop)
            for site in neurons.sites
            if (layers is None or site.layer in layers) and (self.sites is None or site.name in self.sites)
        ]
        if not ranges:
            raise SettingError("experts in these layers and sites", "no neuron is in both", "Choose others.")
        candidates = np.concatenate(ranges)
        if self.over == "all":
            return candidates
        available = len(candidates)
        if self.over == "layer":
            available = int(np.bincount(layers_of(candidates, neurons), minlength=1).max())
        check_count(self.k, available, "a layer has" if self.over == "layer" else "there are")
        return candidates

    def choose(self, scores: np.ndarray, neurons: NeuronMap) -> np.ndarray:
        """The experts, best first; ties go to the lower index.

        Parameters
        ----------
        scores : ndarray, (n_neurons,)
            NaN is below everything.

        Returns
        -------
        ndarray of int64, (k,) or fewer under ``min_score``, or k of each layer
        """
        candidates = self.candidates(neurons)
        best = candidates[np.argsort(-scores[candidates], kind="stable")]
        if self.min_score is not None:
            passing = best[scores[best] >= self.min_score]
            if not passing.size:
                raise SettingError(
                    f"experts that score at least {self.min_score:g}",
                    f"the best neuron scores {scores[best[0]]:.4f}",
                    f"Use {scores[best[0]]:.4f} or less.",
                )
            best = passing
        if self.over == "layer":
            place = _place_in_group(layers_of(best, neurons))
            best = best[place < self.k]
        elif self.over == "model":
            best = best[: self.k]
        return best.astype(np.int64)


def random_neurons(n_neurons: int, k: int, seed: int) -> np.ndarray:
    """``k`` different neurons drawn at random over the whole model: ndarray of int64, (k,)."""
    check_count(k, n_neurons)
    return np.random.default_rng(seed).choice(n_neurons, size=k, replace=False).astype(np.int64)


def random_by_layer(experts: np.ndarray, neurons: NeuronMap, seed: int) -> np.ndarray:
    """Draw different neurons at random, as many in each layer as there are ``experts`` (k,), in the experts' order."""
    return _random_within(layers_of(np.arange(neurons.total), neurons), experts, seed)


def random_by_site(experts: np.ndarray, neurons: NeuronMap, seed: int) -> np.ndarray:
    """The same, as many in each site: a map that reads and writes a site's units together keeps them together."""
    sites = np.repeat(np.arange(len(neurons.sites)), [site.width for site in neurons.sites])
    return _random_within(sites, experts, seed)


def _random_within(groups: np.ndarray, experts: np.ndarray, seed: int) -> np.ndarray:
    """Draw different neurons at random, as many in each group as there are experts; ``groups``: of every neuron."""
    generator = np.random.default_rng(seed)
    of_experts, drawn = groups[experts], np.empty(len(experts), dtype=np.int64)
    for group in np.unique(of_experts):
        within = of_experts == group
        drawn[within] = generator.choice(np.flatnonzero(groups == group), size=int(within.sum()), replace=False)
    return drawn


@dataclass(frozen=True)
class ExpertSet(Choice):
    """Which of the experts of several languages are held.

    Attributes
    ----------
    keeps : callable
        From whether each neuron is among a language's experts, bool (n_languages, n), with the target first: which are
        held, bool (n,).
    """

    keeps: Callable[[np.ndarray], np.ndarray] = lambda member: np.asarray(np.any(member, axis=0))


EXPERT_SETS = by_name(
    ExpertSet("union", "of any of them", "the experts of any of the languages"),
    ExpertSet(
        "intersection",
        "of all of them",
        "those of all the languages",
        keeps=lambda member: np.asarray(np.all(member, axis=0)),
    ),
    ExpertSet(
        "difference",
        "of the target alone",
        "the target's that are none of the others'",
        keeps=lambda member: member[0] & ~member[1:].any(axis=0),
    ),
    ExpertSet(
        "not-shared",
        "of just one of them",
        "those of one of the languages and no other",
        keeps=lambda member: member.sum(axis=0) == 1,
    ),
)
"""How the experts of several languages are put together."""

HELD_AT = by_name(
    Choice("own", "each at its own language's mean", "each at the mean of the languages that it is an expert of"),
    Choice("joint", "all at the joint mean", "each at its mean over all the languages together"),
)
"""What the experts of several languages are held at."""


@dataclass(frozen=True)
class Control(Choice):
    """What takes the experts' place, to see whether it matters which neurons are written to.

    Attributes
    ----------
    place : str
        Where the random neurons are drawn, for a sentence after "random neurons"; empty over the whole model.
    draw : callable or None
        From the experts ``(k,)``, the model's neurons and a seed, the neurons that are written to; None: the experts.
    """

    place: str = ""
    draw: Callable[[np.ndarray, NeuronMap, int], np.ndarray] | None = None


CONTROLS = by_name(
    Control("none", "none: the experts", "what is written goes to the experts"),
    Control(
        "random",
        "random neurons",
        "the same is written to neurons drawn at random",
        draw=lambda experts, neurons, seed: random_neurons(neurons.total, len(experts), seed),
    ),
    Control(
        "random-layers",
        "random neurons, the same layers",
        "as many at random in each layer as it has experts",
        place="of the same layers",
        draw=random_by_layer,
    ),
)


def layers_of(chosen: np.ndarray, neurons: NeuronMap) -> np.ndarray:
    """The layer of each neuron ``(k,)``: ndarray of int64, (k,)."""
    starts = np.array([site.start for site in neurons.sites])
    layers = np.array([site.layer for site in neurons.sites])
    return layers[np.searchsorted(starts, chosen, side="right") - 1]


def check_count(k: int, n_neurons: int | None = None, have: str = "the model has") -> None:
    """Raise `SettingError` unless ``k`` experts can be chosen from ``n_neurons`` (None: not known yet)."""
    if k < 1:
        raise SettingError(f"{k} experts", "an intervention needs at least one", "Ask for 1 or more.")
    if n_neurons is not None and k > n_neurons:
        raise SettingError(f"{k:,} experts", f"{have} {n_neurons:,} neurons", f"Ask for {n_neurons:,} or fewer.")


def check_layers(text: str) -> None:
    """Raise `SettingError` unless ``text`` names layers in a way that some model may have."""
    _layers(text, None)


def _layers(text: str, n_layers: int | None) -> set[int]:
    layers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part, re.ASCII)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if low > high or (n_layers is not None and high >= n_layers):
            reason = f"the model's layers are 0 to {n_layers - 1}" if match and n_layers else "it names no layers"
            raise SettingError(f"experts in layers {text!r}", reason, "Use numbers and ranges such as 0-5,9.")
        if n_layers is not None:  # else a few ranges of a link would name a hundred million layers
            layers.update(range(low, high + 1))
    return layers


def _place_in_group(groups: np.ndarray) -> np.ndarray:
    """Count, for each entry, the earlier entries of the same group: ndarray of int64."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    first = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1])
    lengths = np.diff(np.append(first, len(groups)))
    place = np.empty(len(groups), dtype=np.int64)
    place[order] = np.arange(len(groups)) - np.repeat(first, lengths)
    return place
