"""What the visitor has chosen on the map, and the part of it that they look at: one for all pages, in every link.

The link carries it as ``map.NAME=VALUE``. Earlier versions kept it in the view of the page Explore alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.state import page_state, session

PREFIX = "map."
CHOOSING = ("brush", "find", "shown")
"""The entries by which sentences are chosen: a rectangle of the map, words, groups of the legend."""
_NAMES = (*CHOOSING, "colour", "sentence", "window", "strength")
BEFORE, AFTER = "before", "after"
"""The last part of a brush: the map that it is drawn on; a strength where the map is in motion."""


def get(name: str, default: str = "") -> str:
    """The value of an entry, as text."""
    return session.visitor().selection.get(name, default)


def put(name: str, value: str, default: str = "") -> None:
    """Change an entry, here and in the link; a value that is the default is left out."""
    selection = session.visitor().selection
    if value == default:
        selection.pop(name, None)
    else:
        selection[name] = value
    session.write_link(PREFIX, to_query())


def clear() -> None:
    """Choose all sentences; what is looked at stays."""
    for name in CHOOSING:
        put(name, "")


def to_query() -> dict[str, str]:
    """The entries as query parameters."""
    return {PREFIX + name: value for name, value in sorted(session.visitor().selection.items())}


def take(query: Mapping[str, str]) -> dict[str, str]:
    """Keep the parameters of a link that concern the map, and return all others."""
    visitor, others = session.visitor(), dict(query)
    visitor.selection = {}
    for name in _NAMES:
        value = others.pop(PREFIX + name, "")
        if not visitor.page:
            older = others.pop(page_state.PREFIX + name, "")
            in_motion = query.get(page_state.PREFIX + "maps") == "in motion"
            value = value or (_brush_of_older(older) if name == "brush" and not in_motion else older)
        if value:
            visitor.selection[name] = value
    return others


def _brush_of_older(text: str) -> str:
    """A brush as links say it now; earlier ones numbered the maps."""
    box, comma, panel = text.rpartition(",")
    return f"{box},{BEFORE if panel == '0' else AFTER}" if comma else ""
