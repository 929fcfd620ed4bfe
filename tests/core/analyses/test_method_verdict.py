"""Which intervention is best by what, in words: as the figures and their intervals say, on figures made by hand."""

from __future__ import annotations

import math

import pytest

from core.analyses import method_verdict
from core.analyses.method_comparison import FIGURES, Row
from core.stats.intervals import Interval


def row(name: str, kind: str, **figures: tuple[float, float, float]) -> Row:
    return Row(
        name, f"free: {name}" if kind == "free" else name, kind, {k: Interval(*v, 9) for k, v in figures.items()}
    )


NAN = math.nan
ROWS = [
    row("plain", "unmodified", top1_all=(0.2, 0.1, 0.3), perplexity=(1.0, NAN, NAN)),
    row("centring", "free", top1_all=(0.5, 0.4, 0.6), language_id=(0.1, 0.0, 0.2)),
    row("whitening", "free", top1_all=(0.9, 0.85, 0.95), language_id=(0.9, 0.8, 1.0)),
    row("hold", "method", top1_all=(0.7, 0.6, 0.8), language_id=(0.9, 0.8, 1.0), perplexity=(5.0, 4.0, 6.0)),
    row("move", "method", top1_all=(0.65, 0.55, 0.75), language_id=(0.5, 0.4, 0.6), perplexity=(1234.0, 900.0, 2000.0)),
    row("damp", "method", top1_all=(0.1, 0.0, 0.2), language_id=(0.95, 0.9, 1.0)),
    row("chance", "random", top1_all=(0.99, 0.98, 1.0)),
]


def test_each_figure_names_its_best_what_is_level_and_what_is_free() -> None:
    assert method_verdict.lines(ROWS) == [
        "*top-1, all*: **hold**, 70% (60% to 80%); intervals meet those of move. The best of what is free at the "
        "same layer, whitening, is clearly better: 90% (85% to 95%).",
        "*language id*: **move**, 50% (40% to 60%). Free maps that take out each language's mean are at chance by "
        "construction: the linear probe is fitted on the rows that they are fitted on.",
        "*perplexity*: **hold**, 5.00 × (4.00 × to 6.00 ×).",
    ]


def test_the_paragraph_follows_the_mean_ranks_and_the_intervals() -> None:
    said = method_verdict.overall(ROWS)  # ranks: hold 1, 2, 1; move 2, 1, 2; damp 3, 3
    assert said == (
        "Of 3 interventions, **hold** has the best mean rank (1.3), before move (1.7). At the same layer, the "
        "best of what is free is clearly better than every intervention by *top-1, all*."
    )
    worse = [one for one in ROWS if one.condition != "whitening"]
    assert "not clearly apart from the best of them by *top-1, all*" in method_verdict.overall(worse)
    tie = [row("a", "method", top1_all=(0.7, 0.6, 0.8)), row("b", "method", top1_all=(0.7, 0.6, 0.8))]
    assert "**a** and **b** share the best mean rank (1.5)" in method_verdict.overall(tie)
    assert "Nothing free was measured" in method_verdict.overall(tie)
    below = row("below", "free", top1_all=(0.55, 0.45, 0.65))  # its interval meets the other, which does not hold it
    assert any(
        line.endswith("below, is not clearly apart: 55% (45% to 65%).") for line in method_verdict.lines([*tie, below])
    )
    free = row("poor", "free", top1_all=(0.1, 0.0, 0.2))
    assert method_verdict.overall([*tie[:1], free]).endswith("is clearly worse by *top-1, all*.")
    assert "**a** alone is measured" in method_verdict.overall([*tie[:1], free])
    assert method_verdict.overall(ROWS[:3]) == "No intervention is measured yet."
    assert method_verdict.lines(ROWS[:3]) == []


@pytest.mark.parametrize("wide", [(0.6, 0.3, 0.95), (0.6, NAN, NAN)])
def test_what_is_free_is_better_than_every_intervention_only_where_each_interval_says_so(
    wide: tuple[float, float, float],
) -> None:
    rows = [
        row("centring", "free", top1_all=(0.9, 0.85, 0.95)),
        row("hold", "method", top1_all=(0.7, 0.6, 0.8)),
        row("move", "method", top1_all=wide),
    ]
    said = method_verdict.overall(rows)
    assert "clearly better than the best intervention by *top-1, all*" in said
    assert "every intervention" not in said
    assert "every intervention" in method_verdict.overall(rows[:2])


@pytest.mark.parametrize(("name", "sign"), [("top1_all", 1), ("perplexity", -1)])
def test_intervals_that_meet_or_are_missing_decide_nothing(name: str, sign: int) -> None:
    figure, low, high = FIGURES[name], Interval(0.2, 0.1, 0.3, 9), Interval(0.8, 0.7, 0.9, 9)
    assert method_verdict.clearly(figure, high, low) == sign
    assert method_verdict.clearly(figure, low, high) == -sign
    assert method_verdict.clearly(figure, low, Interval(0.35, 0.3, 0.4, 9)) == 0
    assert method_verdict.clearly(figure, low, Interval(0.9, NAN, NAN, 1)) is None
    lone = row("lone", "method", **{name: (0.9, NAN, NAN)})
    (line,) = [
        line
        for line in method_verdict.lines([lone, row("other", "method", **{name: (0.9, 0.8, 1.0)})])
        if line.startswith(f"*{figure.title}*")
    ]
    assert "intervals meet" not in line
    (line,) = method_verdict.lines([lone, row("free", "free", **{name: (0.1, 0.0, 0.2)})])
    assert "no interval" in line
    assert "is without an interval to tell" in line
    assert method_verdict.text_of(figure, Interval(NAN, NAN, NAN, 0)) == ""
