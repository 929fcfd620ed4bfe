"""Item: distances between languages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.reproduction import measures
from core.reproduction.charts import distances as charts
from core.reproduction.item import Item
from core.reproduction.study import Study


def distance_tables(study: Study, *controls: str) -> dict[str, pd.DataFrame]:
    """One row a target, and one that is the mean over targets, with its standard error."""
    by_target = study.table(study.experiments(*controls), measures.distance_table).assign(standard_error=np.nan)
    return {"distances": pd.concat([by_target, over_targets(by_target)], ignore_index=True)}


def over_targets(by_target: pd.DataFrame) -> pd.DataFrame:
    """Mean over targets and its standard error (sample deviation over the root of the number of targets; NaN of one).

    Parameters
    ----------
    by_target : DataFrame
        ``model, target, k, strength, control, space, distance, value, low, high, n``, one row a target; in the means
        ``n`` counts targets, not sentences.
    """
    keys = ["model", "k", "strength", "control", "space", "metric", "layer", "distance"]
    # The unmodified model's best layer can differ between targets: its means are over the targets that share it.
    values = by_target.groupby(keys, sort=False)["value"]
    means = values.agg(value="mean", standard_error="sem", n="size").reset_index()
    return means.assign(target="mean").reindex(columns=[*by_target.columns])


# The steps of retrieval measure distances too.
DISTANCES = Item("distances", "Distances", lambda study: distance_tables(study, "none"), charts.distances)
