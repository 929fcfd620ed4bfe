"""Figures of zero-shot transfer: accuracies, means over languages, gains, bounds, and what to take from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.analyses.transfer import Space, Transfer
from core.language.codes import describe
from core.spaces.rivals import RAW, RIVALS, Rival
from core.stats import paired
from core.stats.intervals import Interval, bootstrap, share_of, wilson
from core.stats.significance import holm, mcnemar
from core.stats.units import listed


def table(found: Transfer) -> pd.DataFrame:
    """Tabulate the accuracy of every training language, language tested on and space.

    Returns
    -------
    DataFrame
        ``train, test, space, layer, rival, n, accuracy, low, high, gain, p, p_holm``: Wilson's 95% interval; the gain
        over the unmodified space as it is, at the same layer, with McNemar's exact p, adjusted by Holm among the
        languages tested on of one training language and space. The last three are NaN for that space itself.
    """
    rows = []
    for (train, space), hits in found.hits.items():
        before = found.hits[train, _unmodified(space)]
        is_before = space == _unmodified(space)
        p = np.array([np.nan if is_before else mcnemar(before[code], right) for code, right in hits.items()])
        p_holm = p if is_before else holm(p)
        for number, (code, right) in enumerate(hits.items()):
            accuracy = right.mean()
            rows.append(
                {"train": train, "test": code, "space": space.side, "layer": space.layer, "rival": space.rival}
                | {"n": len(right), "accuracy": float(accuracy)}
                | {"gain": np.nan if is_before else float(accuracy - before[code].mean())}
                | {"p": p[number], "p_holm": p_holm[number]}
            )
    frame = _frame(rows)
    low, high = wilson(frame["accuracy"].to_numpy(), frame["n"].to_numpy())
    frame.insert(7, "low", low)
    frame.insert(8, "high", high)
    return frame


def means(found: Transfer) -> pd.DataFrame:
    """Tabulate the mean accuracy over the languages tested on other than the one trained on.

    Returns
    -------
    DataFrame
        ``train, space, layer, rival, languages, n, accuracy, low, high, gain, gain_low, gain_high``: percentile
        bootstraps over rows, whose languages are drawn together; the gain over the unmodified space as it is, at the
        same layer, over the same languages, both sides drawn together.
    """
    rows = []
    for train, space in found.hits:
        accuracy = mean_of(found, train, space)
        if accuracy is None:
            continue
        gain = difference(found, train, space, _unmodified(space))
        rows.append(
            {"train": train, "space": space.side, "layer": space.layer, "rival": space.rival}
            | {"languages": len(_others(found, train, space)), "n": accuracy.n}
            | {"accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high}
            | {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
        )
    return _frame(rows)


def mean_of(found: Transfer, train: str, space: Space) -> Interval | None:
    """Mean accuracy over the other languages in one space; None where there is no other.

    None as well where nothing was trained, since a rival by language cannot map the rows to train on.
    """
    others = _others(found, train, space) if (train, space) in found.hits else []
    if not others:
        return None
    hits = found.hits[train, space]
    return share_of(np.mean([hits[code] for code in others], axis=0), seed=found.seed)


def difference(found: Transfer, train: str, space: Space, other: Space) -> Interval:
    """By how much the mean accuracy over the languages that both spaces have is higher in one than in the other."""
    one, two = found.hits[train, space], found.hits[train, other]
    codes = [code for code in one if code in two and code != train]
    change = np.mean([one[code].astype(np.float64) - two[code] for code in codes], axis=0)
    return bootstrap(change, seed=found.seed)


def majority(found: Transfer) -> Interval:
    """Accuracy of giving every row the most frequent class of the training rows, with Wilson's interval."""
    right = found.task.majority_hits
    low, high = wilson(np.array([right.mean()]), len(right))
    return Interval(float(right.mean()), float(low[0]), float(high[0]), len(right))


def within(found: Transfer, language: str, space: Space) -> Interval | None:
    """Accuracy of training and testing on one language; None if it was not trained on in that space."""
    right = found.hits.get((language, space), {}).get(language)
    if right is None:
        return None
    low, high = wilson(np.array([right.mean()]), len(right))
    return Interval(float(right.mean()), float(low[0]), float(high[0]), len(right))


