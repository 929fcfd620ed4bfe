"""Scales that charts share."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt


def colour_scale(colours: Mapping[str, str]) -> alt.Scale:
    """The scale that gives each value its colour, in the order of the mapping."""
    return alt.Scale(domain=list(colours), range=list(colours.values()))
