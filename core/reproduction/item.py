"""What an item of the report is."""

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
        From what is stored, the tables by the name of their file.
    figures : callable
        From these and the earlier items' tables.
    steps : callable
        What has to be computed, in order; each is kept in the store when it is done. No step unless given.
    why_not : callable
        Why the item is left out under these settings; empty where it is not.
    """

    name: str
    title: str
    tables: Callable[[Study], Mapping[str, pd.DataFrame]]
    figures: Callable[[Tables], Sequence[Figure]]
    steps: Callable[[Study], Sequence[Step]] = lambda _: ()
    why_not: Callable[[Study], str] = lambda _: ""
