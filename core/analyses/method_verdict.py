"""Which intervention is best by what, and what is free and better: said from figures and intervals alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.analyses.method_comparison import FIGURES, RANKED, Figure, Row, ranks
from core.stats.intervals import Interval
from core.stats.units import SHARE, listed

_NAMED = 3  # at most so many rows are named where more are alike
_EXACT = 1e-9
_EVERY, _BEST = "clearly better than every intervention", "clearly better than the best intervention"
_MEETS, _WORSE, _UNKNOWN = "not clearly apart from the best of them", "clearly worse", "without an interval to tell"


@dataclass(frozen=True)
class BestMethods:
    """What is best by one figure.

    Attributes
    ----------
    figure : Figure
    methods : tuple of Row
        The interventions with the best value; several where they are equal.
    overlapping : tuple of Row
        Further interventions whose interval meets that of the best.
    free : Row or None
        The best of what is free; None where nothing free was measured by this figure, or where it has its value by
        construction.
    against : int or None
        1 where the best intervention is clearly better than the best of what is free, -1 where that is clearly better,
        0 where their intervals meet, None where one has no interval.
    over_all : bool
        Whether the best of what is free is clearly better than every intervention: one with a worse value may have a
        wider interval than the best, or none.
    """

    figure: Figure
    methods: tuple[Row, ...]
    overlapping: tuple[Row, ...]
    free: Row | None
    against: int | None
    over_all: bool

    @property
    def of_free(self) -> str:
        """What the best of what is free is, beside the interventions."""
        if self.against == -1:
            return _EVERY if self.over_all else _BEST
        return {1: _WORSE, 0: _MEETS, None: _UNKNOWN}[self.against]


def text_of(figure: Figure, value: Interval) -> str:
    """A figure with its interval, as people read it; empty where there is none."""
    if not math.isfinite(value.value):
        return ""
    ends = f" ({_number(figure, value.low)} to {_number(figure, value.high)})" if math.isfinite(value.low) else ""
    return _number(figure, value.value) + ends


def best_by(rows: Sequence[Row]) -> list[BestMethods]:
    """Say of each ranked figure that some intervention has which is best; see `BestMethods`."""
    found: list[BestMethods] = []
    for name in RANKED:
        figure = FIGURES[name]
        measured = [row for row in rows if name in row.figures and math.isfinite(row.figures[name].value)]
        methods = [row for row in measured if row.kind == "method"]
        if not methods:
            continue
        value = _best(figure, methods).figures[name]
        equal = tuple(row for row in methods if abs(row.figures[name].value - value.value) <= _EXACT)
        overlapping = tuple(
            row for row in methods if row not in equal and clearly(figure, value, row.figures[name]) == 0
        )
        free_rows = [] if figure.by_construction else [row for row in measured if row.kind == "free"]
        free = _best(figure, free_rows) if free_rows else None
        against = 0 if free is None else clearly(figure, value, free.figures[name])
        over_all = free is not None and all(
            clearly(figure, free.figures[name], row.figures[name]) == 1 for row in methods
        )
        found.append(BestMethods(figure, equal, overlapping, free, against, over_all))
    return found


def clearly(figure: Figure, one: Interval, other: Interval) -> int | None:
    """1 where the first is better and the intervals lie apart, -1 where the second is, 0 where they meet.

    None where one of them has no interval.
    """
    if not all(map(math.isfinite, (one.low, one.high, other.low, other.high))):
        return None
    sign = (one.low > other.high) - (other.low > one.high)
    return sign if figure.higher_is_better else -sign


def overall(rows: Sequence[Row]) -> str:
    """Say which intervention has the best mean rank, and where what is free is better: a paragraph of Markdown."""
    methods = {row.condition: row.title for row in rows if row.kind == "method"}
    if not methods:
        return "No intervention is measured yet."
    if len(methods) == 1:
        return f"Of the interventions, **{next(iter(methods.values()))}** alone is measured. {_free(best_by(rows))}"
    by_mean = {name: by["mean"] for name, by in ranks(rows).items() if "mean" in by}
    order = sorted(by_mean, key=lambda name: by_mean[name])
    first = [name for name in order if by_mean[name] <= by_mean[order[0]] + _EXACT]
    rest = [name for name in order if name not in first]
    share = "share" if len(first) > 1 else "has"
    text = f"Of {len(methods)} interventions, {_listed([methods[name] for name in first], bold=True)} {share} the best "
    text += f"mean rank ({by_mean[first[0]]:.1f})"
    if rest:
        text += f", before {methods[rest[0]]} ({by_mean[rest[0]]:.1f})"
    return f"{text}. {_free(best_by(rows))}"


def lines(rows: Sequence[Row]) -> list[str]:
    """Say of each figure which intervention is best, whose intervals meet its own, and what is free: Markdown."""
    return [_line(best) for best in best_by(rows)]


def _line(best: BestMethods) -> str:
    name, titles = best.figure.name, [row.title for row in best.methods]
    text = f"*{best.figure.title}*: {_listed(titles, bold=True)}, {text_of(best.figure, best.methods[0].figures[name])}"
    if not math.isfinite(best.methods[0].figures[name].low):
        text += f" (n = {best.methods[0].figures[name].n}, no interval)"
    if best.overlapping:
        text += f"; intervals meet those of {_listed([row.title for row in best.overlapping])}"
    if best.free is None:
        return f"{text}. {best.figure.by_construction}" if best.figure.by_construction else f"{text}."
    how = {1: "clearly worse", 0: "not clearly apart", -1: "clearly better", None: "without an interval to tell"}
    free = best.free.title.removeprefix("free: ")
    value = text_of(best.figure, best.free.figures[name])
    return f"{text}. The best of what is free at the same layer, {free}, is {how[best.against]}: {value}."


def _free(found: Sequence[BestMethods]) -> str:
    """Say by which figures the best of what is free is better, worse, or not told from the interventions."""
    compared = [best for best in found if best.free is not None]
    if not compared:
        return "Nothing free was measured beside it."
    said = []
    for words in (_EVERY, _BEST, _MEETS, _WORSE, _UNKNOWN):
        if by := [f"*{best.figure.title}*" for best in compared if best.of_free == words]:
            said.append(f"{words} by {_listed(by, most=len(by))}")
    return f"At the same layer, the best of what is free is {'; '.join(said)}."


def _best(figure: Figure, rows: Sequence[Row]) -> Row:
    sign = -1.0 if figure.higher_is_better else 1.0
    return min(rows, key=lambda row: sign * row.figures[figure.name].value)


def _listed(names: Sequence[str], bold: bool = False, most: int = _NAMED) -> str:
    """``a, b and c``; beyond so many the rest is counted."""
    shown = [f"**{name}**" if bold else name for name in names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return listed(shown)


def _number(figure: Figure, value: float) -> str:
    if figure.unit is SHARE:
        return SHARE.text(value)
    return f"{value:,.0f} ×" if value >= 1000 else f"{value:,.2f} ×"
