"""Item: the maps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.pipeline.run import Run
from core.reproduction.charts import projection as charts
from core.reproduction.item import Item
from core.reproduction.steps import Step
from core.reproduction.study import Study
from core.store.stage import STAGES


def joint_map(run: Run) -> pd.DataFrame:
    """The joint map of both spaces: ``space, language, row, x, y``, one row a sentence and space."""
    _, intervention = run.spaces()
    run.progress.stage(STAGES["projection"].title)
    planes = run.measures.projection(intervention)[0]
    languages = run.plan.groups[0].languages
    parts = []
    for space, plane in zip(("pre", "post"), planes, strict=True):
        n = plane.shape[1]
        columns = {
            "space": space,
            "language": np.repeat(languages, n),
            "row": np.tile(np.arange(n), len(languages)),
            "x": plane[..., 0].ravel(),
            "y": plane[..., 1].ravel(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _steps(study: Study) -> list[Step]:
    points = 2 * sum(len(group) * len(group.languages) for group in study.plan.groups)
    seconds = 4.0 + 8.0 * min(points, 10_000) / 8_000
    return [
        study.step("projection", experiment.target, experiment, joint_map, seconds)
        for experiment in study.experiments("none")
    ]


PROJECTION = Item(
    "projection",
    "Maps",
    lambda study: {"projection": study.table(study.experiments("none"), joint_map)},
    charts.projection,
    _steps,
)
