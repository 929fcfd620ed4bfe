"""Results as the tables that charts are drawn from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.analyses.rival_spaces import HEADLINE, RivalSpaces
from core.analyses.rival_verdict import described, intervention_of
from core.pipeline import joint_map
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.stats.intervals import Interval, bootstrap_ratio, wilson
from dashboard.charts import theme
from dashboard.work import free


def measure_frame(result: Result) -> pd.DataFrame:
    """Every measure as people read it: ``measure, before, after, change, what it says``."""
    target = theme.name(result.plan.target)
    rows = []
    for measure in MEASURES.values():
        change, unit = measure.read(result), measure.unit
        numbers = unit.text(change.pre), unit.text(change.post), unit.change_text(change.difference)
        rows.append((measure.titled(target, result), *numbers, measure.explained(target)))
    return pd.DataFrame(rows, columns=["measure", "before", "after", "change", "what it says"])


def rival_frame(spaces: RivalSpaces, control: RivalSpaces | None = None) -> pd.DataFrame:
    """The intervention, what is free and random neurons as people read it: ``space, top-1, 95%, p, needs``, best first.

    Parameters
    ----------
    control : RivalSpaces, optional
        The intervention on neurons drawn at random, where that has been measured.
    """
    minus = {id(row.space): row for row in free.against(spaces)}
    drawn = None if control is None else intervention_of(control)
    rows = []
    for space in (*spaces.spaces, *([] if drawn is None else [drawn])):
        value, against = space.measured.value(HEADLINE, spaces.plan.target), minus.get(id(space))
        needs = space.rival.needs(spaces.n_probe)
        rows.append(
            {
                "space": "random neurons" if space is drawn else described(space) if against else "the intervention",
                "top-1": value.value,
                "95%": f"{value.low:.3f} to {value.high:.3f}",
                "p": "" if against is None else f"{against.p:.2g}",
                "needs": f"{needs['fitting']}; applied: {needs['applied']}",
            }
        )
    frame = pd.DataFrame(rows).sort_values("top-1", ascending=False, ignore_index=True)
    return frame.assign(**{"top-1": frame["top-1"].map("{:.3f}".format)})


def layer_frame(result: Result) -> pd.DataFrame:
    """One row a layer and space: ``layer, space, top1``."""
    rows = result.layers.melt("layer", ["top1_pre", "top1_post"], var_name="space", value_name="top1")
    return rows.assign(space=rows["space"].map({"top1_pre": "before", "top1_post": "after"}))


def map_frame(result: Result, space: int, stand_out: list[str]) -> pd.DataFrame:
    """Points of one space (0: pre, 1: post): ``x, y, language, name, text, english, row, shown``.

    For charts, which are slow beyond some thousand points: of a larger map, those that it is fitted on.
    """
    parts = []
    for group, maps, rows in zip(result.plan.groups, result.maps, joint_map.rows_of_groups(result.plan), strict=True):
        plane = maps[space]
        n_shown = plane.shape[1]
        drawn = rows.tolist() if n_shown == len(group) else range(n_shown)  # a map from a pack may hold the first alone
        english = group.texts.get("en", ("",) * len(group))
        for code, points in zip(group.languages, plane, strict=True):
            parts.append(
                pd.DataFrame(
                    {
                        "x": points[drawn, 0].round(3),
                        "y": points[drawn, 1].round(3),
                        "language": code,
                        "name": theme.name(code),
                        "text": [group.texts[code][row] for row in drawn],
                        "english": [english[row] for row in drawn],
                        "row": [group.ids[row] for row in drawn],
                        "shown": not stand_out or code in stand_out,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def drawn_words(result: Result, points: pd.DataFrame) -> str:
    """How many sentences a chart of `map_frame` draws, as a sentence after a space; empty where these are all."""
    every = joint_map.n_points(result.plan)
    return "" if len(points) == every else f" {len(points):,} of {every:,} sentences are drawn."


def share_rows(rate: np.ndarray, n: np.ndarray, **columns: object) -> pd.DataFrame:
    """Shares as the rows of a chart of bars: ``top1, low, high, n`` behind the given columns; Wilson's 95% intervals.

    Parameters
    ----------
    rate, n : ndarray, (n_rows,)
        Shares, and what they are of.
    columns
        Each an array of as many rows, or one value for all.
    """
    low, high = wilson(rate, n)
    return pd.DataFrame({**columns, "top1": rate, "low": low, "high": high, "n": n})


def bar_frame(result: Result) -> pd.DataFrame:
    """One row a candidate and space: ``candidate, name, space, top1, low, high, n, centred_pre``."""
    parts = []
    for space, column in (("before", "top1_pre"), ("after", "top1_post")):
        rows = result.from_target
        named = {"candidate": rows["candidate"].to_numpy(), "centred_pre": rows["centred_pre"].to_numpy()}
        parts.append(share_rows(rows[column].to_numpy(dtype=np.float64), rows["n"].to_numpy(), **named, space=space))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(name=frame["candidate"].map(theme.name))


def chosen_frame(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """How often chosen sentences find their translation in the target, by their language, before and after.

    Parameters
    ----------
    rows : DataFrame
        Of `dashboard.sentence_map.points.frame`; the target's own sentences and those without ranks are left out.

    Returns
    -------
    DataFrame
        ``name, space, top1, low, high, n``, one row a language and space; Wilson's 95% intervals.
    """
    ranked = rows[(rows["language"] != target) & rows["before"].notna() & rows["after"].notna()]
    parts = []
    for space in ("before", "after"):
        hits = (ranked[space] == 1).groupby(ranked["name"], sort=False).agg(["mean", "size"])
        rate, n = hits["mean"].to_numpy(dtype=np.float64), hits["size"].to_numpy()
        parts.append(share_rows(rate, n, name=hits.index, space=space))
    return pd.concat(parts, ignore_index=True)


def chosen_gain(rows: pd.DataFrame, target: str) -> tuple[Interval, Interval, Interval] | None:
    """Of the same sentences together: the share that finds its translation before, after, and the difference.

    95% intervals, by drawing meanings: all chosen translations of a meaning are drawn together. None without any.
    """
    ranked = rows[(rows["language"] != target) & rows["before"].notna() & rows["after"].notna()]
    if ranked.empty:
        return None
    before, after = ((ranked[space] == 1).astype(float) for space in ("before", "after"))
    sums = pd.DataFrame({"before": before, "after": after, "gain": after - before, "n": 1.0})
    by_meaning = sums.groupby(ranked["key"]).sum()
    first, second, gain = (
        bootstrap_ratio(by_meaning[name].to_numpy(), by_meaning["n"].to_numpy()) for name in ("before", "after", "gain")
    )
    return first, second, gain
