"""The best setting within a budget of time: successive halving on probe rows that found no neuron.

The probe rows are halved: the first half finds the neurons, the second judges the settings, more of its rows in each
round, in which the better third goes on. The evaluation rows are seen by the last setting alone.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from core import serialisation
from core.analyses.text_perplexity import perplexity_ratio
from core.corpora.corpus import ParallelSet
from core.corpora.load import load_corpus
from core.errors import AskError, SettingError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.neurons.interventions import Intervention
from core.pipeline.engine import Ask
from core.pipeline.run import Run
from core.spaces import retrieval
from core.stats import paired
from core.stats.intervals import Interval, share_of
from core.store.artefact import Payload
from core.store.stage import STAGES
from core.store.store import Store

CHOSEN = ("method", "score", "experts", "strength", "expert_layers")
"""Settings that a search chooses."""
KEPT = 3  # one in so many goes on to the next round
FIRST_ROWS = 16
TEXTS, TEXTS_AT_LAST = 8, 32
"""Sentences of the target whose perplexity is measured: of each setting, and of the best one."""
SCOPES = {"target": "with the target as the query", "all": "over all pairs of languages"}
"""What may be maximised: top-1."""


@dataclass(frozen=True)
class Choices:
    """What may be chosen.

    Attributes
    ----------
    methods, scores : tuple of str
    experts : tuple of int
    strengths : tuple of float
    expert_layers : tuple of (str or None)
        Blocks, as ``6-11``; None for all.
    """

    methods: tuple[str, ...] = ("set-mean",)
    scores: tuple[str, ...] = ("auroc",)
    experts: tuple[int, ...] = (200, 500, 1000, 2000, 4000)
    strengths: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    expert_layers: tuple[str | None, ...] = (None,)

    @classmethod
    def around(cls, experiment: Experiment, named: Container[str]) -> Choices:
        """What is usual: the experiment's method, score and blocks, and its number and strength where they are named.

        Parameters
        ----------
        named : container of str
            Settings that are asked for by name, whose values are tried beside the usual ones.
        """
        usual = cls()
        experts = {*usual.experts, *([experiment.experts] if "experts" in named else [])}
        strengths = {*usual.strengths, *([experiment.strength] if "strength" in named else [])}
        return cls(
            (experiment.method,),
            (experiment.score,),
            tuple(sorted(experts)),
            tuple(sorted(strengths)),
            (experiment.expert_layers,),
        )

    def experiments(self, experiment: Experiment) -> list[Experiment]:
        """Every combination, each with everything else as in the experiment, in an order drawn by its seed."""
        experts = self.experts if experiment.k_counts else (experiment.experts,)
        everything = [
            replace(experiment, method=method, score=score, experts=k, strength=strength, expert_layers=layers)
            for method, score, k, strength, layers in itertools.product(
                self.methods, self.scores, experts, self.strengths, self.expert_layers
            )
        ]
        order = np.random.default_rng(experiment.seed).permutation(len(everything))
        return [everything[number] for number in order]


@dataclass(frozen=True)
class Limits:
    """What a setting must keep to.

    Attributes
    ----------
    minutes : float
        Of the search, without the last measure on the evaluation rows.
    scope : str
        A name in `SCOPES`.
    perplexity : float, optional
        The most that the perplexity of sentences in the target may be, as a multiple of the unmodified model's.
    """

    minutes: float
    scope: str = "target"
    perplexity: float | None = None


@dataclass(frozen=True)
class Tried:
    """One setting in one round.

    Attributes
    ----------
    experiment : Experiment
    round, rows : int
        The round, from 0, and the rows a language that it was judged on.
    top1 : Interval
    perplexity : float
        A multiple of the unmodified model's; NaN where it is not limited.
    fits : bool
        Whether the limit is kept.
    """

    experiment: Experiment
    round: int
    rows: int
    top1: Interval
    perplexity: float
    fits: bool


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    best : Experiment or None
        With all probe rows; None where no setting keeps to the limit.
    tried : tuple of Tried
    refused : tuple of (Experiment, str)
        Settings that are impossible, and why.
    offered : int
        How many settings there were to try.
    before, after : Interval or None
        Top-1 on the evaluation rows, which the search has not seen: of the unmodified model and of the best setting.
    perplexity : Interval or None
        Of the target's first evaluation sentences under the best setting, a multiple of the unmodified model's; None
        where it is not limited.
    """

    best: Experiment | None
    tried: tuple[Tried, ...]
    refused: tuple[tuple[Experiment, str], ...]
    offered: int
    before: Interval | None = None
    after: Interval | None = None
    perplexity: Interval | None = None


