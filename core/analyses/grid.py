"""Measures over a grid of numbers of neurons and strengths: the values of a cell, and which cell is best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from core.analyses.text_perplexity import pooled_perplexity
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.pipeline.before_after import BeforeAfter
from core.pipeline.measure_table import MEASURES
from core.pipeline.run import Run, guessed_tokens
from core.stats.units import SHARE, TIMES, Unit

TEXTS = 20  # sentences whose perplexity is measured: some 800 tokens, predicted in seconds


@dataclass(frozen=True)
class CellMeasure:
    """One number of a cell, as lists describe it; see `core.pipeline.measure_table.Measure`."""

    name: str
    title: str
    unit: Unit
    higher_is_better: bool


GAIN = CellMeasure("gain", "Gain in top-1", SHARE, True)
PERPLEXITY = CellMeasure("perplexity", "Perplexity, × the unmodified", TIMES, False)


def measures() -> dict[str, CellMeasure]:
    """Every number that a cell may have, by name: all measures that are read at one layer, the gain, the perplexity."""
    at_layer = [
        CellMeasure(measure.name, measure.titled(), measure.unit, measure.higher_is_better)
        for measure in MEASURES.values()
        if not measure.reads_layers
    ]
    return {measure.name: measure for measure in (*at_layer, GAIN, PERPLEXITY)}


def cell(run: Run) -> dict[str, float]:
    """Compute all of `measures` but the perplexity, for the space after the intervention; draws no map."""
    return of_spaces(run.measured(layers=False))


def of_spaces(spaces: BeforeAfter) -> dict[str, float]:
    """The numbers of `cell`, of spaces that are measured already."""
    values = {name: measure.read(spaces).post for name, measure in MEASURES.items() if not measure.reads_layers}
    return values | {GAIN.name: spaces.target_top1.difference}


def cell_with_text(run: Run) -> dict[str, float]:
    """Compute `cell`, and the perplexity of text in the target language as a multiple of the unmodified model's.

    The text is the first `TEXTS` evaluation sentences in the target language.

    Raises
    ------
    AskError
        Where the model cannot predict text.
    """
    intervention = run.measure_spaces(layers=False)
    texts = _texts(run.plan)
    pre, post = pooled_perplexity(run, texts, None), pooled_perplexity(run, texts, intervention)
    return cell(run) | {PERPLEXITY.name: post.value / pre.value}


def _texts(plan: Plan) -> tuple[str, ...]:
    group = next(group for group in plan.groups if plan.target in group.languages)
    return group.texts[plan.target][:TEXTS]


@dataclass(frozen=True)
class GridAnalysis:
    """What a grid asks of its cells (see `core.sweep.cells.CellAnalysis`): `cell`, or `cell_with_text`."""

    layers: ClassVar[bool] = False
    sentences: ClassVar[bool] = False

    text: bool = False

    def read(self, run: Run) -> dict[str, float]:
        """Compute the measures of one cell."""
        return cell_with_text(run) if self.text else cell(run)

    def tokens(self, plan: Plan) -> float:
        """How many tokens are predicted, with and without the intervention."""
        return 2.0 * guessed_tokens(_texts(plan)) if self.text else 0.0


def grid(experiment: Experiment, counts: Sequence[int], strengths: Sequence[float]) -> list[Experiment]:
    """The experiments of a grid, by strength within k, each with everything else as in ``experiment``.

    At strength 0 the model is unmodified whatever k is; all such cells are the experiment of the first k. Where k says
    nothing, there is one row, of the experiment's own.
    """
    counts = counts if experiment.k_counts else [experiment.experts]
    return [
        replace(experiment, experts=k if strength else min(counts), strength=strength)
        for k in sorted(set(counts))
        for strength in sorted(set(strengths))
    ]


def best(
    cells: Mapping[Experiment, Mapping[str, float]], maximise: str, constraints: Mapping[str, tuple[str, float]]
) -> Experiment | None:
    """Find the best cell, among those that are known, that meets the constraints.

    Parameters
    ----------
    cells : mapping
        The values of each cell that has been computed.
    maximise : str
        A name in `measures`; one of which lower is better is minimised.
    constraints : mapping of measure to ("at least" or "at most", value)

    Returns
    -------
    Experiment or None
        Of equally good ones that of the lowest strength, then of the fewest neurons; None where none fits. A value that
        is not a number neither wins nor fits.
    """

    def fits(values: Mapping[str, float]) -> bool:
        return values.get(maximise, math.nan) == values.get(maximise) and all(
            values.get(name, math.nan) >= bound if side == "at least" else values.get(name, math.nan) <= bound
            for name, (side, bound) in constraints.items()
        )

    sign = 1.0 if measures()[maximise].higher_is_better else -1.0
    feasible = [(experiment, values) for experiment, values in cells.items() if fits(values)]
    if not feasible:
        return None
    return min(feasible, key=lambda item: (-sign * item[1][maximise], abs(item[0].strength), item[0].experts))[0]
