"""Item: the maps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.pipeline.joint_map import n_fitted, placing_seconds, rows_of_groups
from core.pipeline.run import Run
from core.reproduction.charts import projection as charts
from core.reproduction.item import Item
from core.reproduction.steps import Step
from core.reproduction.study import Study
from core.store.stage import STAGES


def joint_map(run: Run) -> pd.DataFrame:
    """The joint map of both spaces: ``space, language, row, x, y``, one row a space and fitted sentence."""
    _, intervention = run.spaces()
    run.progress.stage(STAGES["projection"].title)
    planes = run.measures.projection(intervention)[0]
    languages, shown = run.plan.groups[0].languages, rows_of_groups(run.plan)[0]
    parts = []
    for space, plane in zip(("pre", "post"), planes, strict=True):
        columns = {
            "space": space,
            "language": np.repeat(languages, len(shown)),
            "row": np.tile(shown, len(languages)),
            "x": plane[:, shown, 0].ravel(),
            "y": plane[:, shown, 1].ravel(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _steps(study: Study) -> list[Step]:
    seconds = 4.0 + n_fitted(study.plan) / 500 + placing_seconds(study.plan)
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
