"""One map of several spaces together: what determines it, and how it is drawn.

The spaces share the plane, so that where a sentence moves from one space to another means something. The unmodified
space is laid out by itself and held, so that it is the same on every map of a model's layer and these sentences,
whatever is done to the model. Every sentence is on the map; of a large space some thousands are laid out, and the
others placed beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.experiment.plan import Plan
from core.neurons.interventions import Intervention
from core.pipeline.specs import in_order
from core.pipeline.stages import Stages
from core.spaces import placing, projection

MOST_OF_A_SPACE, MOST = 5_000, 15_000
"""Points that a map is fitted on of each space, and in all; beyond, rows from all over every group are taken."""
_SECONDS_A_POINT = 0.0002  # about what it takes to place one


def fitted_rows(plan: Plan, n_spaces: int = 2) -> list[int]:
    """On how many rows of each group a map of ``n_spaces`` spaces is fitted; 2 at least."""
    points = n_points(plan)
    share = min(1.0, MOST_OF_A_SPACE / points, MOST / (n_spaces * points))
    return [max(2, int(len(group) * share)) for group in plan.groups]


def rows_of_groups(plan: Plan, n_spaces: int = 2) -> list[np.ndarray]:
    """Numbers of the rows that a map is fitted on, from all over each group: int64, ascending."""
    counts = zip(plan.groups, fitted_rows(plan, n_spaces), strict=True)
    return [np.arange(n) * len(group) // n for group, n in ((group, min(n, len(group))) for group, n in counts)]


def n_points(plan: Plan) -> int:
    """How many sentences a map shows: all."""
    return sum(len(group) * len(group.languages) for group in plan.groups)


def n_fitted(plan: Plan, n_spaces: int = 2) -> int:
    """How many sentences a map of ``n_spaces`` spaces is fitted on; the others are placed."""
    rows = rows_of_groups(plan, n_spaces)
    return sum(len(of) * len(group.languages) for group, of in zip(plan.groups, rows, strict=True))


def in_words(plan: Plan, n_spaces: int = 2) -> str:
    """How many sentences a map is fitted on and how many are placed; empty where it is fitted on all."""
    every, laid_out = n_points(plan), n_fitted(plan, n_spaces)
    if laid_out == every:
        return ""
    return (
        f"The map is fitted on {laid_out:,} of {every:,} sentences; the other {every - laid_out:,} are placed on it, "
        "each amid its nearest neighbours among the fitted."
    )


def placing_seconds(plan: Plan, n_spaces: int = 2) -> float:
    """About how much longer a map takes because of the sentences that are placed."""
    return n_spaces * (n_points(plan) - n_fitted(plan, n_spaces)) * _SECONDS_A_POINT


def inputs(plan: Plan, n_spaces: int = 2) -> dict[str, Any]:
    """What determines a map besides its spaces: a part of the spec of every stage that keeps a map."""
    rows = fitted_rows(plan, n_spaces)
    placed = {"of": [len(group) for group in plan.groups], "placing": [placing.N_EPOCHS]}
    return {
        "layer": plan.layer,
        "seed": plan.experiment.seed,
        "shown": rows,  # named when a map showed no others, and a map that is fitted on all is kept as it was
        "umap": [projection.N_NEIGHBOURS, projection.MIN_DIST, projection.N_EPOCHS],
        **(placed if n_fitted(plan, n_spaces) < n_points(plan) else {}),
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
    list of ndarray of float32, (n_spaces, n_languages, n_rows, 2)
        One a group of rows.
    """
    plan = stages.plan
    first, *others = (_sentences(stages, space) for space in spaces)
    planes = np.stack(placing.held_and_placed(first, others, fitted(plan, len(spaces)), seed=seed))
    return by_group(plan, planes)


def by_group(plan: Plan, planes: np.ndarray) -> list[np.ndarray]:
    """Planes ``(n_spaces, n, 2)`` of all sentences, as one array a group: (n_spaces, n_languages, n_rows, 2)."""
    ends = np.cumsum([len(group.languages) * len(group) for group in plan.groups])[:-1]
    return [
        part.reshape(len(planes), len(group.languages), len(group), 2)
        for part, group in zip(np.split(planes, ends, axis=1), plan.groups, strict=True)
    ]


def fitted(plan: Plan, n_spaces: int = 2) -> np.ndarray:
    """Places of the fitted sentences among all, by group, language and row: int64, ascending."""
    parts, start = [], 0
    for group, rows in zip(plan.groups, rows_of_groups(plan, n_spaces), strict=True):
        starts = start + len(group) * np.arange(len(group.languages))
        parts.append((starts[:, None] + rows).ravel())
        start += len(group) * len(group.languages)
    return np.concatenate(parts)


def _sentences(stages: Stages, space: Intervention | None) -> np.ndarray:
    """One space's sentences, all groups and languages in a row: float32, (n, hidden)."""
    parts = [stages.embeddings(group, space, stages.plan.layer) for group in range(len(stages.plan.groups))]
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
