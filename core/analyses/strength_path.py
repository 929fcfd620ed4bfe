"""The path from the unmodified space to the modified one: spaces at strengths between, all in one map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline import joint_map
from core.pipeline.run import Run
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Fractions of the experiment's strength at which the path is computed."""


def strengths(experiment: Experiment) -> tuple[float, ...]:
    """The strengths of the path, from 0 to the experiment's."""
    return tuple(round(step * experiment.strength, 6) for step in STEPS)


@dataclass(frozen=True)
class Path:
    """One joint map of the spaces at several strengths.

    Attributes
    ----------
    strengths : tuple of float
        From 0 to the experiment's.
    maps : tuple
        One a group of rows, ndarray of float32, (n_strengths, n_languages, n_rows, 2).
    """

    strengths: tuple[float, ...]
    maps: tuple[np.ndarray, ...]


def along(run: Run) -> Path:
    """Embed the sentences at every strength of the path, and draw all of them in one map.

    Raises
    ------
    SettingError
        If the experiment's strength is 0, so that there is no path.
    NotCached
        Where the run may not compute, and a strength is missing.
    """
    experts, _ = run.spaces()
    spaces = {strength: run.stages.intervention(experts, strength) for strength in strengths(run.plan.experiment)}
    if len(spaces) < 2:
        raise SettingError(
            f"strengths between 0 and {run.plan.experiment.strength:g}",
            "both ends are the unmodified model",
            "Ask with another strength: 1 holds the experts at their mean.",
        )
    run.further({f"strength {strength:g}": space for strength, space in spaces.items()})
    stage = STAGES["path"]
    specs = [run.stages.space_spec(space) for space in spaces.values()]
    spec = stage.spec(spaces=specs, **joint_map.inputs(run.plan, len(spaces)))

    def compute() -> Payload:
        run.progress.stage(stage.title)
        maps = joint_map.draw(run.stages, tuple(spaces.values()), run.plan.experiment.seed)
        return Payload(arrays={f"group-{g}": planes for g, planes in enumerate(maps)})

    def read(artefact: Artefact) -> tuple[np.ndarray, ...]:
        return tuple(artefact.array(f"group-{g}") for g in range(len(run.plan.groups)))

    maps = run.stages.get("path", spec, compute, read)
    run.progress.finish()
    return Path(tuple(spaces), maps)
