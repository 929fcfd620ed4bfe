"""The type of the report's figures, and what they share: names and colours of languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from core.charts.palette import colours
from core.charts.scales import colour_scale
from core.language.codes import english_name


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        Of its files.
    chart : object
        An Altair chart.
    caption : str
        What it shows.
    bitmap : bool
        Whether the report holds it as PNG: a map of thousands of points.
    """

    name: str
    chart: Any
    caption: str
    bitmap: bool = False


def names_of(codes: pd.Series) -> pd.Series:
    """English names of languages."""
    return codes.map({code: english_name(code) for code in codes.unique()})


def colours_by_name(codes: Iterable[str]) -> dict[str, str]:
    """The colour of each language by its English name, in the order in which the languages first appear."""
    return {english_name(code): colour for code, colour in colours(list(dict.fromkeys(codes))).items()}


def language_scale(codes: Iterable[str]) -> alt.Scale:
    """The scale that gives each language's English name its colour."""
    return colour_scale(colours_by_name(codes))


def panels(chart: Any, names: pd.Series) -> Any:
    """One panel a language (column ``language``), three side by side, in the order of ``names``."""
    order = list(dict.fromkeys(names))
    faceted = chart.facet(facet=alt.Facet("language:N", title=None, sort=order), columns=3)
    return faceted.resolve_axis(x="independent")
