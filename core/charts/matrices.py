"""Matrices of pairs of languages, with a number in every cell that has room for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.charts.palette import ON_DARK, ON_LIGHT, POST, TEXT

CELL_HEIGHT = 26  # pixels
_MOST_SLANTED = 16  # languages: names of more, on a phone, would run into each other unless they stand upright
# From almost transparent to the full colour, so that zero is close to the background, light or dark.
COUNTS = alt.Scale(range=[f"{POST}14", POST], domainMin=0)


def change_matrix(pairs: pd.DataFrame, order: Sequence[str], titles: tuple[str, str] = ("found in", "query")) -> Any:
    """Draw the change of a share, such as top-1, for every ordered pair of languages.

    Parameters
    ----------
    pairs : DataFrame
        ``query, candidate, pre, post, change``; names of languages, shares from 0 to 1.
    order : sequence of str
        The languages, on both axes.
    titles : (str, str)
        Of the axes of ``candidate`` and of ``query``.
    """
    found_in, query = titles
    largest = max(0.05, float(pairs["change"].abs().max()))
    # Purple to green through white: told apart with every common colour-vision deficiency.
    scale = alt.Scale(scheme="purplegreen", domain=[-largest, largest], domainMid=0)
    angle = -45 if len(order) <= _MOST_SLANTED else -90
    # Vega-Lite would else leave out every second name where there are many.
    above = alt.Axis(labelAngle=angle, labelOverlap=False, orient="top")
    base = alt.Chart(pairs).encode(
        x=alt.X("candidate:N", sort=list(order), title=found_in, axis=above),
        y=alt.Y("query:N", sort=list(order), title=query, axis=alt.Axis(labelOverlap=False)),
        tooltip=[
            alt.Tooltip("query:N", title=query),
            alt.Tooltip("candidate:N", title=found_in),
            alt.Tooltip("pre:Q", title="before", format=".1%"),
            alt.Tooltip("post:Q", title="after", format=".1%"),
            alt.Tooltip("change:Q", format="+.1%"),
        ],
    )
    colour = alt.Color("change:Q", scale=scale, legend=alt.Legend(format="+.0%", title="change"))
    dark = alt.expr.abs(alt.datum.change) > 0.55 * largest
    # Adding 0 makes a zero of minus zero, which would be written with a minus.
    return _cells(base, colour, "format(round(100 * datum.change) + 0, '+d')", dark, len(order))


def overlap_matrix(rows: pd.DataFrame, names: Sequence[str]) -> Any:
    """Draw the share of their best neurons that two languages have in common.

    Parameters
    ----------
    rows : DataFrame
        ``one, other, neurons, share``, one row an ordered pair of names; none for a language with itself.
    names : sequence of str
        The languages, on both axes.
    """
    axis = alt.Axis(title=None, labelLimit=80, labelOverlap=False)
    below = alt.Axis(title=None, labelLimit=80, labelOverlap=False, labelAngle=-90)
    base = alt.Chart(rows).encode(
        x=alt.X("one:N", sort=list(names), axis=below),
        y=alt.Y("other:N", sort=list(names), axis=axis),
        tooltip=[
            alt.Tooltip("one:N", title="language"),
            alt.Tooltip("other:N", title="and"),
            alt.Tooltip("neurons:Q", title="neurons of both", format=",d"),
            alt.Tooltip("share:Q", title="of each one's experts", format=".2%"),
        ],
    )
    colour = alt.Color("share:Q", scale=COUNTS, legend=alt.Legend(title="shared", orient="top", format=".1~%"))
    largest = float(rows["share"].max()) if len(rows) else 0.0
    dark = (alt.datum.share > 0.55 * largest) & (alt.datum.share > 0)
    return _cells(base, colour, "format(datum.neurons, ',d')", dark, len(names), TEXT)


def _cells(base: alt.Chart, colour: alt.Color, number: str, dark: Any, n: int, ink: str = ON_LIGHT) -> Any:
    """Draw coloured cells, each with a number if it is wide enough; on a phone there are only colour and tooltip.

    ``ink`` is the number's colour on cells that are not dark; it must be visible on any page if cells are transparent.
    """
    least = 28  # pixels
    numbers = base.transform_calculate(written=number).mark_text(
        fontSize=alt.ExprRef(f"width / {n} < {least} ? 0 : 11")
    )
    return alt.layer(
        base.mark_rect(cornerRadius=2).encode(color=colour),
        numbers.encode(text="written:N", color=alt.condition(dark, alt.value(ON_DARK), alt.value(ink))),
    )
