"""Results as the tables that charts are drawn from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.stats.intervals import wilson
from dashboard.charts import theme


def measure_frame(result: Result) -> pd.DataFrame:
    """Every measure as people read it: ``measure, before, after, change, what it says``."""
    target = theme.name(result.plan.target)
    rows = []
    for measure in MEASURES.values():
        change, unit = measure.read(result), measure.unit
        numbers = unit.text(change.pre), unit.text(change.post), unit.change_text(change.difference)
        rows.append((measure.titled(target, result), *numbers, measure.explained(target)))
    return pd.DataFrame(rows, columns=["measure", "before", "after", "change", "what it says"])


def layer_frame(result: Result) -> pd.DataFrame:
    """One row a layer and space: ``layer, space, top1``."""
    rows = result.layers.melt("layer", ["top1_pre", "top1_post"], var_name="space", value_name="top1")
    return rows.assign(space=rows["space"].map({"top1_pre": "before", "top1_post": "after"}))


def map_frame(result: Result, space: int, stand_out: list[str]) -> pd.DataFrame:
    """Points of one space (0: pre, 1: post): ``x, y, language, name, text, english, row, shown``."""
    parts = []
    for group, maps in zip(result.plan.groups, result.maps, strict=True):
        plane = maps[space]
        n_shown = plane.shape[1]
        english = group.texts.get("en", ("",) * len(group))[:n_shown]
        for code, points in zip(group.languages, plane, strict=True):
            parts.append(
                pd.DataFrame(
                    {
                        "x": points[:, 0].round(3),
                        "y": points[:, 1].round(3),
                        "language": code,
                        "name": theme.name(code),
                        "text": group.texts[code][:n_shown],
                        "english": english,
                        "row": group.ids[:n_shown],
                        "shown": not stand_out or code in stand_out,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def bar_frame(result: Result) -> pd.DataFrame:
    """One row a candidate and space: ``candidate, name, space, top1, low, high, n, centred_pre``."""
    parts = []
    for space, column in (("before", "top1_pre"), ("after", "top1_post")):
        rows = result.from_target[["candidate", "n", "centred_pre"]].copy()
        rate = result.from_target[column].to_numpy(dtype=np.float64)
        rows["space"], rows["top1"] = space, rate
        rows["low"], rows["high"] = wilson(rate, rows["n"].to_numpy())
        parts.append(rows)
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(name=frame["candidate"].map(theme.name))
