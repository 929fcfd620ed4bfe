"""What happened, in plain words, from the numbers alone."""

from __future__ import annotations

from core.results import Change, Result
from dashboard.look import name


def percent(value: float) -> str:
    """A share as a percentage: one decimal below ten."""
    return f"{100 * value:.1f}%" if value < 0.0995 else f"{100 * value:.0f}%"


def points(change: Change) -> str:
    """A change of a share, in percentage points."""
    return f"{100 * change.difference:+.1f} points"


def summary(result: Result) -> str:
    """One paragraph of Markdown: what was done, what moved, and what is free."""
    return " ".join([_deed(result), _retrieval(result), _distance(result), _free(result)])


def _deed(result: Result) -> str:
    asked, target = result.plan.experiment, name(result.plan.target)
    if asked.strength == 0:
        return f"At strength 0 the model is left exactly as it is: both maps show the same sentences, for {target}."
    count = f"{asked.experts:,}"
    if asked.control == "random":
        deed = f"As a control, {count} neurons drawn **at random** were pulled to the values of {target}'s experts"
    elif asked.strength == 1:
        deed = f"We held the **{count} neurons** that best recognise **{target}** at their {target} average"
    else:
        deed = (
            f"We pulled the **{count} neurons** that best recognise **{target}** towards their {target} average "
            f"(strength {asked.strength:g})"
        )
    return f"{deed} while every sentence of all {len(result.plan.languages)} languages passed through the model."


def _retrieval(result: Result) -> str:
    change, target = result.target_top1, name(result.plan.target)
    start = f"From a {target} sentence, the nearest sentence in another language is its translation"
    spread = f"**{percent(change.pre)}** of the time before and **{percent(change.post)}** after"
    return f"{start} {spread}{_times(change)}."


def _times(change: Change) -> str:
    if change.pre > 0 and change.post >= 1.5 * change.pre:
        ratio = change.post / change.pre
        return f", **{ratio:.0f} times** as often" if ratio >= 10 else f", **{ratio:.1f} times** as often"
    if change.difference < -0.005:
        return ", which is worse"
    if abs(change.difference) <= 0.005:
        return ", which is no real change"
    return ""


def _distance(result: Result) -> str:
    change = result.all_pairs_distance
    if abs(change.difference) < 0.02 * max(change.pre, 1e-9):
        return f"The distance between translations stays at {change.pre:.3f}."
    moved = "shrinks" if change.difference < 0 else "grows"
    return f"The distance between translations {moved} from {change.pre:.3f} to {change.post:.3f}."


def _free(result: Result) -> str:
    centred, (layer, best), gained = result.centred, result.best_layer, result.target_top1
    free = (
        f"**For comparison, without any intervention:** subtracting each language's mean embedding gives "
        f"{percent(centred.pre)}, and layer {layer} of the unmodified model gives {percent(best.pre)}"
    )
    if max(centred.pre, best.pre) >= gained.post:
        return f"{free}, so this much alignment was in the model already; the intervention makes it visible at this layer."
    return f"{free}; the intervention goes beyond both."
