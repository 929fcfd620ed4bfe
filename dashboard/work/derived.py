"""What pages make of an answer, kept beside it: a page is drawn anew with every control that is touched."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


def once(answer: object, name: Hashable, make: Callable[[], T]) -> T:
    """``make()``, made once for this answer and this name, for as long as the answer itself is kept in memory.

    Parameters
    ----------
    answer : object
        What ``make`` reads; a setting that is changed, or a file that is edited, gives another object.
    name : hashable
        Must tell apart all that ``make`` depends on beside the answer.
    """
    made: dict[Hashable, Any] = vars(answer).setdefault("_made", {})
    if name not in made:
        made[name] = make()
    found: T = made[name]
    return found
