"""What happened, in plain words, from the numbers alone."""

from __future__ import annotations

import numpy as np

from core import access
from core.analyses.rival_spaces import HEADLINE, PRE, RivalSpaces
from core.analyses.rival_verdict import intervention_of, verdict
from core.experiment.named_neurons import in_short
from core.experiment.settings import Experiment
from core.inference.encoding import PLAIN
from core.language.codes import with_article
from core.neurons.interventions import TOKENS
from core.neurons.methods import METHODS
from core.neurons.responses import NEURONS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, EXPERT_SETS, HELD_AT
from core.pipeline.before_after import Change
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.spaces.measured_space import difference
from core.spaces.rivals import RAW
from core.stats.intervals import wilson
from core.stats.units import SHARE, counted, in_points, listed
from dashboard.charts.theme import name
from dashboard.work.free import against

EMPTY_PROMPT = "Empty: the model starts from nothing (its first token, BOS)"
"""What stands in an empty field for a prompt."""

_NO_CHANGE = 0.005  # half a percentage point


def percent(value: float) -> str:
    """A share as a percentage: one decimal below ten."""
    return SHARE.text(value)


def points(change: Change) -> str:
    """A change of a share, in percentage points."""
    return SHARE.change_text(change.difference)


def question(target: str) -> str:
    """What top-1 answers, as a heading.

    >>> question("English")
    'Does an English sentence find its translation?'
    """
    return f"Does {with_article(target)} sentence find its translation?"


def summary(result: Result, free: RivalSpaces | None = None, control: RivalSpaces | None = None) -> str:
    """Two paragraphs of Markdown: whether the intervention beats what is free, and what was done and moved.

    Parameters
    ----------
    free : RivalSpaces, optional
        The free rivals, where they have been measured; without them the baselines of the result follow what moved.
    control : RivalSpaces, optional
        The spaces as they are, where the intervention is on neurons drawn at random.
    """
    if result.plan.experiment.strength == 0:
        return "At **strength 0** the model is left exactly as it is: both maps show the same sentences."
    done = changed(result) + (f" {_at_random(control)}" if control is not None else "")
    if free is None:
        return f"{done}\n\n{_free(result)}"
    return f"{verdict(free, against(free), brief=True)}\n\n{done}"


def changed(result: Result) -> str:
    """What was done, and what moved."""
    return f"{_deed(result)}, {_retrieval(result)}; {_distance(result)}."


def conditions(result: Result) -> str:
    """Model, neurons, sentences and settings of a result, in one line."""
    plan = result.plan
    experiment = plan.experiment
    adapter = f" with the adapter {experiment.adapter}" if experiment.adapter else ""
    model = (
        f"{experiment.model}{adapter}, revision {plan.resolved.revision}, {plan.resolved.dtype} on "
        f"{plan.resolved.device}"
    )
    experts = (
        f"{len(result.experts.neurons):,} of {plan.outline.neurons.total:,} {kinds(experiment.neurons)} neurons as "
        f"experts of {name(plan.target)}, {among(experiment)}mean {SCORES[experiment.score].title} "
        f"{result.experts.scores.mean():.3f} on {len(plan.probe):,} probe rows in {len(plan.probe.languages)} "
        f"languages of {access.titled(plan.probe_corpus.spec)}"
    )
    sentences = f"{access.titled(plan.corpus.spec)} ({plan.corpus.digest[:10]})"
    evaluation = f"{max(map(len, plan.groups)):,} evaluation rows of {sentences} in {len(plan.languages)} languages"
    control = CONTROLS[experiment.control]
    intervention = (
        f"{METHODS[experiment.method].title.lower()} at {TOKENS[experiment.tokens].title}, strength "
        f"{experiment.strength:g}{'' if control.draw is None else f', on {control.title}'}"
    )
    embedded = "" if plan.encoding == PLAIN else f"sentences embedded by {plan.encoding}, "
    settings = (
        f"{intervention}, {experiment.pooling} pooling, {embedded}layer {plan.layer} of {plan.outline.n_layers}, "
        f"seed {experiment.seed}"
    )
    return f"{model}; {experts}; {evaluation}; {settings}."


def kinds(neurons: tuple[str, ...]) -> str:
    """Whose outputs count as neurons, for a line of conditions."""
    return listed(str(NEURONS[kind]) for kind in neurons)


def among(experiment: Experiment) -> str:
    """What limited the choice of experts, for a line of conditions; ends in a comma unless it is empty."""
    limits = [
        experiment.targets and f"{EXPERT_SETS[experiment.combine].about} ({', '.join(experiment.targets)})",
        experiment.targets and METHODS[experiment.method].by_values and HELD_AT[experiment.held_at].title,
        experiment.select == "all" and "all, whatever their score",
        experiment.select == "layer" and f"{experiment.experts:,} of each layer",
        experiment.expert_layers and f"in blocks {experiment.expert_layers}",
        experiment.expert_sites and f"at {', '.join(experiment.expert_sites)}",
        experiment.min_score is not None and f"scoring at least {experiment.min_score:g}",
    ]
    return "".join(f"{limit}, " for limit in limits if limit)


