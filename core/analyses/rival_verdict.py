"""Whether an intervention beats what is free: paired differences, corrected by Holm, and the answer in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.analyses.rival_spaces import HEADLINE, POST, PRE, RivalSpace, RivalSpaces
from core.language.codes import label
from core.neurons.methods import METHODS, Method
from core.neurons.selection import CONTROLS
from core.spaces.measured_space import difference
from core.spaces.rivals import RAW, RIVALS
from core.spaces.space_measures import SPACE_MEASURES
from core.stats import paired
from core.stats.intervals import Interval
from core.stats.significance import fewest_pairs, holm
from core.stats.units import counted, listed


@dataclass(frozen=True)
class SpaceComparison:
    """The intervention against another space, on the same sentences.

    Attributes
    ----------
    space : RivalSpace
    difference : Interval
        The intervention's value minus the other's; 95%, paired.
    p : float
        Of Wilcoxon's signed-rank test, corrected by Holm over all comparisons.
    """

    space: RivalSpace
    difference: Interval
    p: float

    @property
    def sign(self) -> int:
        """1 where the intervention finds more, -1 where it finds less, 0 where that may be chance."""
        return paired.sign(self.difference, self.p)


def intervention_of(spaces: RivalSpaces) -> RivalSpace:
    """The space of the intervention alone, at the plan's layer."""
    found = spaces.find(RAW.name, POST)
    assert found is not None  # it is always measured
    return found


def against_all(spaces: RivalSpaces, scope: str | None = None) -> tuple[SpaceComparison, ...]:
    """Compare the intervention with every other space, by top-1.

    Parameters
    ----------
    scope : str, optional
        A query language or `core.spaces.measured_space.ALL`; the target unless given.
    """
    intervention, at = intervention_of(spaces), scope or spaces.plan.target
    others = [space for space in spaces.spaces if space is not intervention]
    found = [difference(intervention.measured, other.measured, HEADLINE, at) for other in others]
    corrected = holm(np.array([p for _, p in found]))
    return tuple(
        SpaceComparison(other, interval, float(p))
        for other, (interval, _), p in zip(others, found, corrected, strict=True)
    )


def contenders(spaces: RivalSpaces, *, in_class: bool = False) -> tuple[RivalSpace, ...]:
    """The space of each free rival, at the layer that was chosen for it on probe rows.

    The model as it is at the plan's layer is what an intervention starts from, and no rival.

    Parameters
    ----------
    in_class : bool
        Only those that need no more than an intervention when they are applied.
    """
    by_source = _method(spaces).by_source is not None
    return tuple(
        space
        for space in spaces.by_rival(PRE).values()
        if space.is_free and not _is_before(spaces, space)
        if not in_class or space.rival.needs_as_little(by_source)
    )


def best(spaces: RivalSpaces, *, in_class: bool = False, scope: str | None = None) -> RivalSpace | None:
    """The one of `contenders` that finds most on the evaluation rows; None if there is none."""
    at, free = scope or spaces.plan.target, contenders(spaces, in_class=in_class)
    # of equal ones, the one that needs less
    return max(free, key=lambda s: (round(s.measured.value(HEADLINE, at).value, 9), s.rival.in_class), default=None)


def verdict(spaces: RivalSpaces, against: Sequence[SpaceComparison] | None = None, *, brief: bool = False) -> str:
    """Say whether the intervention beats what is free, in a few sentences of Markdown, from the figures alone.

    Parameters
    ----------
    brief : bool
        Leave out what the intervention finds at other layers.
    """
    top = best(spaces)
    if top is None:
        return f"No free rival was measured, so that it is open what {who(spaces)} is worth."
    found = {id(row.space): row for row in (against_all(spaces) if against is None else against)}
    target, unit = label(spaces.plan.target), SPACE_MEASURES[HEADLINE].unit
    value = intervention_of(spaces).measured.value(HEADLINE, spaces.plan.target)
    where = f"from {target} at layer {spaces.plan.layer}"
    own = f"{unit.text(value.value)} of translations {where} {_ends(value)}, n = {value.n:,}"
    first, many = found[id(top)], len(contenders(spaces))
    which = f"the best of {many} free rivals on these rows" if many > 1 else "the one free rival that was measured"
    if spaces.plan.experiment.strength == 0:
        return (
            f"At **strength 0** there is no intervention: the model as it is finds {own}; **{described(top)}**, "
            f"{which}, finds {_figures(spaces, first)}."
        )
    text = (
        f"{_subject(spaces)} **{_verb(first)}** {which}: it finds {own}, and **{described(top)}** finds "
        f"{_figures(spaces, first)}."
    )
    text = f"{text} {_beside(spaces, top, best(spaces, in_class=True), found)}"
    text += ("" if brief else _elsewhere(spaces)) + _missing(spaces)
    learns = f" {who(spaces).capitalize()} learns from translations, which no free rival does."
    text += learns if _method(spaces).translations else ""
    least = fewest_pairs(len(found))
    if value.n >= least:
        return text
    which = f"With {counted(value.n, 'row')} and {counted(len(found), 'comparison')}"
    return f"{text} {which} no difference could show: that takes {least:,} rows at least."


