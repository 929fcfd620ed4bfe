"""The report's figures: which an item has, and a chart as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt
import vl_convert

from core.reproduction.charts import languages, others
from core.reproduction.charts.base import Figure, Tables

_FIGURES: Mapping[str, Callable[[Tables], list[Figure]]] = {
    "experts": others.experts,
    "retrieval": languages.retrieval,
    "distances": languages.distances,
    "projection": languages.projection,
    "correlations": languages.correlations,
    "similarity": languages.similarity,
    "control": languages.control,
    "tatoeba": others.with_english("tatoeba", "Tatoeba"),
    "bucc": others.with_english("bucc", "BUCC"),
    "choice_of_k": others.choice_of_k,
    "paraphrase": others.paraphrase,
    "methods": others.methods,
}


def figures(item: str, tables: Tables) -> list[Figure]:
    """The figures of an item, from its tables."""
    return _FIGURES[item](tables) if item in _FIGURES else []


def svg(figure: Figure) -> bytes:
    """As SVG on white."""
    return str(vl_convert.vegalite_to_svg(_spec(figure), show_warnings=False)).encode()


def png(figure: Figure) -> bytes:
    """As PNG on white, at twice its size."""
    return bytes(vl_convert.vegalite_to_png(_spec(figure), scale=2.0, show_warnings=False))


def _spec(figure: Figure) -> dict[str, Any]:
    with alt.data_transformers.disable_max_rows():  # a map has a row a sentence, far beyond Altair's 5,000
        spec: dict[str, Any] = figure.chart.to_dict()
    spec["background"] = "white"
    spec["config"] = {"font": "sans-serif", "view": {"stroke": None}, "axis": {"gridColor": "#e9ecef"}}
    return spec
