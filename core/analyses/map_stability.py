"""How far a refit alone moves an experiment's map."""

from __future__ import annotations

import numpy as np

from core.analyses.strength_path import _flat
from core.pipeline.run import Run
from core.spaces import projection
from core.spaces.map_stability import Movement, compare
from core.store.artefact import Payload
from core.store.stage import STAGES

_OTHER_SEED = 7919  # added to the experiment's seed: any other would do


def movement(run: Run) -> Movement:
    """Fit the experiment's map once more with another seed, and compare."""
    _, intervention = run.spaces()
    maps = run.measures.projection(intervention)
    spec = STAGES["movement"].spec(
        spaces=[run.stages.space_spec(space) for space in (None, intervention)],
        layer=run.plan.layer,
        seed=run.plan.experiment.seed,
        shown=run.measures.shown(),
        umap=[projection.N_NEIGHBOURS, projection.MIN_DIST, projection.N_EPOCHS],
    )

    def compute() -> Payload:
        run.progress.plan({STAGES["movement"].title: 5.0})
        run.progress.stage(STAGES["movement"].title)
        shown = run.measures.shown()
        pre, post = (_flat(run, space, shown) for space in (None, intervention))
        again = projection.joint_umap(pre, post, seed=run.plan.experiment.seed + _OTHER_SEED)
        first = [np.concatenate([side[space].reshape(-1, 2) for side in maps]) for space in (0, 1)]
        found = compare(first[0], first[1], *again)
        return Payload(facts={"moved": found.moved, "noise": found.noise, "beyond": found.beyond, "n": found.n})

    facts = run.stages.get("movement", spec, compute, lambda artefact: artefact.facts)
    run.progress.finish()
    moved, noise, beyond = (float(str(facts[name])) for name in ("moved", "noise", "beyond"))
    return Movement(moved, noise, beyond, int(str(facts["n"])))
