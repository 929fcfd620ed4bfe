"""A claim is graded by the cases it holds in."""

from __future__ import annotations

from core.reproduction.verdicts import HELD, NOT, PARTLY, graded


def test_grades() -> None:
    assert (graded(5, 5), graded(1, 5), graded(0, 5)) == (HELD, PARTLY, NOT)