@dataclass(frozen=True)
class FreeMap:
    """A free map of the unmodified model beside the intervention.

    Attributes
    ----------
    space : Space
        Of the unmodified model: mapped by a rival, or as it is at another layer.
    mean : Interval
        Its mean accuracy.
    lead : Interval
        By how much that is above the intervention; paired.
    p : float
        Of Wilcoxon's signed ranks, corrected by Holm over all free maps.
    """

    space: Space
    mean: Interval
    lead: Interval
    p: float

    @property
    def rival(self) -> Rival:
        """What maps the space."""
        return _rival(self.space)

    @property
    def sign(self) -> int:
        """1 where it is right more often than the intervention, -1 less often, 0 where that may be chance."""
        return paired.sign(self.lead, self.p)


@dataclass(frozen=True)
class Lesson:
    """What one training language and layer say.

    Attributes
    ----------
    train : str
    layer : int
    n, languages : int
        Rows a language, and how many languages beside the one trained on.
    before, after : Interval
        Mean accuracies over these languages.
    gain : Interval
        Of the intervention.
    best : FreeMap or None
        The free map of the highest mean accuracy on these rows; None where none was measured.
    of : int
        The number of free maps that it is the best of.
    fair : FreeMap or None
        The best that needs as little as the intervention, where it is another one and was measured.
    of_fair : int
        The number that this is the best of.
    same_layer : bool
        Whether all free maps are at the lesson's layer.
    left_out : tuple of str
        Titles of free maps that were not measured in all of these languages: no mean of theirs stands beside.
    """

    train: str
    layer: int
    n: int
    languages: int
    before: Interval
    after: Interval
    gain: Interval
    best: FreeMap | None = None
    of: int = 0
    fair: FreeMap | None = None
    of_fair: int = 0
    same_layer: bool = True
    left_out: tuple[str, ...] = ()


def lesson(found: Transfer, train: str, layer: int) -> Lesson | None:
    """Put the intervention at one layer beside every free map that was measured, at this layer or another.

    None where there is no other language.
    """
    pre, post = Space("pre", layer), Space("post", layer)
    before, after = (mean_of(found, train, space) for space in (pre, post))
    if before is None or after is None:
        return None
    gain, languages = difference(found, train, post, pre), len(_others(found, train, pre))
    fewer = tuple(
        dict.fromkeys(_rival(space).title.lower() for space in _free_spaces(found, train, layer, whole=False))
    )
    said = Lesson(train, layer, before.n, languages, before, after, gain, left_out=fewer)
    free = _free_maps(found, train, layer)
    if not free:
        return said
    best = max(free, key=lambda one: one.mean.value)
    as_little = [one for one in free if one.rival.needs_as_little(found.by_source)]
    fair = max(as_little, key=lambda one: one.mean.value, default=best)
    return replace(
        said,
        best=best,
        of=len(free),
        fair=None if fair is best else fair,
        of_fair=len(as_little),
        same_layer=all(one.space.layer == layer for one in free),
    )


def _free_spaces(found: Transfer, train: str, layer: int, *, whole: bool) -> list[Space]:
    """Free maps of the unmodified model, of all languages that the model as it is was measured on, or of fewer."""
    others = _others(found, train, Space("pre", layer))
    return [
        space
        for space in found.spaces
        if space.side == "pre" and space != Space("pre", layer) and not _rival(space).supervised
        if ((train, space) in found.hits and _others(found, train, space) == others) == whole
    ]


def _free_maps(found: Transfer, train: str, layer: int) -> list[FreeMap]:
    """All free maps of the unmodified model, each tested against the intervention at one layer, corrected together."""
    post, others = Space("post", layer), _others(found, train, Space("pre", layer))
    spaces = _free_spaces(found, train, layer, whole=True)

    def share(space: Space) -> np.ndarray:
        """In how many of the languages a row is right."""
        hits: np.ndarray = np.mean([found.hits[train, space][code] for code in others], axis=0)
        return hits

    means = [mean_of(found, train, space) for space in spaces]
    leads = [paired.difference([(1.0, share(space))], [(1.0, share(post))]) for space in spaces]
    corrected = holm(np.array([p for _, p in leads]))
    return [
        FreeMap(space, mean, lead, float(p))
        for space, mean, (lead, _), p in zip(spaces, means, leads, corrected, strict=True)
        if mean is not None
    ]