def search(
    ask: Ask,
    experiment: Experiment,
    choices: Choices,
    limits: Limits,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Find the setting with the highest top-1 on held-out probe rows, and measure it on the evaluation rows.

    The first round takes settings in random order until half of the time is gone, two at least; each further round the
    better third, on twice the rows, until one is left, all rows are used or the time is gone.

    Raises
    ------
    SettingError
        If the budget is no time, or there are too few probe rows to halve.

    References
    ----------
    Jamieson and Talwalkar (2016). Non-stochastic best arm identification and hyperparameter optimization. AISTATS.
    """
    _check(limits)
    _refuse_one_language(replace(experiment, experts=1))
    half = _half(replace(experiment, experts=1))  # whatever k is, which is what is looked for
    left = choices.experiments(replace(experiment, probe_sentences=half))
    offered, begin, most = len(left), clock(), 60.0 * limits.minutes
    tried: list[Tried] = []
    refused: list[tuple[Experiment, str]] = []
    number, rows = 0, min(FIRST_ROWS, half)
    while left:
        until = begin + (most / 2 if number == 0 else most)
        judged: list[Tried] = []
        for candidate in left:
            if clock() > until and len(judged) >= (2 if number == 0 else 1):
                break
            try:
                judged.append(ask(candidate, partial(_judge, number=number, rows=rows, half=half, limits=limits)))
            except AskError as error:
                refused.append((candidate, str(error)))
        tried += judged
        fitting = sorted((one for one in judged if one.fits), key=lambda one: -one.top1.value)
        finished = len(fitting) <= 1 or rows >= half or clock() > begin + most
        if finished:
            break
        left = [one.experiment for one in fitting[: max(1, math.ceil(len(fitting) / KEPT))]]
        number, rows = number + 1, min(2 * rows, half)
    best = _best(tried)
    if best is None:
        return Found(None, tuple(tried), tuple(refused), offered)
    whole = replace(best, probe_sentences=experiment.probe_sentences)
    before, after = ask(whole, partial(_measured, scope=limits.scope))
    perplexity = None if limits.perplexity is None else ask(whole, _perplexity)
    return Found(whole, tuple(tried), tuple(refused), offered, before, after, perplexity)


def kept_to(limits: Limits, perplexity: Interval) -> str:
    """Whether the best setting keeps to the limit on sentences that the search has not seen, in words."""
    assert limits.perplexity is not None
    outcome = (
        f"the limit of {limits.perplexity:g} is kept"
        if perplexity.high <= limits.perplexity
        else f"the limit of {limits.perplexity:g} is not kept"
        if perplexity.low > limits.perplexity
        else f"too few to tell whether the limit of {limits.perplexity:g} is kept"
    )
    return (
        f"Perplexity of {perplexity.n:,} sentences of the target that it has not seen: x {perplexity.value:.2f} "
        f"({perplexity.low:.2f} to {perplexity.high:.2f}); {outcome}."
    )


def _check(limits: Limits) -> None:
    if not 0 < limits.minutes < math.inf:
        raise SettingError(f"a search of {limits.minutes:g} minutes", "it is no time", "Give it some: --minutes 5.")
    if limits.scope not in SCOPES:
        raise SettingError(f"maximise {limits.scope!r}", "it is not known", f"Use {' or '.join(SCOPES)}.")


def _half(experiment: Experiment) -> int:
    """Half of the probe rows, which find the neurons."""
    rows = len(plan(experiment).probe)
    if rows < 4:
        raise SettingError(
            f"a search over {rows} probe rows", "half of them must find neurons, half judge", "Use four or more."
        )
    return rows // 2


def _refuse_one_language(experiment: Experiment) -> None:
    """Raise `SettingError` where the probe has no language to look for the target's sentences in."""
    asked = plan(experiment)
    probe = load_corpus(experiment.probe_corpus or experiment.corpus).probe
    assert probe is not None  # a plan is refused without
    shared = probe.usable([code for code in asked.languages if code in probe.languages]).languages
    if len(shared) < 2:
        raise SettingError(
            f"a search judged on the probe's rows in {', '.join(shared)}",
            "settings are judged by how the target's rows find their translations there, and none is in the probe",
            "Choose a probe corpus with another of the evaluated languages, or evaluate one that the probe has.",
        )


def held_out(run: Run, half: int, rows: int) -> ParallelSet:
    """The probe rows that judge: ``rows`` after the first ``half``, in the evaluation languages that the probe has."""
    experiment = run.plan.experiment
    probe = load_corpus(experiment.probe_corpus or experiment.corpus).probe
    assert probe is not None  # a plan is refused without
    codes = tuple(code for code in run.plan.languages if code in probe.languages)
    whole = probe.usable(codes).select(first=half + rows)
    return ParallelSet(whole.ids[half:], {code: whole.texts[code][half:] for code in whole.languages}, whole.notes)


def _judge(run: Run, number: int, rows: int, half: int, limits: Limits) -> Tried:
    intervention = run.stages.intervention(run.experts())
    held = held_out(run, half, rows)
    stages = run.beside((held,), {"after": intervention}, " of the probe")
    space = stages.embeddings(0, intervention, run.plan.layer)
    top1 = _top1(space, held.languages.index(run.plan.target), limits.scope)
    perplexity = math.nan
    if limits.perplexity is not None:
        perplexity = perplexity_ratio(run, held.texts[run.plan.target][:TEXTS], intervention).value
    fits = limits.perplexity is None or perplexity <= limits.perplexity
    return Tried(run.plan.experiment, number, len(held), top1, perplexity, fits)


def _perplexity(run: Run) -> Interval:
    plan = run.plan
    texts = next(rows.texts[plan.target] for rows in plan.groups if plan.target in rows.languages)
    return perplexity_ratio(run, texts[:TEXTS_AT_LAST], run.stages.intervention(run.experts()))


def _top1(space: np.ndarray, target: int, scope: str) -> Interval:
    """Top-1 of a space (n_languages, n_sentences, hidden), bootstrapped over sentences."""
    return share_of(_hits(space, target, scope)[1])


def _hits(space: np.ndarray, target: int | None, scope: str) -> paired.Part:
    """How many ordered pairs of languages count, and in what share of them each row finds its translation."""
    hits = retrieval.correct(space).astype(np.float64)
    n = len(space)
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b and (scope == "all" or a == target)]
    return float(len(pairs)), np.mean([hits[a, b] for a, b in pairs], axis=0)


