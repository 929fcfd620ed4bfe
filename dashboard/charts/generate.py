"""Charts of the Generate page: which language a text is in, and whether answers are in the target's."""

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


@made_once
def steering_panel(rows: pd.DataFrame, title: str, most: float | None) -> Any:
    """Draw one condition's figure by the language of the prompts.

    Parameters
    ----------
    rows : DataFrame
        ``name, value, low, high, n``, one row a language, in the order to draw.
    most : float or None
        The end of the axis, the same in every panel; None for shares.
    """
    order = list(dict.fromkeys(rows["name"]))
    number = ".0%" if most is None else ".3~s"
    chart = Bars(
        category="name",
        value="value",
        title=title,
        group=None,
        order=order,
        format=number,
        domain=(0.0, 1.0) if most is None else (0.0, most),
        tooltip=[
            alt.Tooltip("name:N", title="prompts in"),
            alt.Tooltip("value:Q", title=title, format=number),
            alt.Tooltip("low:Q", title="95% from", format=number),
            alt.Tooltip("high:Q", title="to", format=number),
            alt.Tooltip("n:Q", title="answers that count"),
        ],
    )
    drawn = rows.dropna(subset=["value"])
    return chart.draw(drawn).properties(height=bars_height(len(order), _ROW_HEIGHT))
