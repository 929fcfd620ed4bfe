"""One verdict: a claim or a question, whether it held, and the figures behind it."""

from __future__ import annotations

from dataclasses import dataclass

HELD, PARTLY, NOT = "held", "held in part", "did not hold"


@dataclass(frozen=True)
class Verdict:
    """One claim.

    Attributes
    ----------
    item : str
        The item whose tables it rests on.
    claim : str
        The published claim; for items beyond the paper, a question.
    state : str
        ``held``, ``held in part`` or ``did not hold``; empty beyond the paper.
    text : str
        What was measured.
    """

    item: str
    claim: str
    state: str
    text: str


def graded(passed: int, of: int) -> str:
    """Grade a claim by whether it holds in all, some or none of the cases."""
    return HELD if passed == of else PARTLY if passed else NOT