def _measured(run: Run, scope: str) -> tuple[Interval, Interval]:
    """Top-1 on the evaluation rows, before and after: a set of rows counts by its pairs of languages."""
    plan, (_, intervention) = run.plan, run.spaces()
    counted = [n for n, rows in enumerate(plan.groups) if scope == "all" or plan.target in rows.languages]

    def top1(space: Intervention | None) -> Interval:
        parts = [
            _hits(run.stages.embeddings(number, space, plan.layer), _place(plan.groups[number], plan.target), scope)
            for number in counted
        ]
        total = sum(pairs for pairs, _ in parts)
        return paired.share([(pairs / total, values) for pairs, values in parts])

    return top1(None), top1(intervention)


def _place(rows: ParallelSet, target: str) -> int | None:
    return rows.languages.index(target) if target in rows.languages else None


def _best(tried: Sequence[Tried]) -> Experiment | None:
    """Of the last round in which any keeps to the limit, the best."""
    fitting = [one for one in tried if one.fits]
    if not fitting:
        return None
    last = max(one.round for one in fitting)
    return max((one for one in fitting if one.round == last), key=lambda one: one.top1.value).experiment


def _spec(experiment: Experiment, choices: Choices, limits: Limits) -> dict[str, Any]:
    """What determines a search, but for the machine's pace."""
    asked: dict[str, Any] = serialisation.encode((choices, limits))
    bound = plan(experiment)
    setting = bound.describe()
    if setting["learning_sentences"] == Experiment.learning_sentences:
        del setting["learning_sentences"]  # what was kept before it was a setting is still found
    # of several sets of rows, what was kept before is of the first alone
    pooled = {"sets": len(bound.groups)} if len(bound.groups) > 1 else {}
    return STAGES["search"].spec(setting=setting, asked=asked, **pooled)


def keep(store: Store, experiment: Experiment, choices: Choices, limits: Limits, found: Found) -> None:
    """Keep what a search found."""
    store.put(
        "search", _spec(experiment, choices, limits), Payload(facts={"found": json.dumps(serialisation.encode(found))})
    )


def kept(store: Store, experiment: Experiment, choices: Choices, limits: Limits) -> Found | None:
    """What a search found, if it was kept; raises `AskError` if the experiment is impossible."""
    artefact = store.find("search", _spec(experiment, choices, limits))
    return None if artefact is None else serialisation.decode(json.loads(str(artefact.facts["found"])))


def to_json(found: Found) -> dict[str, Any]:
    """What was tried and what was found, as JSON values."""

    def setting(experiment: Experiment) -> dict[str, Any]:
        names = ("method", "score", "experts", "strength", "expert_layers")
        return {name: getattr(experiment, name) for name in names}

    return {
        "offered": found.offered,
        "tried": [
            setting(one.experiment)
            | {"round": one.round, "rows": one.rows, "top1": one.top1.value, "low": one.top1.low, "high": one.top1.high}
            | {"perplexity": None if math.isnan(one.perplexity) else one.perplexity, "fits": one.fits}
            for one in found.tried
        ],
        "refused": [setting(experiment) | {"why": why} for experiment, why in found.refused],
        "best": None if found.best is None else found.best.to_dict(),
        "evaluation": None
        if found.before is None or found.after is None
        else {
            "before": vars(found.before),
            "after": vars(found.after),
            "perplexity": None if found.perplexity is None else vars(found.perplexity),
        },
    }
