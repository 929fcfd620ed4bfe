"""Verdicts on the paper's claims, and on questions beyond it, in sentences with the figures behind them."""

from __future__ import annotations

from core.reproduction.tables import Tables
from core.reproduction.verdicts.claims import CLAIMS
from core.reproduction.verdicts.questions import QUESTIONS
from core.reproduction.verdicts.verdict import HELD, NOT, PARTLY, Verdict, graded

__all__ = ["HELD", "NOT", "PARTLY", "Verdict", "graded", "verdicts"]


def verdicts(tables: Tables) -> list[Verdict]:
    """List every verdict whose tables have been made."""
    return [
        verdict
        for needed, judge in (*CLAIMS, *QUESTIONS)
        if all(name in tables for name in needed) and (verdict := judge(tables)) is not None
    ]
