"""How far languages are apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.reproduction import measures
from core.reproduction.session import Item, Session


def _distances(session: Session, controls: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """One row a target, and one that is the mean over targets, with its standard error."""
    parts = []
    for control in controls:
        for target in session.targets:
            experiment = session.settings.experiment(target, control)
            parts.append(session.labelled(session.ask(experiment, measures.distance_table), experiment))
    each = pd.concat(parts, ignore_index=True).assign(standard_error=np.nan)
    return {"distances": pd.concat([each, over_targets(each)], ignore_index=True)}


def over_targets(each: pd.DataFrame) -> pd.DataFrame:
    """Mean over targets and its standard error (sample deviation over the root of the number of targets; NaN of one).

    Parameters
    ----------
    each : DataFrame
        ``model, target, k, strength, control, space, distance, value, low, high, n``, one row a target; in the means
        ``n`` counts targets, not sentences.
    """
    keys = ["model", "k", "strength", "control", "space", "metric", "layer", "distance"]
    # The unmodified model's best layer may be another for each target: such means are over the targets that share it.
    grouped = each.groupby(keys, sort=False)["value"]
    found = grouped.agg(value="mean", standard_error="sem", n="size").reset_index()
    return found.assign(target="mean").reindex(columns=[*each.columns])


DISTANCES = Item("distances", "Distances", lambda _: [], lambda session: _distances(session, ("none",)))
