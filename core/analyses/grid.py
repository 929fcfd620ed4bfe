"""Measures over a grid of numbers of neurons and strengths: what a cell says, and which cell is best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.analyses.text_perplexity import measured
from core.experiment.settings import Experiment
from core.pipeline.result import merge_spaces
from core.pipeline.run import Run


@dataclass(frozen=True)
class Measure:
    """One measure of a cell."""

    name: str
    title: str
    share: bool  # written as a percentage
    higher_is_better: bool


TEXTS = 20  # sentences whose perplexity is measured: some 800 tokens, predicted in seconds
MEASURES = {
    measure.name: measure
    for measure in (
        Measure("target_top1", "Top-1 from the target", True, True),
        Measure("gain", "Gain in top-1", True, True),
        Measure("all_top1", "Top-1, all pairs", True, True),
        Measure("centred", "Top-1, mean-centred", True, True),
        Measure("distance", "Distance, all pairs", False, False),
        Measure("perplexity", "Perplexity, × the unmodified", False, False),
    )
}


def cell(run: Run) -> dict[str, float]:
    """Everything in `MEASURES` but the perplexity, as an experiment's result has it; draws no map."""
    _, intervention = run.spaces()
    (pre, _), (post, _) = map(run.measures.layer_measures, (None, intervention))
    pairs = merge_spaces(pre, post, ["group", "query", "candidate", "n"])
    ours = pairs[pairs["query"] == run.plan.target]
    before, after = float(ours["top1_pre"].mean()), float(ours["top1_post"].mean())
    return {
        "target_top1": after,
        "gain": after - before,
        "all_top1": float(pairs["top1_post"].mean()),
        "centred": float(ours["centred_post"].mean()),
        "distance": float(pairs["distance_post"].mean()),
    }


def cell_with_text(run: Run) -> dict[str, float]:
    """`cell`, and how many times the unmodified model's perplexity of text in the target language becomes.

    The text is the first evaluation sentences in the target language, `TEXTS` of them.

    Raises
    ------
    AskError
        Where the model cannot predict text.
    """
    experts, _ = run.spaces()
    intervention = run.stages.intervention(experts)
    group = next(group for group in run.plan.groups if run.plan.target in group.languages)
    texts = group.texts[run.plan.target][:TEXTS]
    pre, post = measured(run, texts, None), measured(run, texts, intervention)
    return cell(run) | {"perplexity": post.value / pre.value}


def grid(experiment: Experiment, counts: Sequence[int], strengths: Sequence[float]) -> list[Experiment]:
    """The experiments of a grid, by strength within k, each with everything else as in ``experiment``.

    At strength 0 the model is unmodified whatever k is; all such cells are the experiment of the first k.
    """
    return [
        replace(experiment, experts=k if strength else min(counts), strength=strength)
        for k in sorted(set(counts))
        for strength in sorted(set(strengths))
    ]


def best(
    cells: Mapping[Experiment, Mapping[str, float]], maximise: str, constraints: Mapping[str, tuple[str, float]]
) -> Experiment | None:
    """The best known cell under constraints.

    Parameters
    ----------
    cells : mapping
        What is known; missing cells are not in it.
    maximise : str
        A name in `MEASURES`; one of which lower is better is minimised.
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

    sign = 1.0 if MEASURES[maximise].higher_is_better else -1.0
    known = [(each, values) for each, values in cells.items() if fits(values)]
    if not known:
        return None
    return min(known, key=lambda item: (-sign * item[1][maximise], abs(item[0].strength), item[0].experts))[0]
