"""What the charts have in common: colours, rules, scales."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from dashboard.charts.theme import POST, PRE

# Seen on light and on dark, over a bar and beside it.
RULE, INK = "#7d879a", "#343a40"
AROUND_BARS = 110  # Streamlit fits legend, axis and title into the height too
SPACES = alt.Scale(domain=["before", "after"], range=[PRE, POST])


def colour_scale(colours: Mapping[str, str]) -> alt.Scale:
    """A colour for each language."""
    return alt.Scale(domain=list(colours), range=list(colours.values()))
