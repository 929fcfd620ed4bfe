"""Charts of the Generate page: which language a text is in."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from core.charts.bars import Bars
from dashboard.charts.cache import made_once
from dashboard.charts.sizes import bars_height

_ROW_HEIGHT = 22  # pixels


@made_once
def language_bars(rows: pd.DataFrame) -> Any:
    """Draw the mean probability of each language of the texts, without and with the intervention.

    Parameters
    ----------
    rows : DataFrame
        ``name, space, probability, n``, one row a language and space (``before`` or ``after``), in the order to draw.
    """
    order = list(dict.fromkeys(rows["name"]))
    chart = Bars(
        category="name",
        value="probability",
        title="probability of the language",
        order=order,
        intervals=False,
        tooltip=[
            alt.Tooltip("name:N", title="language"),
            alt.Tooltip("space:N"),
            alt.Tooltip("probability:Q", title="mean probability", format=".1%"),
            alt.Tooltip("n:Q", title="texts"),
        ],
    )
    return chart.draw(rows).properties(height=bars_height(len(order), _ROW_HEIGHT))
