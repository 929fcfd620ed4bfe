"""Heights of charts in pixels."""

from __future__ import annotations

from core.charts.bars import ROW_HEIGHT

AROUND_BARS = 110  # Streamlit fits the legend, the axis and its title into a chart's height too


def bars_height(n_categories: int, row_height: int = ROW_HEIGHT) -> int:
    """Height of a chart of horizontal bars."""
    return row_height * n_categories + AROUND_BARS
