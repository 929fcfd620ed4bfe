"""Values that pages derive from an answer, kept as long as the answer: every touched control redraws a page."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

# Keyed by the identity of the answer: answers hold arrays, so that they have no hash, and two equal ones differ.
_derived: dict[int, dict[Hashable, Any]] = {}


def once(answer: object, name: Hashable, make: Callable[[], T]) -> T:
    """The value of ``make()``, computed once for this answer and name, and dropped with the answer.

    Parameters
    ----------
    answer : object
        What ``make`` reads; a setting that is changed, or a file that is edited, gives another object.
    name : hashable
        Must tell apart all that ``make`` depends on beside the answer.
    make : callable
        Its value must not hold the answer, or neither is ever dropped.
    """
    by_name = _derived.get(id(answer))
    if by_name is None:
        by_name = _derived.setdefault(id(answer), {})
        weakref.finalize(answer, _derived.pop, id(answer), None).atexit = False
    if name not in by_name:
        by_name[name] = make()
    value: T = by_name[name]
    return value
