"""The result of the command ``transfer``: as JSON and as lines of text."""

from __future__ import annotations

from typing import Any

from core.analyses import transfer_table
from core.analyses.profit import KINDS, Profit, sentence, unknown
from core.analyses.transfer import Space, Transfer
from core.experiment.plan import Plan
from core.experiment.title import in_words
from core.language.codes import describe
from core.spaces.rivals import RIVALS
from core.stats.intervals import Interval


def to_json(plan: Plan, found: Transfer, gains: Profit | None = None) -> dict[str, Any]:
    """Every figure, with the experiment's settings; ``profit`` where it is asked for."""
    report = transfer_table.to_json(found)
    notes = dict.fromkeys((*plan.notes, *report["notes"], *_unknown(gains)))
    asked = {} if gains is None else {"profit": gains.to_json()}
    return {"experiment": plan.describe(), **report, **asked, "notes": list(notes)}


def summary(plan: Plan, found: Transfer, gains: Profit | None = None) -> str:
    """Means by training language and space, every language's accuracy, what to take from it, and who profits."""
    experiment, task = plan.experiment, found.task
    rows = f"trained on {task.n_train:,} rows of one language, tested on {task.n_test:,} of each"
    lines = [
        "",
        f"{in_words(experiment, ('method', 'model', 'corpus'))}, {experiment.method}, {experiment.model}, "
        f"{experiment.corpus}",
        f"  {len(task.classes)} classes; {rows}",
        f"  most frequent class ({task.majority}): {_interval(transfer_table.majority(found))}",
    ]
    means = transfer_table.means(found).to_dict("records")
    for train in found.train_languages:
        lines += ["", f"  trained on {describe(train).english}, mean over the other languages"]
        lines += [_line(row) for row in means if row["train"] == train]
        lines += ["", *_by_language(found, train)]
        lines += [
            f"  {transfer_table.sentence(said)}"
            for layer in dict.fromkeys(space.layer for space in found.spaces)
            if (said := transfer_table.lesson(found, train, layer))
        ]
    lines += [] if gains is None else _profit(gains)
    return "\n".join([*lines, *(f"  note: {note}" for note in (*plan.notes, *found.notes, *_unknown(gains)))])


def _profit(gains: Profit) -> list[str]:
    """What the gains go with, a sentence a kind, source and likeness."""
    lines = []
    for (kind, source), rows in gains.correlations.groupby(["kind", "source"], sort=False):
        lines += ["", f"  which languages profit in {KINDS[str(kind)]} from {describe(str(source)).english}"]
        lines += [f"    {sentence(row).replace('**', '')}" for row in rows.to_dict("records")]
    return lines


def _unknown(gains: Profit | None) -> tuple[str, ...]:
    said = "" if gains is None else unknown(gains.points)
    return (said,) if said else ()


def _line(row: dict[Any, Any]) -> str:
    space = Space(row["space"], row["layer"], row["rival"])
    spread = f"({row['low']:.3f} to {row['high']:.3f})"
    is_before = space.side == "pre" and space.rival is None
    gain = "" if is_before else f"  {row['gain']:+.3f} ({row['gain_low']:+.3f} to {row['gain_high']:+.3f})"
    return f"    {_named(space):<44} {row['accuracy']:.3f} {spread}{gain}"


def _by_language(found: Transfer, train: str) -> list[str]:
    """Accuracy of every language tested on, at the first layer: before, after and centred."""
    layer = found.spaces[0].layer
    shown = [space for space in found.spaces if space.layer == layer and (train, space) in found.hits][:3]
    rows = [f"  {'tested on':<14}" + "".join(f"{_short(space):>16}" for space in shown) + f"{'n':>7}"]
    for code, right in found.hits[train, shown[0]].items():
        cells = [found.hits[train, space].get(code) for space in shown]
        figures = "".join(f"{'':>16}" if cell is None else f"{cell.mean():>16.3f}" for cell in cells)
        rows.append(f"    {code:<12}{figures}{len(right):>7}")
    return [*rows, ""]


def _named(space: Space) -> str:
    free = "" if space.rival is None else f", {RIVALS[space.rival].title.lower()}"
    return f"layer {space.layer} {space.side}{free}"


def _short(space: Space) -> str:
    return space.side if space.rival is None else f"{space.side} {space.rival}"


def _interval(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f}), n = {interval.n:,}"
