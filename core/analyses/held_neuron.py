"""One neuron held by hand, alone: how far it moves the embeddings, and what that does to retrieval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.errors import SettingError
from core.experiment.names import SETTINGS
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.neurons.neuron_map import NeuronMap
from core.pipeline.before_after import BeforeAfter
from core.pipeline.run import Run
from core.stats import paired
from core.stats.intervals import Interval

_CHOOSING = (
    "select",
    "min_score",
    "expert_layers",
    "expert_sites",
    "targets",
    "combine",
    "held_at",
    "control",
    "tokens",
)


@dataclass(frozen=True)
class Effect:
    """What holding a neuron does to the embeddings at the plan's layer.

    Attributes
    ----------
    spaces : BeforeAfter
        All measures of both spaces.
    moved : mapping of str to Interval
        By language: cosine distance of a sentence's embedding from where it was, the mean over sentences.
    """

    plan: Plan
    spaces: BeforeAfter
    moved: Mapping[str, Interval]


def held(experiment: Experiment, neurons: NeuronMap, neuron: int, value: float) -> Experiment:
    """Everything as in an experiment, but that one neuron alone is held, at a value.

    Raises
    ------
    SettingError
        If the model has no such neuron.
    """
    if not 0 <= neuron < neurons.total:
        raise SettingError(
            f"neuron {neuron:,}", f"the model has {neurons.total:,}", f"Use a number from 0 to {neurons.total - 1:,}."
        )
    site, units, _ = next(neurons.by_site(np.array([neuron])))
    return replace(
        experiment,
        **{name: SETTINGS[name].default for name in _CHOOSING},
        experts_from=f"{site.layer}:{site.name}:{units[0]}={float(value)!r}",
        experts=1,
        method="set-mean",
        strength=1.0,
    )


def effect(run: Run) -> Effect:
    """Measure what the intervention of a run does, language by language."""
    _, intervention = run.spaces()
    distances: dict[str, list[np.ndarray]] = {}
    for number, group in enumerate(run.plan.groups):
        pre, post = (_unit(run.stages.embeddings(number, space, run.plan.layer)) for space in (None, intervention))
        # from the difference: one neuron moves little, and 1 - cosine would be rounding
        for code, distance in zip(group.languages, ((pre - post) ** 2).sum(axis=-1) / 2, strict=True):
            distances.setdefault(code, []).append(distance)
    moved = {code: _pooled(parts) for code, parts in distances.items()}
    return Effect(run.plan, run.measures.before_after(intervention, layers=False), moved)


def _pooled(parts: list[np.ndarray]) -> Interval:
    """The mean over the sentences of all sets of rows that have a language."""
    n = sum(map(len, parts))
    return paired.figure([(len(part) / n, part) for part in parts])


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, in double precision."""
    vectors = vectors.astype(np.float64)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300))
