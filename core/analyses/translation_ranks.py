"""The rank at which a sentence finds its translation, for every way of comparing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.spaces.retrieval import ranks
from core.spaces.similarity import COMPARISONS, by_fit, normalise
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES

DIRECTIONS = ("from", "to")
_UNNAMED = ("cosine", "centred", "csls")  # the ways that are stored under a spec without their names


@dataclass(frozen=True)
class Ranks:
    """Ranks of translations between the target and every candidate language, in one space at one layer.

    Attributes
    ----------
    layer : int
    candidates : tuple of (group, language)
        The candidate language of each entry of ``found``, and the group of rows it is from.
    found : mapping of (metric, direction) to list of ndarray of int32, (n_sentences,)
        One array a candidate. Direction ``from``: the target's sentences are the queries; ``to``: the candidate's.
    """

    layer: int
    candidates: tuple[tuple[int, str], ...]
    found: Mapping[tuple[str, str], list[np.ndarray]]

    def of(self, language: str, metric: str = "cosine", direction: str = "from") -> np.ndarray:
        """Ranks for one candidate language, over all its groups in order: (n_sentences,)."""
        by_candidate = zip(self.candidates, self.found[metric, direction], strict=True)
        return np.concatenate([ranks for (_, code), ranks in by_candidate if code == language])


def target_ranks(run: Run, intervention: Intervention | None, layer: int | None = None) -> Ranks:
    """Rank translations between the target and every candidate language in one space; kept in the store.

    Parameters
    ----------
    intervention : Intervention or None
        None for the space before.
    layer : int, optional
        The plan's layer unless given.
    """
    plan, read_layer = run.plan, run.plan.layer if layer is None else layer
    candidates = tuple(
        (number, code)
        for number, group in enumerate(plan.groups)
        if plan.target in group.languages
        for code in group.languages
        if code != plan.target
    )
    names = tuple(COMPARISONS)
    spec = STAGES["ranks"].spec(space=run.stages.space_spec(intervention), target=plan.target, layer=read_layer)
    if names != _UNNAMED:
        spec["comparisons"] = list(names)

    def compute() -> Payload:
        arrays: dict[str, np.ndarray] = {}
        for number, group in enumerate(plan.groups):
            if plan.target not in group.languages:
                continue
            space = run.stages.embeddings(number, intervention, read_layer)
            target = group.languages.index(plan.target)
            for code, tables in _ranked(space, target, group.languages).items():
                for (metric, direction), sentence_ranks in tables.items():
                    arrays[f"{number}-{code}-{metric}-{direction}"] = sentence_ranks
        return Payload(arrays=arrays)

    def read(artefact: Artefact) -> Ranks:
        return Ranks(
            read_layer,
            candidates,
            {
                (metric, direction): [
                    artefact.array(f"{number}-{code}-{metric}-{direction}") for number, code in candidates
                ]
                for metric in names
                for direction in DIRECTIONS
            },
        )

    return run.stages.get("ranks", spec, compute, read)


def both(run: Run) -> tuple[Ranks, Ranks]:
    """Ranks before and after."""
    _, intervention = run.spaces()
    return target_ranks(run, None), target_ranks(run, intervention)


def _ranked(space: np.ndarray, target: int, languages: tuple[str, ...]) -> dict[str, dict[tuple[str, str], np.ndarray]]:
    """Ranks by candidate language, then by way of comparing and direction, each (n_sentences,)."""
    ranked: dict[str, dict[tuple[str, str], np.ndarray]] = {code: {} for code in languages}
    del ranked[languages[target]]
    for fit, comparisons in by_fit(COMPARISONS.values()):
        unit = normalise(fit(space)(space))
        for code, candidate_ranks in ranked.items():
            similarity = unit[target] @ unit[languages.index(code)].T
            for comparison in comparisons:
                table = comparison.adjusted(similarity)
                candidate_ranks[comparison.name, "from"] = ranks(table)
                candidate_ranks[comparison.name, "to"] = ranks(table.T)
    return ranked
