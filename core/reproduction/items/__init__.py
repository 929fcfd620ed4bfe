"""The items of the paper and those beyond it, in the order in which they are measured: the main ones first."""

from core.reproduction.items.experts import EXPERTS
from core.reproduction.items.languages import CONTROL, CORRELATIONS, DISTANCES, PROJECTION, RETRIEVAL, SIMILARITY

ITEMS = (EXPERTS, RETRIEVAL, DISTANCES, PROJECTION, CORRELATIONS, SIMILARITY, CONTROL)