def sentence(said: Lesson) -> str:
    """Say in words what to take from it; every part is derived from a figure and its interval."""
    where = f"{said.languages} other languages" if said.languages > 1 else "another language"
    begin = (
        f"A classifier trained on {describe(said.train).english} is right for {_percent(said.before)} of the sentences "
        f"in {where} (n = {said.n:,} a language, layer {said.layer})"
    )
    if said.gain.low <= 0 <= said.gain.high:
        change = (
            f"under the intervention for {_percent(said.after)}, a change that may be chance ({_points(said.gain)})"
        )
    else:
        verb = "raises" if said.gain.value > 0 else "lowers"
        change = f"the intervention {verb} that to {_percent(said.after)} ({_points(said.gain)})"
    text = f"{begin}; {change}."
    fewer = (
        f" Not measured in all of these languages, and so not compared: {listed(said.left_out)}."
        if said.left_out
        else ""
    )
    if said.best is None:
        return f"{text}{fewer}"
    rival, at = said.best.rival, " at the same layer" if said.same_layer else ""
    needs = "" if rival.in_class else f", needs {rival.when_applied}"
    free = f"{_named(said.best, said)} (free{needs}{_chosen(said.of)}) reaches {_percent(said.best.mean)}"
    text = f"{text} Without any intervention{at}, {free}: {_outcome(said.best, said.of)}."
    if said.fair is None:
        return f"{text}{fewer}"
    fair = f"{_named(said.fair, said)}{_chosen(said.of_fair, ' (', ')')} reaches {_percent(said.fair.mean)}"
    return f"{text} Of what needs no more than the intervention, {fair}: {_outcome(said.fair, said.of)}.{fewer}"


def _rival(space: Space) -> Rival:
    return RAW if space.rival is None else RIVALS[space.rival]


def _named(one: FreeMap, said: Lesson) -> str:
    """A free map in words, with its layer where they differ: ``own means at layer 11``."""
    name = "the model as it is" if one.rival is RAW else one.rival.title.lower()
    return name if said.same_layer else f"{name} at layer {one.space.layer}"


def _chosen(of: int, begin: str = "; ", end: str = "") -> str:
    """Say that a map was picked on the rows that it is measured on."""
    return f"{begin}best of {of} on these rows{end}" if of > 1 else ""


def _outcome(one: FreeMap, of: int) -> str:
    """Say which of a free map and the intervention is better, from the lead of the map and its corrected p."""
    p = f"{'corrected ' if of > 1 else ''}p {'< 0.001' if one.p < 0.001 else f'= {one.p:.2g}'}"
    if one.sign > 0:
        return f"better by {_points(one.lead, sign=False)}, {p}"
    if one.sign < 0:
        return f"the intervention is better by {_points(_negative(one.lead), sign=False)}, {p}"
    return f"neither is better than the other beyond chance ({_points(one.lead)}, {p})"


def to_json(found: Transfer) -> dict[str, Any]:
    """The figures as the command line writes them."""
    return {
        "task": {
            "classes": list(found.task.classes),
            "trained_on": f"{found.task.n_train:,} probe rows of one language",
            "n_train": found.task.n_train,
            "n_test": found.task.n_test,
        },
        "majority": {"class": found.task.majority, **vars(majority(found))},
        "within": [
            {"train": train, "space": space.side, "layer": space.layer, "rival": space.rival, **vars(accuracy)}
            for train, space in found.hits
            if (accuracy := within(found, train, space))
        ],
        "transfer": _records(table(found)),
        "means": _records(means(found)),
        "lessons": [
            sentence(said)
            for train in found.train_languages
            for layer in dict.fromkeys(space.layer for space in found.spaces)
            if (said := lesson(found, train, layer))
        ],
        "notes": list(found.notes),
    }


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table whose rival is None where there is none: pandas would write NaN."""
    frame = pd.DataFrame(rows)
    return frame.assign(rival=pd.Series([row["rival"] for row in rows], dtype=object)) if rows else frame


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records: Sequence[dict[Any, Any]] = frame.to_dict("records")
    return [{str(k): None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()} for row in records]


def _unmodified(space: Space) -> Space:
    return Space("pre", space.layer)


def _others(found: Transfer, train: str, space: Space) -> list[str]:
    """The languages tested on in a space, without the one trained on."""
    return [code for code in found.hits[train, space] if code != train]


def _negative(interval: Interval) -> Interval:
    return Interval(-interval.value, -interval.high, -interval.low, interval.n)


def _percent(share: Interval) -> str:
    return f"{share.value:.1%}"


def _points(change: Interval, sign: bool = True) -> str:
    plus = "+" if sign else ""
    value, low, high = (f"{100 * end:{plus}.1f}" for end in (change.value, change.low, change.high))
    return f"{value} points, 95% interval {low} to {high}"
