"""Units: what kind of number a value is, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """A kind of number, and how it is written.

    Attributes
    ----------
    name : str
        In plain words.
    number_format : str
        Of a value, as Python and Vega-Lite both read it.
    text : callable
        A value as people read it.
    change_text : callable
        A difference of two values as people read it, with its sign; one that is zero as written has a plus.
    """

    name: str
    number_format: str
    text: Callable[[float], str]
    change_text: Callable[[float], str]


def percent(value: float) -> str:
    """Write a share as a percentage: one decimal below ten.

    >>> percent(0.0652), percent(0.4)
    ('6.5%', '40%')
    """
    return f"{100 * value:.1f}%" if value < 0.0995 else f"{100 * value:.0f}%"


def points(difference: float) -> str:
    """Write a difference of two shares in percentage points.

    >>> points(-0.25), points(-0.0001)
    ('-25.0 points', '+0.0 points')
    """
    return f"{in_points(difference)} points"


def in_points(difference: float) -> str:
    """Write a difference of two shares as a number of percentage points, beside which the unit stands.

    >>> in_points(0.125)
    '+12.5'
    """
    return f"{100 * difference:+z.1f}"


def counted(n: int, noun: str, plural: str = "") -> str:
    """Write how many there are, with the noun in its number.

    >>> counted(1, "language"), counted(1200, "sentence"), counted(2, "query", "queries")
    ('1 language', '1,200 sentences', '2 queries')
    """
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def listed(names: Iterable[str]) -> str:
    """Write names one after the other as a sentence has them.

    >>> listed(["Spanish"]), listed(["Spanish", "French"]), listed(["Spanish", "French", "Italian"])
    ('Spanish', 'Spanish and French', 'Spanish, French and Italian')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


SHARE = Unit("share", ".1%", percent, points)
DISTANCE = Unit("cosine distance", ".3f", "{:.3f}".format, "{:+z.3f}".format)
RECIPROCAL_RANK = Unit("mean reciprocal rank", ".3f", "{:.3f}".format, "{:+z.3f}".format)
TIMES = Unit("times the unmodified model's", ".3f", "{:.3f}".format, "{:+z.3f}".format)
COSINE = Unit("cosine similarity", ".3f", "{:.3f}".format, "{:+z.3f}".format)
SKEWNESS = Unit("skewness", ".2f", "{:.2f}".format, "{:+z.2f}".format)
DIMENSIONS = Unit("dimensions", ",.1f", "{:,.1f}".format, "{:+z,.1f}".format)
SIMILARITY = Unit("similarity", ".3f", "{:.3f}".format, "{:+z.3f}".format)
