"""The maps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.pipeline.run import Run
from core.reproduction.session import Item, Session
from core.reproduction.steps import Step
from core.store.stage import STAGES


def _projection_steps(session: Session) -> list[Step]:
    points = 2 * sum(len(group) * len(group.languages) for group in session.plan.groups)
    seconds = 4.0 + 8.0 * min(points, 10_000) / 8_000
    return [
        session.step("projection", target, session.settings.experiment(target), _plane, seconds)
        for target in session.targets
    ]


def _plane(run: Run) -> pd.DataFrame:
    """The joint map: ``space, language, row, x, y``, one row a sentence and space."""
    _, intervention = run.spaces()
    run.progress.stage(STAGES["projection"].title)
    planes = run.measures.projection(intervention)[0]
    languages = run.plan.groups[0].languages
    parts = []
    for space, plane in zip(("pre", "post"), planes, strict=True):
        n = plane.shape[1]
        parts.append(
            pd.DataFrame(
                {
                    "space": space,
                    "language": np.repeat(languages, n),
                    "row": np.tile(np.arange(n), len(languages)),
                    "x": plane[..., 0].ravel(),
                    "y": plane[..., 1].ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _projection(session: Session) -> dict[str, pd.DataFrame]:
    parts = []
    for target in session.targets:
        experiment = session.settings.experiment(target)
        parts.append(session.labelled(session.ask(experiment, _plane), experiment))
    return {"projection": pd.concat(parts, ignore_index=True)}


PROJECTION = Item("projection", "Maps", _projection_steps, _projection)
