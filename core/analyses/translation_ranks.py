"""At which rank a sentence finds its translation, by three ways of comparing: cosine, mean-centred cosine, CSLS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.spaces.retrieval import ranks
from core.spaces.similarity import centre, csls, normalise
from core.store.artefact import Payload

VERSION = 1


METRICS = ("cosine", "centred", "csls")


DIRECTIONS = ("from", "to")


@dataclass(frozen=True)
class Ranks:
    """Ranks of translations between the target and every candidate language, in one space at one layer.

    Attributes
    ----------
    layer : int
    candidates : tuple of (group, language)
        Whom the rows are about; the group says which set of rows.
    rows : tuple of tuple of int
        For each, the number of its sentences.
    found : mapping of (metric, direction) to list of ndarray of int32, (n_sentences,)
        One array a candidate. Direction ``from``: the target's sentences are the queries; ``to``: the candidate's.
    """

    layer: int
    candidates: tuple[tuple[int, str], ...]
    found: Mapping[tuple[str, str], list[np.ndarray]]

    def of(self, language: str, metric: str = "cosine", direction: str = "from") -> np.ndarray:
        """Ranks for one candidate language, over all its groups in order: (n_sentences,)."""
        every = self.found[metric, direction]
        return np.concatenate(
            [found for (_, code), found in zip(self.candidates, every, strict=True) if code == language]
        )


def target_ranks(run: Run, intervention: Intervention | None, layer: int | None = None) -> Ranks:
    """Rank translations between the target and every candidate language in one space; kept in the store.

    Parameters
    ----------
    intervention : Intervention or None
        None for the space before.
    layer : int, optional
        The plan's layer unless given.
    """
    plan, at = run.plan, run.plan.layer if layer is None else layer
    candidates = tuple(
        (number, code)
        for number, group in enumerate(plan.groups)
        if plan.target in group.languages
        for code in group.languages
        if code != plan.target
    )
    spec = {"version": VERSION, "space": run.stages.space_spec(intervention), "target": plan.target, "layer": at}

    def compute() -> Payload:
        arrays: dict[str, np.ndarray] = {}
        for number, group in enumerate(plan.groups):
            if plan.target not in group.languages:
                continue
            space = run.stages.embeddings(number, intervention, at)
            target = group.languages.index(plan.target)
            for code, tables in _ranked(space, target, group.languages).items():
                for (metric, direction), found in tables.items():
                    arrays[f"{number}-{code}-{metric}-{direction}"] = found
        return Payload(arrays=arrays)

    def read(artefact: object) -> Ranks:
        return Ranks(
            at,
            candidates,
            {
                (metric, direction): [
                    artefact.array(f"{number}-{code}-{metric}-{direction}")  # type: ignore[attr-defined]
                    for number, code in candidates
                ]
                for metric in METRICS
                for direction in DIRECTIONS
            },
        )

    return run.stages.get("ranks", spec, compute, read, derived=True)


def both(run: Run) -> tuple[Ranks, Ranks]:
    """Ranks before and after."""
    _, intervention = run.spaces()
    return target_ranks(run, None), target_ranks(run, intervention)


def _ranked(space: np.ndarray, target: int, languages: tuple[str, ...]) -> dict[str, dict[tuple[str, str], np.ndarray]]:
    made: dict[str, dict[tuple[str, str], np.ndarray]] = {}
    unit, centred = normalise(space), normalise(centre(space))
    for number, code in enumerate(languages):
        if number == target:
            continue
        plain = unit[target] @ unit[number].T
        tables = {"cosine": plain, "centred": centred[target] @ centred[number].T, "csls": csls(plain)}
        made[code] = {}
        for metric, table in tables.items():
            made[code][metric, "from"], made[code][metric, "to"] = ranks(table), ranks(table.T)
    return made
