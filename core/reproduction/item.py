"""The type of the report's items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from core.reproduction.charts.figure import Figure
from core.reproduction.steps import Step
from core.reproduction.study import Study
from core.reproduction.tables import Tables


@dataclass(frozen=True)
class Item:
    """One item of the report.

    Attributes
    ----------
    name : str
        In files, links and ``report.json``.
    title : str
        On the page.
    tables : callable
        Makes the item's tables from stored results, by the name of their file.
    figures : callable
        Draws the item's figures from these tables and those of earlier items.
    steps : callable
        The computations, in order; each is stored when it is done. No step by default.
    why_not : callable
        The reason if the item is left out under these settings; else empty.
    conditions : tuple of str
        Fields of `core.reproduction.options.Options` that its figures depend on, beside those that all items do: an
        item that was measured with others is not kept.
    """

    name: str
    title: str
    tables: Callable[[Study], Mapping[str, pd.DataFrame]]
    figures: Callable[[Tables], Sequence[Figure]]
    steps: Callable[[Study], Sequence[Step]] = lambda _: ()
    why_not: Callable[[Study], str] = lambda _: ""
    conditions: tuple[str, ...] = ()