def _deed(result: Result) -> str:
    experiment = result.plan.experiment
    target = listed(map(name, result.plan.targets or (result.plan.target,)))
    n, method, control = len(result.experts.neurons), METHODS[experiment.method], CONTROLS[experiment.control]
    named = f"that `{in_short(experiment.experts_from or '')}` names" if result.plan.imported is not None else ""
    if control.draw is None:
        how = method.in_words(target, experiment.strength, result.plan.held, n)
        return f"With the **{counted(n, 'neuron')}** {named or _chosen(experiment, target, n)} {how}"
    experts = f"the neurons {named}" if named else f"{target}'s experts"
    where = f" {control.place}" if control.place else ""
    if not method.sets_mean:
        much = "" if experiment.strength == 1 else f", with strength {experiment.strength:g}"
        return f"With **{counted(n, 'random neuron')}**{where} treated as {experts} would be{much} (a control)"
    way = ("pulled", "to") if experiment.strength > 0 else ("pushed away", "from")
    put = "put to" if experiment.strength == 1 else f"{way[0]} with strength {experiment.strength:g} {way[1]}"
    return f"With **{counted(n, 'random neuron')}**{where} {put} the values of {experts} (a control)"


def _chosen(experiment: Experiment, target: str, n: int) -> str:
    """How the n experts were chosen, in words after "the neurons"."""
    one = n == 1
    if experiment.select == "all":
        they = "was chosen whatever it recognises" if one else "were chosen whatever they recognise"
        return f"that {they}, for **{target}**,"
    if experiment.targets:
        return f"that {'is an expert' if one else 'are experts'} {EXPERT_SETS[experiment.combine].title} (**{target}**)"
    return f"that best recognise{'s' * one} **{target}**"


def _retrieval(result: Result) -> str:
    change, target = result.target_top1, name(result.plan.target)
    finds = f"{with_article(target)} sentence finds its translation **{percent(change.post)}** of the time"
    if abs(change.difference) <= _NO_CHANGE:
        return f"{finds}, which is no real change"
    moved = "up" if change.difference > 0 else "down"
    return f"{finds}, {moved} from **{percent(change.pre)}**{_times(change)}{_perhaps_chance(result)}"


def _perhaps_chance(result: Result) -> str:
    """Say so where the two shares' 95% intervals overlap."""
    change, n = result.target_top1, int(result.from_target["n"].min())
    if not overlap(result, change.pre, change.post):
        return ""
    low, high = wilson(np.array([change.pre, change.post]), n)
    ends = " and ".join(f"{percent(float(a))} to {percent(float(b))}" for a, b in zip(low, high, strict=True))
    return f", **which may be chance** (n = {n:,}; the 95% intervals, {ends}, overlap)"


def _at_random(control: RivalSpaces) -> str:
    """What the same values on random neurons give, and how far that is from the unmodified model."""
    drawn, before = intervention_of(control), control.find(RAW.name, PRE)
    assert before is not None  # it is always measured
    target = control.plan.target
    share = drawn.measured.value(HEADLINE, target).value
    change, _ = difference(drawn.measured, before.measured, HEADLINE, target)
    moved, low, high = map(in_points, (change.value, change.low, change.high))
    return f"As many neurons **drawn at random** give {percent(share)}, {moved} points from before [{low}, {high}]."


def _times(change: Change) -> str:
    if change.pre <= 0 or change.post < 1.5 * change.pre:
        return ""
    ratio = change.post / change.pre
    return f" (**{ratio:.0f} times** as often)" if ratio >= 10 else f" (**{ratio:.1f} times** as often)"


def _distance(result: Result) -> str:
    change = result.all_pairs_distance
    if abs(change.difference) < 0.02 * max(change.pre, 1e-9):
        return f"the distance between translations stays at {change.pre:.3f}"
    moved = "shrinks" if change.difference < 0 else "grows"
    return f"the distance between translations {moved} from {change.pre:.3f} to {change.post:.3f}"


def _free(result: Result) -> str:
    """Put the intervention beside the baselines that a result has; none of them is a map fitted on probe rows."""
    gained = result.target_top1
    values = dict(measure.free_value(result) for measure in MEASURES.values() if measure.free)
    *phrases, last_phrase = (f"{title} gives {percent(value)}" for title, value in values.items())
    free = f"**Without any intervention,** {', '.join(phrases)}, and {last_phrase}"
    sentences = counted(int(result.from_target["n"].min()), "sentence")
    subject = "the intervention" if CONTROLS[result.plan.experiment.control].draw is None else "the control"
    if gained.difference <= _NO_CHANGE:
        return f"{free}: by {sentences}, {subject} adds nothing to what the model has already."
    best = max(values, key=lambda title: values[title])
    more = values[best] - gained.post
    named = best.partition(" (")[0]  # what is in brackets was said a line before
    if overlap(result, values[best], gained.post):
        said = f"by these {sentences}, {subject} cannot be told from {named}"
    elif more > 0:
        said = f"{named} alone finds **{100 * more:.1f} points more** than {subject}"
    else:
        of_these = "the better of these" if len(values) == 2 else "the best of these"
        said = f"{subject} finds {-100 * more:.1f} points more than {of_these}"
    return f"{free}: {said}. Whitening and other maps are not among these."


def overlap(result: Result, one: float, other: float) -> bool:
    """Whether two shares' 95% intervals overlap. They are not paired, so that this errs towards doubt."""
    low, high = wilson(np.array([one, other]), int(result.from_target["n"].min()))
    return bool(max(low) <= min(high))
