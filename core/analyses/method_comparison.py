"""Interventions under the same conditions: alignment, separation, transfer, language written, perplexity and cost.

All methods are measured on the same experts, sentences and prompts. Beside them stand the unmodified model, random
neurons, and the free maps that need as little: nothing of a sentence, or its language where a method goes by it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from core.analyses import rival_spaces, rival_table, steering, transfer, transfer_table
from core.analyses.rival_spaces import POST, PRE, RivalSpaces
from core.analyses.steering import Condition, SteeringSettings
from core.analyses.text_perplexity import perplexity_ratio
from core.errors import AskError, SettingError
from core.experiment.settings import Experiment
from core.inference.batching import TokenisedSentences
from core.inference.forward import forward
from core.neurons.interventions import Intervention
from core.neurons.methods import METHODS
from core.pipeline.engine import Ask
from core.pipeline.run import Run
from core.spaces.rivals import RAW, RIVALS
from core.stats.intervals import NOTHING, Interval, finite
from core.stats.units import SHARE, TIMES, Unit

TEXTS = 20  # sentences of the target whose perplexity is measured
_TOKENS = 24  # of an answer
_TIMED = 24  # sentences that are passed to see what a method costs
_PASSES = 3


@dataclass(frozen=True)
class Figure:
    """One figure of a method, as tables describe it.

    Attributes
    ----------
    name, title, about : str
    unit : Unit
    higher_is_better : bool
    by_construction : str
        Why free maps are not compared by it, a sentence; empty where they are.
    """

    name: str
    title: str
    about: str
    unit: Unit
    higher_is_better: bool
    by_construction: str = ""


FIGURES = {
    figure.name: figure
    for figure in (
        Figure("top1_target", "top-1, target", "translations found, the target as the query", SHARE, True),
        Figure("top1_all", "top-1, all", "translations found, over all pairs", SHARE, True),
        Figure("mexa_all", "MEXA", "translations that are each other's nearest in both directions", SHARE, True),
        Figure(
            "language_id",
            "language id",
            "how often a linear probe still tells the language",
            SHARE,
            False,
            "Free maps that take out each language's mean are at chance by construction: the linear probe is fitted on "
            "the rows that they are fitted on.",
        ),
        Figure("transfer", "transfer", "accuracy of a classifier trained on one language, on the others", SHARE, True),
        Figure("lines", "lines in the target", "of answers to prompts in other languages", SHARE, True),
        Figure("perplexity", "perplexity", "of sentences in the target, × the unmodified model's", TIMES, False),
        Figure("time", "time", "of a pass, × the unmodified model's", TIMES, False),
    )
}
"""What is measured of each method. All are ranked but the time, which is this machine's at that moment."""
RANKED = tuple(name for name in FIGURES if name != "time")


@dataclass(frozen=True)
class Row:
    """What was measured under one condition.

    Attributes
    ----------
    condition : str
        A method's name, or `steering.UNMODIFIED`, `steering.RANDOM`, or a free map's.
    kind : {"unmodified", "free", "method", "random"}
    figures : mapping of str to Interval
        By name in `FIGURES`; missing where it cannot be measured.
    numbers : int
        How many numbers the intervention keeps, beside the neurons' indices.
    """

    condition: str
    title: str
    kind: str
    figures: Mapping[str, Interval]
    numbers: int = 0


@dataclass(frozen=True)
class Part:
    """One part of a comparison, answered by itself.

    Attributes
    ----------
    condition : Condition
        A method's, the unmodified model's (with which the free maps come), or that of random neurons.
    experiment : Experiment
    question : callable
        Gives its rows, from a run of the experiment.
    """

    condition: Condition
    experiment: Experiment
    question: Callable[[Run], list[Row]]


def writing(experiment: Experiment, languages: Sequence[str] | None = None, first: int | None = 2) -> SteeringSettings:
    """What methods are asked to write: the first prompts in some languages, or in all."""
    return SteeringSettings(steering.default_prompts(languages, first), tokens=_TOKENS, seed=experiment.seed)


