"""Two settings on the same sentences: which finds more, by every measure, paired; the answer in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.experiment.plan import Plan
from core.language.codes import label
from core.pipeline.before_after import BeforeAfter
from core.pipeline.measure_table import MEASURES, Measure
from core.pipeline.run import Run
from core.stats import paired
from core.stats.intervals import Interval
from core.stats.paired import Part
from core.stats.significance import holm
from core.stats.units import SHARE, in_points, listed

Values = Mapping[str, Sequence[Part]]
"""Measures of one space sentence by sentence, as `core.pipeline.measures.Measures.sentence_values` gives them."""


@dataclass(frozen=True)
class PairedMeasure:
    """One measure of two settings, after their interventions.

    Attributes
    ----------
    measure : Measure
    first, second : float
    difference : Interval or None
        The first minus the second; 95%, paired. None where the two cannot be paired.
    p : float
        Of Wilcoxon's signed-rank test, corrected by Holm over all measures; NaN without an interval.
    """

    measure: Measure
    first: float
    second: float
    difference: Interval | None
    p: float

    @property
    def winner(self) -> int:
        """1 where the first is better, -1 where the second is, 0 where that may be chance or is not known."""
        if self.difference is None:
            return 0
        return paired.sign(self.difference, self.p) * (1 if self.measure.higher_is_better else -1)


def sentence_values(run: Run) -> Values:
    """Every measure of the space after the intervention, sentence by sentence."""
    return run.sentence_values()


def can_be_paired(first: Plan, second: Plan) -> bool:
    """Whether two settings measure the same rows, in the same languages, with the same target."""
    rows = [[(group.ids, group.languages) for group in plan.groups] for plan in (first, second)]
    return rows[0] == rows[1] and (first.corpus.digest, first.target) == (second.corpus.digest, second.target)


def values_of_rows(values: Values, plan: Plan, rows: Sequence[np.ndarray]) -> Values:
    """Measures sentence by sentence, of some rows alone; sets of rows without any, or of no weight, are left out.

    Parameters
    ----------
    plan : Plan
        Of the setting whose values they are.
    rows : sequence of ndarray of bool, (n,)
        Which rows, by set.
    """
    with_target = [mask for group, mask in zip(plan.groups, rows, strict=True) if plan.target in group.languages]
    kept: dict[str, list[Part]] = {}
    for name, parts in values.items():
        masks = rows if len(parts) == len(rows) else with_target
        some = [(weight, of[mask]) for (weight, of), mask in zip(parts, masks, strict=True) if weight and mask.any()]
        total = sum(weight for weight, _ in some)
        if some:
            kept[name] = [(weight / total, of) for weight, of in some]
    return kept


def compare_rows(a: BeforeAfter, of_a: Values, of_b: Values, rows: Sequence[np.ndarray]) -> tuple[PairedMeasure, ...]:
    """Compare two settings that can be paired on some rows alone, by every measure that is a mean over sentences.

    Parameters
    ----------
    a : BeforeAfter
        One of the two; their rows are the same.
    rows : sequence of ndarray of bool, (n,)
        Which rows, by set.
    """
    first, second = (values_of_rows(of, a.plan, rows) for of in (of_a, of_b))
    names = [name for name in MEASURES if name in first and name in second]
    found = [paired.difference(first[name], second[name]) for name in names]
    corrected = holm(np.array([p for _, p in found])) if found else np.zeros(0)
    return tuple(
        PairedMeasure(MEASURES[name], paired.mean(first[name]), paired.mean(second[name]), interval, float(p))
        for name, (interval, _), p in zip(names, found, corrected, strict=True)
    )


def compare(a: BeforeAfter, b: BeforeAfter, of_a: Values | None, of_b: Values | None) -> tuple[PairedMeasure, ...]:
    """Compare two settings by every measure.

    Parameters
    ----------
    of_a, of_b : mapping of measure to its values by sentence, optional
        Without them, or where the two cannot be paired, differences have no intervals.
    """
    both = of_a is not None and of_b is not None and can_be_paired(a.plan, b.plan)
    found = {
        name: paired.difference(of_a[name], of_b[name])
        for name in MEASURES
        if both and of_a is not None and of_b is not None and name in of_a and name in of_b
    }
    corrected = dict(zip(found, holm(np.array([p for _, p in found.values()])), strict=True)) if found else {}
    rows = []
    for name, measure in MEASURES.items():
        interval = found[name][0] if name in found else None
        values = measure.read(a).post, measure.read(b).post
        rows.append(PairedMeasure(measure, *values, interval, float(corrected.get(name, np.nan))))
    return tuple(rows)


def verdict(
    a: BeforeAfter, b: BeforeAfter, rows: Sequence[PairedMeasure], with_free: bool = True, comes: bool = True
) -> str:
    """Say which of two settings finds more, and on how many measures each is better, in Markdown, from the figures.

    Parameters
    ----------
    with_free : bool
        End with what needs no intervention; that is of all rows.
    comes : bool
        Where sentences are not compared: whether they will be.
    """
    first, *_ = rows
    unit, target = first.measure.unit, label(a.plan.target)
    texts = unit.text(first.first), unit.text(first.second)
    if first.difference is None:
        found = f"A finds **{texts[0]}** and B **{texts[1]}** of translations from their target"
        if can_be_paired(a.plan, b.plan):
            when = "are not compared yet" if comes else "cannot be compared here"
            return f"{found}. Their sentences {when}, so that there is no interval."
        return f"{found}, on other sentences or languages or from another target, so that no interval can be given."
    change = first.difference
    ends = f"[{in_points(change.low)}, {in_points(change.high)}], n = {change.n:,}"
    if first.winner:
        better, worse = ("A", "B") if first.winner > 0 else ("B", "A")
        values = texts if first.winner > 0 else texts[::-1]
        text = (
            f"**{better} finds more translations from {target} than {worse}**: {values[0]} against {values[1]} "
            f"(A - B: {in_points(change.value)} points {ends})."
        )
    else:
        text = (
            f"**A and B cannot be told apart by how many translations from {target} they find**: {texts[0]} and "
            f"{texts[1]} (A - B: {in_points(change.value)} points {ends})."
        )
    return f"{text} {_tally(rows)} {_free(a, b)}" if with_free else f"{text} {_tally(rows)}"


def _tally(rows: Sequence[PairedMeasure]) -> str:
    """On how many measures each setting is better."""
    with_interval = [row for row in rows if row.difference is not None]
    a, b, chance = (sum(row.winner == sign for row in with_interval) for sign in (1, -1, 0))
    return f"Of {len(with_interval)} measures, A is better on {a} and B on {b}; on {chance} the two may be level."


def _free(a: BeforeAfter, b: BeforeAfter) -> str:
    """What needs no intervention, for each of the two; once where it is the same."""
    said = []
    for spaces in (a, b):
        values = [measure.free_value(spaces) for measure in MEASURES.values() if measure.free]
        said.append(listed(f"{SHARE.text(value)} by {how}" for how, value in values))
    if said[0] == said[1]:
        return f"Without any intervention it is {said[0]}."
    return f"Without any intervention it is, for A, {said[0]}; for B, {said[1]}."
