"""The items of the paper and those beyond it, in the order in which they are measured: the main ones first."""

from core.reproduction.items.choice import CHOICE
from core.reproduction.items.correlations import CORRELATIONS, SIMILARITY
from core.reproduction.items.distances import DISTANCES
from core.reproduction.items.english import BUCC, TATOEBA
from core.reproduction.items.experts import EXPERTS
from core.reproduction.items.methods import METHODS_ITEM
from core.reproduction.items.paraphrase import PARAPHRASE
from core.reproduction.items.projection import PROJECTION
from core.reproduction.items.retrieval import CONTROL, RETRIEVAL

ITEMS = (
    EXPERTS,
    RETRIEVAL,
    DISTANCES,
    PROJECTION,
    CORRELATIONS,
    SIMILARITY,
    CONTROL,
    TATOEBA,
    BUCC,
    CHOICE,
    PARAPHRASE,
    METHODS_ITEM,
)
