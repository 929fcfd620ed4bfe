"""The way from the unmodified space to the modified one: computed strengths between, all in one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.experiment.settings import Experiment
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.spaces import projection
from core.store.artefact import Payload
from core.store.stage import STAGES

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Parts of the experiment's strength at which the way is computed."""


_POINTS = 15_000  # of all strengths together; beyond, the first rows stand for all


def strengths(experiment: Experiment) -> tuple[float, ...]:
    """The strengths of the way, from 0 to the experiment's."""
    return tuple(round(step * experiment.strength, 6) for step in STEPS)


@dataclass(frozen=True)
class Path:
    """One joint map of the spaces at several strengths.

    Attributes
    ----------
    strengths : tuple of float
        From 0 to the experiment's.
    maps : tuple
        One a group of rows, ndarray of float32, (n_strengths, n_languages, n_shown, 2).
    """

    strengths: tuple[float, ...]
    maps: tuple[np.ndarray, ...]


def along(run: Run) -> Path:
    """Embed the strengths between, and map all of them at once.

    Raises
    ------
    NotCached
        Where the run may not compute, and a strength is missing.
    """
    experts, _ = run.spaces()
    asked = strengths(run.plan.experiment)
    spaces = {strength: run.stages.intervention(experts, strength) for strength in asked}
    run.further({f"strength {strength:g}": space for strength, space in spaces.items()})
    shown = _shown(run, len(asked))
    seed = run.plan.experiment.seed
    spec = STAGES["path"].spec(
        spaces=[run.stages.space_spec(space) for space in spaces.values()],
        layer=run.plan.layer,
        seed=seed,
        shown=shown,
        umap=[projection.N_NEIGHBOURS, projection.MIN_DIST, projection.N_EPOCHS],
    )

    def compute() -> Payload:
        run.progress.stage(STAGES["path"].title)
        flat = [_flat(run, space, shown) for space in spaces.values()]
        first, rest = projection.joint_umap(flat[0], np.concatenate(flat[1:]), seed=seed)
        planes = np.concatenate([first, rest]).reshape(len(flat), -1, 2)
        arrays, start = {}, 0
        for g, (group, n) in enumerate(zip(run.plan.groups, shown, strict=True)):
            end = start + len(group.languages) * n
            arrays[f"group-{g}"] = planes[:, start:end].reshape(len(flat), len(group.languages), n, 2)
            start = end
        return Payload(arrays=arrays)

    maps = run.stages.get("path", spec, compute, lambda a: tuple(a.array(f"group-{g}") for g in range(len(shown))))
    run.progress.finish()
    return Path(asked, maps)


def _flat(run: Run, space: Intervention | None, shown: Sequence[int]) -> np.ndarray:
    """One space's shown sentences, all groups and languages in a row: float32, (n, hidden)."""
    parts = [run.stages.embeddings(g, space, run.plan.layer)[:, :n] for g, n in enumerate(shown)]
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])


def _shown(run: Run, spaces: int) -> list[int]:
    points = spaces * sum(len(g) * len(g.languages) for g in run.plan.groups)
    share = min(1.0, _POINTS / points)
    return [max(2, min(n, int(len(g) * share))) for n, g in zip(run.measures.shown(), run.plan.groups, strict=True)]
