"""How the whole dashboard is shown, whatever the page: the tour and whether it plays, presenter mode; in the link."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard.state import page_state, session

PREFIX = "screen."
_TOUR, _PRESENT, _STORY = "tour", "present", "story"
_FASTEST = 100.0

_PRESENTER = """
<style>
  html { font-size: 21px; }
  .block-container { max-width: none; padding: 3.9rem 3rem 3rem; }
  .st-key-leave-presenter { position: absolute; right: 3rem; top: 4.2rem; z-index: 10; width: auto !important; }
  .st-key-presenter-bar { border-bottom: 1px solid #7d879a55; padding: 0 11rem .3rem 0; }
  [data-testid="stMetricValue"] { font-size: 2.3rem; }
  .ln-quiet { font-size: .8rem; }
  @media (max-width: 900px) { html { font-size: 17px; } .block-container { padding-left: 1rem; padding-right: 1rem; }
    .st-key-leave-presenter { position: static; } }
</style>
"""


def presenting() -> bool:
    """Whether presenter mode is on: large type, no sidebar."""
    return session.visitor().screen.get(_PRESENT) == "1"


def present(on: bool) -> None:
    """Switch presenter mode."""
    _set(_PRESENT, "1" if on else "")


def style() -> None:
    """Apply presenter mode's style."""
    st.html(_PRESENTER)


def stop(most: int) -> int:
    """Number of the tour's stop that the visitor is at, from 1; 0 for none."""
    number = page_state.digits(session.visitor().screen.get(_TOUR, ""))
    return number if number is not None and 1 <= number <= most else 0


def set_stop(number: int) -> None:
    """Go to a stop; 0 ends the tour."""
    _set(_TOUR, str(number) if number else "")
    if not number:
        decline_tour()


def story() -> float:
    """How fast the tour plays by itself: 1 to be read, 2 twice as fast; 0 where it does not."""
    try:
        speed = float(session.visitor().screen.get(_STORY, ""))
    except ValueError:
        return 0.0
    return speed if 0 < speed <= _FASTEST else 0.0


def end_story() -> None:
    """Let the tour wait for its buttons."""
    _set(_STORY, "")


def arrived_by_no_link() -> bool:
    """Whether to offer the tour: the visitor followed no link, and has not declined it."""
    return bool(session.visitor().offer_tour)


def decline_tour() -> None:
    """Do not offer the tour any more."""
    session.visitor().offer_tour = False


def take(query: Mapping[str, str]) -> dict[str, str]:
    """Keep the parameters of a link that concern the screen, and return all others."""
    visitor = session.visitor()
    if visitor.offer_tour is None:
        visitor.offer_tour = not query
    visitor.screen = {name.removeprefix(PREFIX): value for name, value in query.items() if name.startswith(PREFIX)}
    return {name: value for name, value in query.items() if not name.startswith(PREFIX)}


def to_query() -> dict[str, str]:
    """The state of the screen as query parameters."""
    return {PREFIX + name: value for name, value in sorted(session.visitor().screen.items())}


def _set(name: str, value: str) -> None:
    if value:
        session.visitor().screen[name] = value
    else:
        session.visitor().screen.pop(name, None)
