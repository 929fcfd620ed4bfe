"""How far a refit alone moves an experiment's map."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core.pipeline import joint_map
from core.pipeline.run import Run
from core.spaces.map_stability import Movement, compare
from core.store.artefact import Payload
from core.store.stage import STAGES

_OTHER_SEED = 7919  # added to the experiment's seed: any other would do
_SECONDS = 5.0  # about what a refit takes


def movement(run: Run) -> Movement:
    """Fit the experiment's map again with another seed, and compare both fits."""
    _, intervention = run.spaces()
    maps = run.measures.projection(intervention)
    spaces = (None, intervention)
    stage = STAGES["movement"]
    spec = stage.spec(spaces=[run.stages.space_spec(space) for space in spaces], **joint_map.inputs(run.plan))

    def compute() -> Payload:
        run.progress.plan({stage.title: _SECONDS + joint_map.placing_seconds(run.plan)})
        run.progress.stage(stage.title)
        again = joint_map.draw(run.stages, spaces, run.plan.experiment.seed + _OTHER_SEED)
        measured = compare(*_points(maps), *_points(again))
        return Payload(
            facts={"moved": measured.moved, "noise": measured.noise, "beyond": measured.beyond, "n": measured.n}
        )

    facts = run.stages.get("movement", spec, compute, lambda artefact: artefact.facts)
    run.progress.finish()
    moved, noise, beyond = (float(str(facts[name])) for name in ("moved", "noise", "beyond"))
    return Movement(moved, noise, beyond, int(str(facts["n"])))


def _points(maps: Iterable[Iterable[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Both spaces' points, all groups and languages in a row: (n, 2) each."""
    pre, post = (np.concatenate([planes.reshape(-1, 2) for planes in space]) for space in zip(*maps, strict=True))
    return pre, post
