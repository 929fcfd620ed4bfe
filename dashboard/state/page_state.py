"""How a page looks at the setting (a metric, a sentence, a colouring), kept in the link beside the setting itself.

A page has its own view; the link carries that of the page it opens, as ``view.NAME=VALUE``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.state import session

PREFIX = "view."
_DIGITS = re.compile(r"[0-9]{1,9}")


def get(name: str, default: str = "") -> str:
    """The value of an entry of the view, as text."""
    return session.visitor().view().get(name, default)


def whole(name: str, default: int, low: int, high: int) -> int:
    """The value of an entry as a whole number from ``low`` to ``high``; the default where it is no such number."""
    number = digits(get(name))
    return number if number is not None and low <= number <= high else default


def digits(text: str) -> int | None:
    """The number that a link writes in digits; None where it is none, or larger than any here.

    Python refuses to read thousands of digits.
    """
    return int(text) if _DIGITS.fullmatch(text) else None


def finite(name: str, default: float, *older: str) -> float:
    """The value of an entry, or of older names of it, as a number; the default where it is none, or no end of one."""
    text = next(filter(None, map(get, (name, *older))), "")
    try:
        number = float(text)
    except ValueError:
        return default
    return number if math.isfinite(number) else default


def put(name: str, value: str, default: str = "") -> None:
    """Change an entry of the view and of the link; a value that is the default is left out."""
    view = session.visitor().view()
    if value == default:
        view.pop(name, None)
    else:
        view[name] = value
    session.write_link(PREFIX, to_query())


def exact(value: float) -> str:
    """A number as an entry says it: all its digits, so that a link gives the same number back."""
    return repr(float(value)).removesuffix(".0")


def choice(
    label: str,
    options: Sequence[str],
    name: str,
    titles: Callable[[str], str] = str,
    hint: str | None = None,
    labelled: bool = True,
    others: Collection[str] = (),
) -> str:
    """A row of options of which one is chosen; the first is the default. Screen readers always read the label.

    Parameters
    ----------
    others : collection of str
        Options that this setting does not offer and another may. One that was chosen stays so in the link, and is
        chosen again where it is offered; here the first option stands for it.
    """
    current = get(name, options[0])
    waits = current not in options and current in others
    picked = st.segmented_control(
        label,
        options,
        default=current if current in options else options[0],
        required=True,  # else a press on the chosen option drops the choice
        format_func=titles,
        key=f"{key(name)}-without" if waits else key(name),
        help=hint,
        label_visibility="visible" if labelled else "collapsed",
    )
    chosen = picked or options[0]
    if not waits or chosen != options[0]:
        put(name, chosen, options[0])
    return chosen


def pick(
    label: str,
    options: Sequence[str],
    name: str,
    titles: Callable[[str], str] = str,
    default: str | None = None,
    others: Collection[str] = (),
) -> str:
    """A list of options of which one is chosen.

    The default may follow the setting and is part of the widget's key: where nothing else is chosen, so does the list.
    ``others`` are as in `choice`.
    """
    first = default if default is not None and default in options else options[0]
    current = get(name, first)
    index = options.index(current) if current in options else options.index(first)
    waits = current not in options and current in others
    place = f"{key(name)}-{first}{'-without' if waits else ''}"
    chosen = st.selectbox(label, options, index, format_func=titles, key=place)
    if not waits or chosen != first:
        put(name, chosen, first)
    return chosen


def whole_number(place: Any, label: str, name: str, default: int, low: int, high: int) -> int:
    """A field for a whole number, drawn in a column or the like."""
    number = int(place.number_input(label, low, high, whole(name, default, low, high), key=key(name)))
    put(name, str(number), str(default))
    return number


def several(label: str, table: Mapping[str, Any], name: str, default: str) -> tuple[str, ...]:
    """Some of a table's entries, by their titles and in its order; the default where none is chosen.

    The default may be the sidebar's and is part of the widget's key: where nothing else is chosen, the list follows it.
    """
    given = [one for one in get(name, default).split(",") if one in table] or [default]
    picked = st.multiselect(label, list(table), given, lambda one: table[one].title, key=f"{key(name)}-{default}")
    chosen = tuple(one for one in table if one in (picked or [default]))
    put(name, ",".join(chosen), default)
    return chosen


def switch(label: str, name: str, hint: str | None = None) -> bool:
    """A switch that is off at first."""
    on = st.toggle(label, value=bool(get(name)), key=key(name), help=hint)
    put(name, "1" if on else "")
    return on


def key(name: str) -> str:
    """A widget's key: a new one whenever a link was followed, so that the widget starts at the link's value."""
    visitor = session.visitor()
    return f"view-{visitor.page}-{name}-{visitor.generation}"


def prepare(path: str, values: Mapping[str, str]) -> None:
    """Change the view of another page, before it is opened."""
    session.visitor().view(path).update(values)


def to_query() -> dict[str, str]:
    """This page's view as query parameters."""
    return {PREFIX + name: value for name, value in sorted(session.visitor().view().items())}


def from_query(query: Mapping[str, str]) -> None:
    """Take this page's view from a link that was followed."""
    visitor = session.visitor()
    visitor.views[visitor.page] = {
        name.removeprefix(PREFIX): value for name, value in query.items() if name.startswith(PREFIX)
    }