def _beside(spaces: RivalSpaces, top: RivalSpace, fair: RivalSpace | None, found: dict[int, SpaceComparison]) -> str:
    """What the best free rival needs, and the best that needs no more than the intervention where it is another."""
    by_source, needs = _method(spaces).by_source is not None, top.rival.when_applied
    own = "no more than the language" if by_source else "nothing to be known of a sentence"
    it = who(spaces)
    if fair is None:
        return f"That needs {needs}; {it} needs {own}."
    if top is fair and by_source and top.rival.in_class:
        return f"That needs nothing to be known of a sentence; {it} needs its language."
    if top is fair:
        return f"Like {it}, that needs {needs if by_source else own}."
    second, many = found[id(fair)], len(contenders(spaces, in_class=True))
    also = "also " if _verb(found[id(top)]) == _verb(second) else ""
    which = f"the best of the {many} that need, like it," if many > 1 else "the only one that needs, like it,"
    return (
        f"That needs {needs}; {it} {also}**{_verb(second)}** {which} {own}: "
        f"**{described(fair)}**, with {_figures(spaces, second)}."
    )


def _elsewhere(spaces: RivalSpaces) -> str:
    """What the intervention finds at a layer that was measured and suits it better than the plan's."""
    at = spaces.plan.target
    own = intervention_of(spaces).measured.value(HEADLINE, at)
    others = [s for s in spaces.spaces if s.rival is RAW and s.space == POST and s.layer != spaces.plan.layer]
    top = max(others, key=lambda space: space.measured.value(HEADLINE, at).value, default=None)
    if top is None or (value := top.measured.value(HEADLINE, at)).value <= own.value:
        return ""
    which = f"the best of {len(others) + 1} measured layers on these rows"
    share = SPACE_MEASURES[HEADLINE].unit.text(value.value)
    return f" At layer {top.layer}, {which}, {who(spaces)} finds {share} {_ends(value)}."


def _ends(value: Interval) -> str:
    """The ends of a share's interval in per cent: ``[55.4, 62.1]``."""
    return f"[{100 * value.low:.1f}, {100 * value.high:.1f}]"


def _missing(spaces: RivalSpaces) -> str:
    """Free rivals that were asked for and could not be measured."""
    titles = [RIVALS[name].title.lower() for name in spaces.left_out if not RIVALS[name].supervised]
    return f" Not in all of these languages, and so not compared: {listed(titles)}." if titles else ""


def _subject(spaces: RivalSpaces) -> str:
    """What the verdict is about: a control stands in the place of the intervention."""
    control = CONTROLS[spaces.plan.experiment.control]
    return "The intervention" if control.draw is None else f"The control (the same on {control.title})"


def who(spaces: RivalSpaces) -> str:
    """What stands beside the free rivals, in words: the intervention, or the control in its place."""
    return "the intervention" if CONTROLS[spaces.plan.experiment.control].draw is None else "the control"


def _method(spaces: RivalSpaces) -> Method:
    return METHODS[spaces.plan.experiment.method]


_VERBS = {1: "beats", -1: "loses to"}


def _verb(row: SpaceComparison) -> str:
    """How the intervention stands to another space."""
    chance = "is level with" if paired.is_level(row.difference) else "cannot be told from"
    return _VERBS.get(row.sign, chance)


def described(space: RivalSpace) -> str:
    """A space in words: ``probe means and whitening at layer 11 of the unmodified model``."""
    what = "the space as it is" if space.rival is RAW else space.rival.title[0].lower() + space.rival.title[1:]
    where = "of the unmodified model" if space.space == PRE else "under the intervention"
    return f"{what} at layer {space.layer} {where}"


def _figures(spaces: RivalSpaces, row: SpaceComparison) -> str:
    """The other space's value, and how far it is from the intervention's: ``83%, 24.1 points more [21.0, 27.2]``."""
    value = row.space.measured.value(HEADLINE, spaces.plan.target).value
    low, high = sorted((abs(100 * row.difference.low), abs(100 * row.difference.high)))
    size, unit = 100 * abs(row.difference.value), SPACE_MEASURES[HEADLINE].unit
    if row.sign == 0:
        # subtracted from 0.0, so that no zero is written as -0.0
        change, least, most = (
            0.0 - 100 * end for end in (row.difference.value, row.difference.high, row.difference.low)
        )
        # one that its own interval would show, and not the test of so many
        p = "" if row.difference.low <= 0 <= row.difference.high else f", corrected p = {row.p:.2g}"
        return f"{unit.text(value)}, a difference of {change:+z.1f} points [{least:+z.1f}, {most:+z.1f}]{p}"
    return f"{unit.text(value)}, {size:.1f} points {'fewer' if row.sign > 0 else 'more'} [{low:.1f}, {high:.1f}]"


def _is_before(spaces: RivalSpaces, space: RivalSpace) -> bool:
    """Whether it is the unmodified space at the plan's layer, which the intervention starts from."""
    return (space.rival, space.space, space.layer) == (RAW, PRE, spaces.plan.layer)
