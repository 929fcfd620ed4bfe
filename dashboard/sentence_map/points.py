"""The sentences of a map as a table: texts, ranks of translations, and how the ranks changed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.analyses.translation_ranks import Ranks
from core.pipeline.result import Result
from dashboard.charts import theme

_GROUP = 1_000_000  # between the keys of two groups: equal row numbers of different groups are different sentences


def frame(result: Result, shown: list[int], ranks: tuple[Ranks, Ranks] | None) -> pd.DataFrame:
    """One row a sentence of the map, in its order: by group, language, row.

    Parameters
    ----------
    shown : list of int
        Rows of each group that the map shows.
    ranks : pair of Ranks, optional
        Before and after.

    Returns
    -------
    DataFrame
        ``language, name, text, english, row, at, key, before, after, now``. ``at`` is the row's number within its
        group; ``key`` is the same for translations of each other. ``before`` and ``after`` are ranks of the
        translation into the target; for the target's own sentences the median over the other
        languages; missing without ``ranks``.
    """
    parts = []
    for number, (group, n) in enumerate(zip(result.plan.groups, shown, strict=True)):
        english = group.texts.get("en", ("",) * len(group))[:n]
        for code in group.languages:
            part = {
                "language": code,
                "name": theme.name(code),
                "text": group.texts[code][:n],
                "english": ("",) * n if code == "en" else english,
                "row": group.ids[:n],
                "at": range(n),
                "key": number * _GROUP + np.arange(n),
            }
            for name, side in zip(("before", "after"), ranks or (), strict=False):
                part[name] = _ranks(side, result.plan.target, number, code, n)
            parts.append(pd.DataFrame(part))
    table = pd.concat(parts, ignore_index=True)
    if "before" not in table:
        return table.assign(before=np.nan, after=np.nan, now=None)
    return table.assign(now=[outcome(pre, post) for pre, post in zip(table["before"], table["after"], strict=True)])


def group_of(key: int) -> int:
    """The number of the group that a sentence with this ``key`` is from."""
    return key // _GROUP


def outcome(pre: float, post: float) -> str:
    """Outcome of a sentence by its translation's rank before and after: one of `core.charts.palette.OUTCOMES`.

    Empty where there is no rank.
    """
    if not (pre == pre and post == post):
        return ""
    if (pre == 1) == (post == 1):
        return "found in both" if pre == 1 else "found in neither"
    return "fixed" if post == 1 else "broken"


def _ranks(side: Ranks, target: str, group: int, code: str, n: int) -> np.ndarray:
    """Rank of each sentence's translation into the target; of the target's own, the median over other languages."""
    if code != target:
        for (number, language), ranks in zip(side.candidates, side.found["cosine", "to"], strict=True):
            if (number, language) == (group, code):
                return ranks[:n].astype(np.float64)
        return np.full(n, np.nan)
    by_language = [
        ranks[:n]
        for (number, _), ranks in zip(side.candidates, side.found["cosine", "from"], strict=True)
        if number == group
    ]
    return np.asarray(np.ceil(np.median(by_language, axis=0)), dtype=np.float64) if by_language else np.full(n, np.nan)
