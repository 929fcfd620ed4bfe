"""Bars by category and group, such as before and after, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd

from core.charts.palette import BEFORE_AFTER, FREE, INK, POST, TEXT
from core.charts.scales import colour_scale

ROW_HEIGHT = 26  # pixels of a category whose bars lie
SHARES_MARKED = (0.0, 1.06)
"""The `Bars.domain` of shares with room for the marks beside them, for which `QUARTERS` are the ticks."""
QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def interval_tooltips(number: str) -> list[alt.Tooltip]:
    """Say the ends of an interval, columns ``low`` and ``high``, in a tooltip; ``number`` in D3's notation."""
    return [alt.Tooltip("low:Q", title="95% from", format=number), alt.Tooltip("high:Q", title="to", format=number)]


@dataclass(frozen=True, kw_only=True)
class Bars:
    """How bars are drawn; all fields but the first three have defaults that suit most charts.

    Attributes
    ----------
    category : str
        Column whose values each have a place on the axis.
    value : str
        Column that the bars show.
    title : str
        Of the axis of values.
    group : str, optional
        Column that tells the bars of one category apart; None where each category has one bar.
    side_by_side : bool
        Whether the groups of one category stand beside each other; else each category has a bar of one group.
    colours : mapping of str to str
        The groups in order, each with its colour.
    order : sequence of str, optional
        The categories in order; the largest value first unless given.
    format : str
        Of the numbers on the axis of values, in D3's notation.
    domain : (low, high), optional
        Of the axis of values; from zero to the largest unless given.
    ticks : sequence of float, optional
        Values that the axis of values names.
    intervals : bool
        Whether columns ``low`` and ``high`` are drawn as a line over each bar.
    free : str, optional
        Column drawn as a tick across the last group's bar: the value that needs no intervention.
    free_title : str
        What the legend calls that tick, where the bars have groups.
    mark : str, optional
        Column of text that stands right of the interval.
    tooltip : sequence of alt.Tooltip
        What hovering says.
    upright : bool
        Whether the bars stand; else they lie, and each category has a row.
    label_angle : float
        Of the categories' names below bars that stand, in degrees.
    label_limit : int
        Of the categories' names beside bars that lie, in pixels.
    """

    category: str
    value: str
    title: str
    group: str | None = "space"
    side_by_side: bool = True
    colours: Mapping[str, str] = field(default_factory=lambda: BEFORE_AFTER)
    order: Sequence[str] | None = None
    format: str = "%"
    domain: tuple[float, float] | None = (0.0, 1.0)
    ticks: Sequence[float] | None = None
    intervals: bool = True
    free: str | None = None
    free_title: str = "before, mean-centred"
    mark: str | None = None
    tooltip: Sequence[alt.Tooltip] = ()
    upright: bool = False
    label_angle: float = 0.0
    label_limit: int = 140

    def draw(self, rows: pd.DataFrame) -> Any:
        """Draw a table with the columns named in the attributes, one row a bar; the caller sets the size."""
        base = alt.Chart(rows).encode(**self._place(), **self._tooltip())
        layers = [self._bars(base)]
        if self.intervals:
            layers += self._intervals(base)
        if self.mark is not None:
            text = base.mark_text(align="left", dx=5, fontSize=13, fontWeight="bold", color=TEXT)
            layers.append(text.encode(**{self._along: self._channel(field="high")}, text=f"{self.mark}:N"))
        if self.free is not None:
            layers.append(self._free(rows))
        return layers[0] if len(layers) == 1 else alt.layer(*layers)

    @property
    def _along(self) -> str:
        """The channel of values."""
        return "y" if self.upright else "x"

    @property
    def _across(self) -> str:
        """The channel of categories."""
        return "x" if self.upright else "y"

    def _place(self, in_groups: bool = True) -> dict[str, Any]:
        sort: Any = self.order
        if sort is None:
            sort = alt.EncodingSortField(self.value, op="max", order="descending")
        axis = (
            alt.Axis(labelAngle=self.label_angle)
            if self.upright
            else alt.Axis(labelLimit=self.label_limit, ticks=False, domain=False)
        )
        channel, offset = (alt.X, alt.XOffset) if self.upright else (alt.Y, alt.YOffset)
        place: dict[str, Any] = {self._across: channel(f"{self.category}:N", sort=sort, title=None, axis=axis)}
        if self.group is not None and in_groups and self.side_by_side:
            place[f"{self._across}Offset"] = offset(f"{self.group}:N", sort=list(self.colours))
        return place

    def _channel(self, field: str, **options: Any) -> Any:
        scale = alt.Undefined if self.domain is None else alt.Scale(domain=list(self.domain))
        return (alt.Y if self.upright else alt.X)(f"{field}:Q", scale=scale, **options)

    def _tooltip(self) -> dict[str, Any]:
        return {"tooltip": list(self.tooltip)} if self.tooltip else {}

    def _bars(self, base: alt.Chart) -> Any:
        named = {"values": list(self.ticks)} if self.ticks is not None else {"tickCount": 5}
        axis = alt.Axis(format=self.format, title=self.title, **named)
        along = {self._along: self._channel(self.value, axis=axis)}
        if self.group is None:
            return base.mark_bar(cornerRadiusEnd=2, color=POST).encode(**along)
        colour = alt.Color(f"{self.group}:N", **self._legend())
        return base.mark_bar(cornerRadiusEnd=2).encode(**along, color=colour)

    def _legend(self) -> dict[str, Any]:
        """Scale and legend of the groups, and of the tick."""
        colours = {**self.colours, **({self.free_title: FREE} if self.free is not None else {})}
        return {"scale": colour_scale(colours), "legend": alt.Legend(title=None, orient="top", labelLimit=260)}

    def _intervals(self, base: alt.Chart) -> list[Any]:
        """Draw intervals dark on white, so that they are visible on and beside a bar, on light and dark pages."""
        spread = base.encode(**{self._along: self._channel("low"), f"{self._along}2": "high:Q"})
        return [
            spread.mark_rule(strokeWidth=3.5, color="white", opacity=0.85),
            spread.mark_rule(strokeWidth=1.4, color=INK),
        ]

    def _free(self, rows: pd.DataFrame) -> Any:
        if self.group is not None:
            rows = rows[rows[self.group] == list(self.colours)[-1]].assign(**{self.group: self.free_title})
        named = {"color": alt.Color(f"{self.group}:N", **self._legend())} if self.group is not None else {}
        ticks = alt.Chart(rows).mark_tick(thickness=2.5, color=FREE, size=14, opacity=1)
        return ticks.encode(
            **self._place(in_groups=False), **{self._along: self._channel(str(self.free))}, **named, **self._tooltip()
        )