def parts(
    experiment: Experiment,
    methods: Iterable[str],
    asked: SteeringSettings | None = None,
    timed: bool = True,
    labelled: Callable[[Experiment], Experiment] | None = None,
) -> list[Part]:
    """List the parts of a comparison, the unmodified model's first; parameters and errors are those of `compare`."""
    names = tuple(methods)
    if not names:
        raise SettingError("a comparison of no method", "there is nothing to compare", "Name one: --methods set-mean.")
    text = asked or writing(experiment)
    found: list[Part] = []
    by_source = any(METHODS[name].by_source for name in names if name in METHODS)
    for condition in steering.conditions(experiment, names):
        if condition.name == steering.UNMODIFIED:
            # At strength 0 no space but its own is embedded, whatever the method.
            plain = replace(experiment, method=Experiment.method, strength=0.0)
            free = tuple(rival.name for rival in RIVALS.values() if rival.needs_as_little(by_source))
            unmodified = partial(
                _unmodified, condition=condition, writing=text, free=free, timed=timed, task=labelled is None
            )
            found.append(Part(condition, plain, unmodified))
            if labelled is not None:
                found.append(Part(condition, labelled(plain), partial(_task_alone, condition=condition, free=free)))
        elif condition.asks:
            continue  # it changes no space: `core.analyses.steering` has it
        else:
            method = partial(_method, condition=condition, writing=text, timed=timed, task=labelled is None)
            found.append(Part(condition, condition.experiment, method))
            if labelled is not None:
                found.append(Part(condition, labelled(condition.experiment), partial(_task_alone, condition=condition)))
    return found


def compare(
    ask: Ask,
    experiment: Experiment,
    methods: Iterable[str],
    asked: SteeringSettings | None = None,
    timed: bool = True,
    labelled: Callable[[Experiment], Experiment] | None = None,
) -> list[Row]:
    """Measure methods, one after another, each with everything else as in the experiment.

    Parameters
    ----------
    asked : SteeringSettings, optional
        What is written; `writing` unless given.
    timed : bool
        Whether passes are timed, which the store does not keep.
    labelled : callable, optional
        Gives the setting on other sentences, with labels, on which transfer is measured; on the experiment's own, if
        they have labels, unless given.

    Raises
    ------
    AskError
        If a method is not known, or the experiment is impossible.
    """
    rows: dict[tuple[str, str], Row] = {}
    for part in parts(experiment, methods, asked, timed, labelled):
        for row in ask(part.experiment, part.question):
            key = row.kind, row.condition
            known = rows.get(key, row)
            rows[key] = replace(known, figures={**known.figures, **row.figures})
    return list(rows.values())


def _unmodified(
    run: Run, condition: Condition, writing: SteeringSettings, free: Sequence[str], timed: bool, task: bool
) -> list[Row]:
    """The unmodified model, and free maps of its space."""
    spaces = rival_spaces.compare(run, free, ("mexa", "language_id"), (run.plan.layer,))
    own = _task(run, PRE, None) if task else {}
    tasks = {name: _task(run, PRE, name) if task else {} for name in free}
    figures = {**_of_space(spaces, PRE), **own, **_written(run, condition, writing)}
    compared = (("perplexity", run.plan.outline.generates), ("time", timed))
    figures |= {name: Interval(1.0, math.nan, math.nan, 0) for name, measured in compared if measured}
    measured = [name for name in free if spaces.find(name, PRE) is not None]
    return [
        Row(condition.name, condition.title, _kind(condition), figures),
        *(_free_row(name, _of_space(spaces, PRE, name) | tasks[name]) for name in measured),
    ]


def _task_alone(run: Run, condition: Condition, free: Sequence[str] = ()) -> list[Row]:
    """Transfer alone, on sentences that nothing else is measured on."""
    side = PRE if condition.name == steering.UNMODIFIED else POST
    own = Row(condition.name, condition.title, _kind(condition), _task(run, side, None))
    return [own, *(_free_row(name, _task(run, side, name)) for name in free)]


def _kind(condition: Condition) -> str:
    return {steering.UNMODIFIED: "unmodified", steering.RANDOM: "random"}.get(condition.name, "method")


def _free_row(rival: str, figures: Mapping[str, Interval]) -> Row:
    return Row(rival, f"free: {RIVALS[rival].title.lower()}{_needs(rival)}", "free", figures)


def _needs(rival: str) -> str:
    return "" if RIVALS[rival].in_class else f" (needs {RIVALS[rival].when_applied})"


def _method(run: Run, condition: Condition, writing: SteeringSettings, timed: bool, task: bool) -> list[Row]:
    spaces = rival_spaces.compare(run, (), ("mexa", "language_id"), (run.plan.layer,))
    intervention = run.stages.intervention(run.experts())
    figures = {
        **_of_space(spaces, POST),
        **(_task(run, POST, None) if task else {}),
        **_written(run, condition, writing),
        **_perplexity(run, intervention),
        **({"time": _time(run, intervention)} if timed else {}),
    }
    return [Row(condition.name, condition.title, _kind(condition), figures, numbers_of(intervention))]


def _of_space(spaces: RivalSpaces, side: str, rival: str = RAW.name) -> dict[str, Interval]:
    found = spaces.find(rival, side)
    values = rival_table.measures_of(found, spaces.plan.target) if found is not None else {}
    return {name: values[name] for name in FIGURES if name in values}


