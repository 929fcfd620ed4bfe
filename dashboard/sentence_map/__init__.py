"""The map of sentences: before and after side by side, one on the other, or in motion; drawn in the browser alone."""

from dashboard.sentence_map.component import LAYOUTS, MapView, draw, packed

__all__ = ["LAYOUTS", "MapView", "draw", "packed"]
