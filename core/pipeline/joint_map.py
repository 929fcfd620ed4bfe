"""One map of several spaces together: which sentences it shows, what determines it, and how it is drawn.

The spaces share the plane, so that where a sentence moves from one space to another means something. The unmodified
space is laid out by itself and held, so that it is the same on every map of a model's layer and these sentences,
whatever is done to the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.experiment.plan import Plan
from core.neurons.interventions import Intervention
from core.pipeline.specs import in_order
from core.pipeline.stages import Stages
from core.spaces import projection

MOST_OF_A_SPACE, MOST = 5_000, 15_000
"""Points that a map shows of each space, and in all; beyond, the first rows of every group stand for all."""


def shown_rows(plan: Plan, n_spaces: int = 2) -> list[int]:
    """How many rows of each group a map of ``n_spaces`` spaces shows; 2 at least."""
    points = sum(len(group) * len(group.languages) for group in plan.groups)
    share = min(1.0, MOST_OF_A_SPACE / points, MOST / (n_spaces * points))
    return [max(2, int(len(group) * share)) for group in plan.groups]


def inputs(plan: Plan, n_spaces: int = 2) -> dict[str, Any]:
    """What determines a map besides its spaces: a part of the spec of every stage that keeps a map."""
    return {
        "layer": plan.layer,
        "seed": plan.experiment.seed,
        "shown": shown_rows(plan, n_spaces),
        "umap": [projection.N_NEIGHBOURS, projection.MIN_DIST, projection.N_EPOCHS],
        **in_order(plan.groups),
    }


def draw(stages: Stages, spaces: Sequence[Intervention | None], seed: int) -> list[np.ndarray]:
    """Draw spaces in one plane, at the plan's layer; the first is held where it lies alone.

    Parameters
    ----------
    spaces : sequence of Intervention or None
        At least two, all embedded; None is the unmodified one.

    Returns
    -------
    list of ndarray of float32, (n_spaces, n_languages, n_shown, 2)
        One a group of rows.
    """
    plan, shown = stages.plan, shown_rows(stages.plan, len(spaces))
    first, *others = (_sentences(stages, space, shown) for space in spaces)
    planes = np.stack(projection.held_umap(first, others, seed=seed))
    ends = np.cumsum([len(group.languages) * n for group, n in zip(plan.groups, shown, strict=True)])[:-1]
    return [
        part.reshape(len(spaces), len(group.languages), n, 2)
        for part, group, n in zip(np.split(planes, ends, axis=1), plan.groups, shown, strict=True)
    ]


def _sentences(stages: Stages, space: Intervention | None, shown: Sequence[int]) -> np.ndarray:
    """One space's shown sentences, all groups and languages in a row: float32, (n, hidden)."""
    parts = [stages.embeddings(group, space, stages.plan.layer)[:, :n] for group, n in enumerate(shown)]
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
