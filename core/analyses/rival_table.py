"""An intervention and its free rivals as rows: for a data frame, for CSV and for the JSON of a result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.analyses.rival_spaces import RivalSpace, RivalSpaces
from core.analyses.rival_verdict import SpaceComparison, against_all
from core.spaces.measured_space import ALL, Value
from core.spaces.space_measures import SPACE_MEASURES
from core.stats.intervals import finite, wilson


def to_json(spaces: RivalSpaces) -> list[dict[str, Any]]:
    """Every space as JSON values: what it is, what it needs, its measures and their 95% intervals."""
    against = {id(row.space): row for row in against_all(spaces)}
    return [_record(spaces, space, against.get(id(space))) for space in spaces.spaces]


def frame(spaces: RivalSpaces) -> pd.DataFrame:
    """Every space as one row.

    Returns
    -------
    DataFrame
        ``name, title, space, layer, chosen, supervised, fitting, applied, n``; each measure by its key
        (``top1_target``, ``mexa_all``, ``anisotropy``) with ``_low`` and ``_high``, and ``_permuted`` where it has such
        a value; ``difference``, with ``_low`` and ``_high``: top-1 from the target of the intervention minus this
        space's, paired, and ``p``, Wilcoxon's, corrected by Holm.
    """
    rows = []
    for record in to_json(spaces):
        row = {name: record[name] for name in ("name", "title", "space", "layer", "chosen", "supervised")}
        row |= {"fitting": record["needs"]["fitting"], "applied": record["needs"]["applied"], "n": record["n"]}
        for key, value in record["measures"].items():
            low, high = record["intervals"][key]
            row |= {key: value, f"{key}_low": low, f"{key}_high": high}
            if key in record["permuted"]:
                row[f"{key}_permuted"] = record["permuted"][key]
        beside = record["intervention_minus_this"] or {}
        row |= {"difference": beside.get("value")}
        row |= {f"difference_{end}": beside.get(end) for end in ("low", "high")} | {"p": beside.get("p")}
        rows.append(row)
    return pd.DataFrame(rows)


def pair_frame(spaces: RivalSpaces) -> pd.DataFrame:
    """Every ordered pair of languages of every space as one row.

    Returns
    -------
    DataFrame
        ``name, title, space, layer, chosen, group, query, candidate, n``, the group being a set of rows; each measure
        of pairs by its name, and where it is a share of hits ``_low`` and ``_high``, Wilson's 95% interval.
    """
    frames = []
    for space in spaces.spaces:
        pairs = space.measured.pairs
        about = {"name": space.rival.name, "title": space.rival.title, "space": space.space, "layer": space.layer}
        columns: dict[str, Any] = {**about, "chosen": space.chosen}
        for name, values in pairs.items():
            columns[str(name)] = values
            if str(name) in SPACE_MEASURES and SPACE_MEASURES[str(name)].hits:
                low, high = wilson(values.to_numpy(dtype=np.float64), pairs["n"].to_numpy())
                columns |= {f"{name}_low": low, f"{name}_high": high}
        frames.append(pd.DataFrame(columns, index=pairs.index))
    return pd.concat(frames, ignore_index=True)


def measures_of(space: RivalSpace, target: str) -> dict[str, Value]:
    """The values that were measured of a space, by key: with the target as the query, over all pairs, of the space."""
    found = {}
    for name in space.measured.names:
        measure = SPACE_MEASURES[name]
        for key, scope in zip(measure.keys, (target, ALL) if measure.of_pairs else (ALL,), strict=True):
            found[key] = space.measured.value(name, scope)
    return found


def _record(spaces: RivalSpaces, space: RivalSpace, against: SpaceComparison | None) -> dict[str, Any]:
    rival, values = space.rival, measures_of(space, spaces.plan.target)
    return {
        "name": rival.name,
        "title": rival.title,
        "space": space.space,
        "layer": space.layer,
        "chosen": space.chosen,
        "supervised": rival.supervised,
        "needs": rival.needs(spaces.n_probe),
        "n": max(value.n for value in values.values()),
        "measures": {key: finite(value.value) for key, value in values.items()},
        "intervals": {key: [finite(value.low), finite(value.high)] for key, value in values.items()},
        "permuted": {key: value.permuted for key, value in values.items() if math.isfinite(value.permuted)},
        "intervention_minus_this": None if against is None else _difference(against),
    }


def _difference(against: SpaceComparison) -> Mapping[str, float]:
    of = against.difference
    return {"value": of.value, "low": of.low, "high": of.high, "p": against.p}