def _task(run: Run, side: str, rival: str | None) -> dict[str, Interval]:
    """Accuracy of a classifier trained on English (on the target, where there is no English); none without labels."""
    train = "en" if "en" in run.plan.languages else run.plan.target
    asked = transfer.Settings((train,), None, (rival,) if rival else ())
    try:
        found = transfer.transfer(run, asked)
    except SettingError:
        return {}
    mean = transfer_table.mean_of(found, train, transfer.Space(side, run.plan.layer, rival))
    return {} if mean is None else {"transfer": mean}


def _written(run: Run, condition: Condition, writing: SteeringSettings) -> dict[str, Interval]:
    """Share of lines in the target language; none where the model writes no text."""
    prompts = tuple(prompt for prompt in writing.prompts if prompt.language != run.plan.target)
    try:
        found = steering.answers(run, condition, replace(writing, prompts=prompts))
    except AskError:
        return {}
    return {"lines": steering.measured(found, range(len(prompts)))["lines"]}


def _perplexity(run: Run, intervention: Intervention) -> dict[str, Interval]:
    """How much worse sentences in the target are predicted, as a ratio of perplexities; paired over sentences."""
    group = next(group for group in run.plan.groups if run.plan.target in group.languages)
    texts = group.texts[run.plan.target][:TEXTS]
    try:
        return {"perplexity": perplexity_ratio(run, texts, intervention)}
    except AskError:
        return {}


def _time(run: Run, intervention: Intervention) -> Interval:
    """Time of a pass under the intervention over that of the unmodified model; the fastest of a few, in turns."""
    model, rows = run.model(), run.plan.groups[0]
    some = max(1, _TIMED // len(rows.languages))
    tokens = TokenisedSentences.joined([run.stages.tokens(rows.texts[code][:some], code) for code in rows.languages])
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(_PASSES):
        for changed in seconds:
            start = time.perf_counter()
            forward(
                model, tokens, embeddings=True, intervention=intervention if changed else None,
                neurons=run.plan.outline.neurons, encoding=run.plan.encoding,
            )  # fmt: skip
            seconds[changed].append(time.perf_counter() - start)
    return Interval(min(seconds[True]) / min(seconds[False]), math.nan, math.nan, _PASSES)


def numbers_of(intervention: Intervention) -> int:
    """Count the numbers that an intervention keeps for all languages: scales that are not 1, shifts, factors."""
    parts = intervention.sources.values() or (intervention,)
    return sum(
        int((part.scale != 1).sum() + (part.shift != 0).sum() + sum(factor.size for factor in part.factors or ()))
        for part in parts
    )


def ranks(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Rank the methods by each of `RANKED`, 1 the best, equal values sharing a rank; and ``mean`` over these.

    A method without a figure that another has, or of one that is not finite, shares the last rank with its like: it
    wrote no line to count, or predicts nothing any more. By a figure that none has there is no rank. The unmodified
    model, free maps and random neurons are not ranked.
    """
    methods = [row for row in rows if row.kind == "method"]
    found: dict[str, dict[str, float]] = {row.condition: {} for row in methods}
    for name in RANKED:
        values = [row.figures.get(name, NOTHING).value for row in methods]
        if not any(map(math.isfinite, values)):
            continue
        sign = -1.0 if FIGURES[name].higher_is_better else 1.0
        worth = [sign * value if math.isfinite(value) else math.inf for value in values]
        for row, rank in zip(methods, rankdata(worth), strict=True):
            found[row.condition][name] = float(rank)
    return {name: by | {"mean": float(np.mean(list(by.values())))} if by else {} for name, by in found.items()}


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """List every condition.

    Returns
    -------
    DataFrame
        ``condition, title, kind, numbers``; each of `FIGURES` with ``_low``, ``_high``, ``_n`` and, of a method,
        ``_rank``; ``mean_rank``. NaN where it was not measured.
    """
    ranked = ranks(rows)
    records = []
    for row in rows:
        record: dict[str, Any] = {"condition": row.condition, "title": row.title, "kind": row.kind}
        record["numbers"] = row.numbers
        by = ranked.get(row.condition, {}) if row.kind == "method" else {}
        for name in FIGURES:
            figure = row.figures.get(name, NOTHING)
            record |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
            record |= {f"{name}_n": figure.n, f"{name}_rank": by.get(name, math.nan)}
        records.append(record | {"mean_rank": by.get("mean", math.nan)})
    return pd.DataFrame(records)


def to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The table as JSON values; None where nothing was measured."""
    return [
        {str(key): finite(value) if isinstance(value, float) else value for key, value in record.items()}
        for record in table(rows).to_dict("records")
    ]
