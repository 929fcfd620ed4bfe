"""Figures of zero-shot transfer: accuracies, means over languages, gains, bounds, and what to take from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.analyses.transfer import Space, Transfer
from core.language.codes import describe
from core.spaces.rivals import RIVALS
from core.stats.intervals import Interval, bootstrap, wilson
from core.stats.significance import holm, mcnemar


def table(found: Transfer) -> pd.DataFrame:
    """Tabulate the accuracy of every training language, language tested on and space.

    Returns
    -------
    DataFrame
        ``train, test, space, layer, rival, n, accuracy, low, high, gain, p, p_holm``: Wilson's 95 % interval; the gain
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
    return bootstrap(np.mean([hits[code] for code in others], axis=0), seed=found.seed)


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
    """A free rival beside the intervention.

    Attributes
    ----------
    rival : str
        Its name in `core.spaces.rivals.RIVALS`.
    mean : Interval
        Its mean accuracy on the unmodified model.
    lead : Interval
        By how much that is above the intervention.
    """

    rival: str
    mean: Interval
    lead: Interval


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
        The free rival of the highest mean accuracy; None where none was measured.
    of : int
        The number of free rivals that it is the best of, on these rows.
    fair : FreeMap or None
        The best rival that needs as little as the intervention, where it is another one and was measured.
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


def lesson(found: Transfer, train: str, layer: int) -> Lesson | None:
    """Put the intervention beside the best free rival at one layer; None where there is no other language."""
    pre, post = Space("pre", layer), Space("post", layer)
    before, after = (mean_of(found, train, space) for space in (pre, post))
    if before is None or after is None:
        return None
    said = Lesson(
        train, layer, before.n, len(_others(found, train, pre)), before, after, difference(found, train, post, pre)
    )
    free = {
        space.rival: mean
        for space in found.spaces
        if space.rival and space.side == "pre" and space.layer == layer and not RIVALS[space.rival].supervised
        if (train, space) in found.hits and len(_others(found, train, space)) == said.languages
        if (mean := mean_of(found, train, space)) is not None
    }
    if not free:
        return said

    def beside(name: str) -> FreeMap:
        return FreeMap(name, free[name], difference(found, train, Space("pre", layer, name), post))

    best = max(free, key=lambda name: free[name].value)
    as_little = (name for name in free if RIVALS[name].needs_as_little(found.by_source))
    fair = max(as_little, key=lambda name: free[name].value, default=best)
    return replace(said, best=beside(best), of=len(free), fair=beside(fair) if fair != best else None)


def sentence(said: Lesson) -> str:
    """Say in words what to take from it; every part is derived from a figure and its interval."""
    where = f"{said.languages} other languages" if said.languages > 1 else "another language"
    begin = (
        f"A classifier trained on {describe(said.train).english} is right for {_percent(said.before)} of the sentences "
        f"in {where} (n = {said.n:,} a language, layer {said.layer})"
    )
    if said.gain.low <= 0 <= said.gain.high:
        change = (
            f"under the intervention for {_percent(said.after)}, a change no larger than chance ({_points(said.gain)})"
        )
    else:
        verb = "raises" if said.gain.value > 0 else "lowers"
        change = f"the intervention {verb} that to {_percent(said.after)} ({_points(said.gain)})"
    text = f"{begin}; {change}."
    if said.best is None:
        return text
    rival = RIVALS[said.best.rival]
    needs = "" if rival.in_class else f", needs {rival.when_applied}"
    chosen = f"; best of {said.of} on these rows" if said.of > 1 else ""
    free = f"Without any intervention, {rival.title.lower()} (free{needs}{chosen}) reaches {_percent(said.best.mean)}"
    text = f"{text} {free}: {_outcome(said.best.lead)}."
    if said.fair is None:
        return text
    fair = f"{RIVALS[said.fair.rival].title.lower()} reaches {_percent(said.fair.mean)}"
    return f"{text} Of what needs no more than the intervention, {fair}: {_outcome(said.fair.lead)}."


def _outcome(lead: Interval) -> str:
    """Say which of a free map and the intervention is better, from the lead of the map."""
    if lead.low > 0:
        return f"better by {_points(lead, sign=False)}"
    if lead.high < 0:
        return f"the intervention is better by {_points(_negative(lead), sign=False)}"
    return f"neither is better than the other beyond chance ({_points(lead)})"


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
    return f"{value} points, 95 % interval {low} to {high}"
