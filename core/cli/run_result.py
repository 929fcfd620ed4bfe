"""A result as a few lines of text, as the command ``run`` prints it."""

from __future__ import annotations

from core.language.codes import label
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS
from core.pipeline.measure_table import MEASURES, Measure
from core.pipeline.result import Result
from core.progress import duration

_WIDTH = 44  # of the names of measures


def summary(result: Result) -> str:
    """The result as a few lines of text."""
    experiment, plan = result.plan.experiment, result.plan
    rows = result.from_target
    k, score = len(result.experts.neurons), SCORES[experiment.score].title
    neurons = "random neurons in place of its experts" if CONTROLS[experiment.control].draw else "experts"
    lines = [
        "",
        f"{label(plan.target)}: {k:,} {neurons}, {experiment.method} at strength {experiment.strength:g}, "
        f"{experiment.model}, {experiment.corpus}, layer {plan.layer} of {plan.outline.n_layers}",
        f"  {f'mean {score} of the experts':<{_WIDTH}} {result.experts.scores.mean():.3f}",
        *(_line(measure, result) for measure in MEASURES.values() if not measure.free),
        "  free, for comparison:",
        *(_line(measure, result) for measure in MEASURES.values() if measure.free),
        "",
        f"  {plan.target} as query    pre    post     n",
    ]
    lines += [f"    {r.candidate:<12} {r.top1_pre:.3f}  {r.top1_post:.3f}  {r.n:>4}" for r in rows.itertuples()]
    lines += [f"  note: {note}" for note in result.notes]
    return "\n".join([*lines, "", f"  took {duration(sum(result.seconds.values()))}"])


def _line(measure: Measure, result: Result) -> str:
    change, title = measure.read(result), measure.titled(label(result.plan.target), result)
    return f"  {title:<{_WIDTH}} {change.pre:.3f} -> {change.post:.3f}  ({change.difference:+.3f})"
