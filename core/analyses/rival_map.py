"""A map of one space alone: the unmodified model's, the intervention's, or either mapped by a free rival."""

from __future__ import annotations

import numpy as np

from core.analyses.rival_spaces import POST, fitted
from core.pipeline import joint_map
from core.pipeline.run import Run
from core.spaces import placing
from core.spaces.rivals import RAW, RIVALS
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES


def draw(run: Run, rival: str, space: str, layer: int) -> tuple[np.ndarray, ...]:
    """Draw one space by UMAP; its places mean nothing on another map.

    Parameters
    ----------
    rival : str
        A name in `RIVALS`, or ``raw``.
    space : {"pre", "post"}
    layer : int

    Returns
    -------
    tuple of ndarray of float32, (n_languages, n_rows, 2)
        One a group of rows.
    """
    _, intervention = run.spaces()
    applied = intervention if space == POST else None
    probe = run.probe_spaces({space: applied})
    chosen = RAW if rival == RAW.name else RIVALS[rival]
    plan = run.plan
    stage = STAGES["rival-map"]
    spec = stage.spec(
        rival=rival,
        space=run.stages.space_spec(applied),
        probe=probe.space_spec(applied),
        **({"target": plan.target} if chosen.supervised else {}),
        **joint_map.inputs(plan) | {"layer": layer},
    )

    def compute() -> Payload:
        if not run.only_cached:
            run.progress.stage(stage.title)
        mapped = fitted(probe, chosen, applied, layer)
        spaces = [
            mapped.space(run.stages.embeddings(number, applied, layer), group.languages)
            for number, group in enumerate(plan.groups)
        ]
        flat = np.concatenate([part.reshape(-1, part.shape[-1]) for part in spaces])
        plane = placing.fitted_and_placed(flat, joint_map.fitted(plan), seed=plan.experiment.seed)
        return Payload(
            arrays={f"group-{number}": of[0] for number, of in enumerate(joint_map.by_group(plan, plane[None]))}
        )

    def read(artefact: Artefact) -> tuple[np.ndarray, ...]:
        return tuple(artefact.array(f"group-{number}") for number in range(len(plan.groups)))

    planes = run.stages.get(stage.name, spec, compute, read)
    run.progress.finish()
    return planes
