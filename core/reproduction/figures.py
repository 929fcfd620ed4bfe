"""The report's figures: which an item has, and a chart as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.charts import export
from core.reproduction.charts.choice import choice_of_k
from core.reproduction.charts.correlations import correlations, similarity
from core.reproduction.charts.distances import distances
from core.reproduction.charts.english import with_english
from core.reproduction.charts.experts import experts
from core.reproduction.charts.figure import Figure
from core.reproduction.charts.methods import methods
from core.reproduction.charts.paraphrase import paraphrase
from core.reproduction.charts.projection import projection
from core.reproduction.charts.retrieval import control, retrieval
from core.reproduction.tables import Tables

_FIGURES: Mapping[str, Callable[[Tables], list[Figure]]] = {
    "experts": experts,
    "retrieval": retrieval,
    "distances": distances,
    "projection": projection,
    "correlations": correlations,
    "similarity": similarity,
    "control": control,
    "tatoeba": with_english("tatoeba", "Tatoeba"),
    "bucc": with_english("bucc", "BUCC"),
    "choice_of_k": choice_of_k,
    "paraphrase": paraphrase,
    "methods": methods,
}


def figures(item: str, tables: Tables) -> list[Figure]:
    """The figures of an item, from its tables."""
    return _FIGURES[item](tables) if item in _FIGURES else []


def svg(figure: Figure) -> bytes:
    """As SVG on white."""
    return export.svg(figure.chart)


def png(figure: Figure) -> bytes:
    """As PNG on white, at twice its size."""
    return export.png(figure.chart)
