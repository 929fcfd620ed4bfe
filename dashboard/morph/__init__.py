"""The map that moves: every sentence from its place before to its place after, in the browser alone."""

from dashboard.morph.component import draw

__all__ = ["draw"]
