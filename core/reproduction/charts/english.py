"""Figures of pairs with English."""

from __future__ import annotations

from collections.abc import Callable

from core.reproduction.charts.figure import Figure, names_of
from core.reproduction.charts.retrieval import top1_bars
from core.reproduction.tables import Tables, at_plan_layer


def with_english(name: str, title: str) -> Callable[[Tables], list[Figure]]:
    """Make what draws one corpus of pairs: bars in both directions.

    Parameters
    ----------
    name : str
        Of the table, and of the figure.
    title : str
        What the corpus is called.
    """

    def draw(tables: Tables) -> list[Figure]:
        rows = at_plan_layer(tables[name])
        direction = names_of(rows["query"]) + " → " + names_of(rows["candidate"])
        caption = f"{title}, both directions; Wilson 95% intervals."
        return [Figure(name, top1_bars(rows.assign(label=direction)), caption)]

    return draw
