"""A result as a few lines of text, as the command ``run`` prints it."""

from __future__ import annotations

from core.analyses.rival_spaces import HEADLINE, RivalSpaces
from core.analyses.rival_table import measures_of
from core.analyses.rival_verdict import against_all, verdict, who
from core.language.codes import label
from core.neurons.scores import SCORES
from core.pipeline.measure_table import MEASURES, Measure
from core.pipeline.result import Result
from core.progress import duration
from core.spaces.rivals import NOTHING, Rival
from core.spaces.space_measures import SPACE_MEASURES

_WIDTH = 44  # of the names of measures


def summary(result: Result) -> str:
    """The result as a few lines of text."""
    experiment, plan = result.plan.experiment, result.plan
    rows = result.from_target
    k, score = len(result.experts.neurons), SCORES[experiment.score].title
    lines = [
        "",
        f"{label(plan.target)}: {plan.neurons_in_words(k)}, {experiment.method} at strength {experiment.strength:g}, "
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
    return f"  {title:<{_WIDTH}} {change.pre:.3f} -> {change.post:.3f}  ({change.difference:+z.3f})"


def rival_lines(spaces: RivalSpaces) -> str:
    """What is free beside the intervention: every space's top-1, what it needs, and the verdict."""
    target, against, own = spaces.plan.target, against_all(spaces), who(spaces)
    minus = {id(row.space): row for row in against}
    lines = [
        f"  {'free rivals':<32} space layer  top-1   95%          all pairs  {f'this minus {own}':<27}  needs",
    ]
    for space in spaces.spaces:
        values, row = measures_of(space, target), minus.get(id(space))
        of_target, of_all = (values[key] for key in SPACE_MEASURES[HEADLINE].keys)
        ends = f"[{of_target.low:.3f} {of_target.high:.3f}]"
        beside = own if row is None else f"{-row.difference.value:+z.3f}, p = {row.p:.2g}"
        lines.append(
            f"    {space.rival.name:<30} {space.space:<5} {space.layer:>3}{'*' if space.chosen else ' '}  "
            f"{of_target.value:.3f}  {ends}  {of_all.value:.3f}      {beside:<27}  {_needs(spaces, space.rival)}"
        )
    lines.append("    * the layer where it does best on probe rows. p: Wilcoxon's signed ranks, corrected by Holm")
    lines += [f"  note: {note}" for note in spaces.notes if note not in spaces.plan.notes]  # `summary` says those
    return "\n".join([*lines, "", f"  {verdict(spaces, against).replace('**', '')}"])


def _needs(spaces: RivalSpaces, rival: Rival) -> str:
    """What a rival needs, in a few words: ``language labels; the sentence's language``."""
    needs = rival.needs(spaces.n_probe)
    return "nothing" if set(needs.values()) == {NOTHING} else f"{needs['fitting']}; applied: {needs['applied']}"
