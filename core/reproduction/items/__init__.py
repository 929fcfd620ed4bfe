"""The items of the paper and those beyond it, in the order in which they are measured: the main ones first.

An item is added with a module here, one in `core.reproduction.charts`, and its place in `ITEMS`.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.reproduction.charts.figure import Figure
from core.reproduction.items.choice import CHOICE
from core.reproduction.items.correlations import CORRELATIONS
from core.reproduction.items.distances import DISTANCES
from core.reproduction.items.english import BUCC, TATOEBA
from core.reproduction.items.experts import EXPERTS
from core.reproduction.items.methods import METHODS_ITEM
from core.reproduction.items.methods_compared import METHODS_COMPARED
from core.reproduction.items.paraphrase import PARAPHRASE
from core.reproduction.items.projection import PROJECTION
from core.reproduction.items.retrieval import CONTROL, RETRIEVAL
from core.reproduction.items.rivals import RIVALS_ITEM
from core.reproduction.items.similarity import SIMILARITY
from core.reproduction.items.transfer import TRANSFER
from core.reproduction.tables import Tables

ITEMS = (
    EXPERTS,
    RETRIEVAL,
    DISTANCES,
    PROJECTION,
    CORRELATIONS,
    SIMILARITY,
    TRANSFER,
    CONTROL,
    RIVALS_ITEM,
    TATOEBA,
    BUCC,
    CHOICE,
    PARAPHRASE,
    METHODS_ITEM,
    METHODS_COMPARED,
)


def figures(name: str, tables: Tables) -> Sequence[Figure]:
    """The figures of the item of this name, from its tables; none of an item that is not known here."""
    return next((item.figures(tables) for item in ITEMS if item.name == name), ())
