"""What has died is found, though most searches leave out what was alive before."""

from __future__ import annotations

import weakref

from dashboard.work import garbage


class _Circle:
    """Refers to itself, so that only a search for garbage finds that nobody needs it."""

    def __init__(self) -> None:
        self.own = self


def test_what_dies_after_it_was_left_out_of_the_search_for_garbage_is_found_once_in_a_while() -> None:
    circle = _Circle()
    found = weakref.ref(circle)
    garbage.settle()
    del circle
    garbage.settle()
    assert found() is not None, "most searches leave out what was alive before"
    garbage.last_look.at -= 2 * garbage.BETWEEN_LOOKS
    garbage.settle()
    assert found() is None
