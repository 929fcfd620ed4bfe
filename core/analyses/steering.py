"""Whether a model answers in the language it is steered to: prompts in several languages, under several methods.

Beside every method stand the unmodified model, random neurons, and what costs nothing: asking for the language.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.analyses.text_perplexity import likelihoods, perplexity_interval
from core.analyses.texts import check_generates, written
from core.corpora.prompts.read import Prompt, asking_for, chosen, read_prompts
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.inference.perplexity import Likelihoods
from core.inference.writing import Writing
from core.language.codes import canonical, describe
from core.language.confusion import confusion
from core.language.degeneration import degeneration
from core.language.identification import known_name
from core.neurons.methods import METHODS
from core.pipeline.engine import Ask
from core.pipeline.run import Run
from core.stats.intervals import NOTHING, Interval

UNMODIFIED, ASKED, RANDOM = "unmodified", "asked", "random"
OTHERS = "others"
"""Stands for the prompts in all languages but the target."""


@dataclass(frozen=True)
class SteeringSettings:
    """What is written, beside the experiment.

    Attributes
    ----------
    prompts : tuple of Prompt
    tokens : int
        Most tokens of an answer.
    temperature, top_p : float
        As for `core.inference.generation.generate`.
    seed : int
    """

    prompts: tuple[Prompt, ...]
    tokens: int = 40
    temperature: float = 1.0
    top_p: float = 0.9
    seed: int = 0


@dataclass(frozen=True)
class Condition:
    """One way to have a model answer in a language.

    Attributes
    ----------
    name, title : str
        A method's, or `UNMODIFIED`, `ASKED`, `RANDOM`.
    experiment : Experiment
    intervenes : bool
    asks : bool
        Whether the prompt asks for the language.
    """

    name: str
    title: str
    experiment: Experiment
    intervenes: bool = True
    asks: bool = False


@dataclass(frozen=True)
class Answers:
    """The answers under one condition, in the order of the prompts."""

    condition: Condition
    target: str
    prompts: tuple[Prompt, ...]
    texts: tuple[str, ...]
    nll: np.ndarray
    n_tokens: np.ndarray


def default_prompts(languages: Sequence[str] | None = None, first: int | None = 2) -> tuple[Prompt, ...]:
    """The product's own prompts: of each language the first so many."""
    return tuple(chosen(read_prompts(), languages, first))


def conditions(experiment: Experiment, methods: Iterable[str]) -> list[Condition]:
    """List the unmodified model, asking in words, every method, and random neurons under the first of them."""
    names = tuple(methods)
    for name in names:
        if name not in METHODS:
            raise SettingError(f"method {name!r}", "it is not one that is known", f"Use {', '.join(METHODS)}.")
    wanted = describe(experiment.target).english
    found = [
        Condition(UNMODIFIED, "unmodified", experiment, intervenes=False),
        Condition(ASKED, f"asked in words: answer in {wanted}", experiment, intervenes=False, asks=True),
        *(Condition(name, METHODS[name].title, replace(experiment, method=name, control="none")) for name in names),
    ]
    if names:
        control = replace(experiment, method=names[0], control="random")
        found.append(Condition(RANDOM, f"{METHODS[names[0]].title}, random neurons", control))
    return found


def answers(run: Run, condition: Condition, asked: SteeringSettings) -> Answers:
    """Have the model answer every prompt, and say how the unmodified model likes what it wrote.

    Raises
    ------
    AskError, NotCached, Cancelled
    """
    check_generates(run)
    known_name(run.plan.target)
    intervention = run.stages.intervention(run.experts()) if condition.intervenes else None
    texts: list[str] = []
    for prompt in asked.prompts:
        put = asking_for(prompt, run.plan.target) if condition.asks else prompt
        writing = Writing(put.text, asked.tokens, 1, asked.temperature, asked.top_p, asked.seed)
        texts += written(run, writing, intervention)
    some = [number for number, text in enumerate(texts) if text.strip()]
    nll, n_tokens = np.zeros(len(texts)), np.zeros(len(texts), dtype=np.int64)
    try:
        predicted = likelihoods(run, tuple(texts[number] for number in some), None) if some else None
    except SettingError:  # no text of two tokens
        predicted = None
    if predicted is not None:
        nll[some], n_tokens[some] = predicted.nll, predicted.n_tokens
    return Answers(condition, run.plan.target, asked.prompts, tuple(texts), nll, n_tokens)


def steer(
    ask: Ask, experiment: Experiment, targets: Sequence[str], methods: Iterable[str], asked: SteeringSettings
) -> list[Answers]:
    """Have the model answer every prompt for every target under every condition."""
    names = tuple(methods)
    found = []
    for target in targets:
        aimed = replace(experiment, target=canonical(target))
        for condition in conditions(aimed, names):

            def question(run: Run, condition: Condition = condition) -> Answers:
                return answers(run, condition, asked)

            found.append(ask(condition.experiment, question))
    return found


def measured(found: Answers, rows: Sequence[int]) -> dict[str, Interval]:
    """Pass rates and perplexity of some of the answers."""
    texts = [found.texts[row] for row in rows]
    kept = confusion(texts, found.target)
    own = Likelihoods(found.nll[list(rows)], found.n_tokens[list(rows)])
    return {
        "lines": kept.line_share,
        "line_pass": kept.line_pass_rate,
        "word_pass": kept.word_pass_rate,
        "perplexity": perplexity_interval(own) if (own.n_tokens > 0).any() else NOTHING,
    }


def table(found: Sequence[Answers]) -> pd.DataFrame:
    """List pass rates by target, condition and language of the prompts.

    Returns
    -------
    DataFrame
        ``target, condition, title, prompts`` (a language, or `OTHERS`), ``texts`` (how many); ``lines`` (share of a
        text's lines in the target language), ``line_pass``, ``word_pass`` (see `core.language.confusion`) and
        ``perplexity`` (of the answers, under the unmodified model), each with ``_low``, ``_high`` and ``_n``;
        ``repeated``, the share of repeated 4-grams.
    """
    rows = []
    for side in found:
        others = [number for number, prompt in enumerate(side.prompts) if prompt.language != side.target]
        by_language: dict[str, list[int]] = {OTHERS: others} if others else {}
        for number, prompt in enumerate(side.prompts):
            by_language.setdefault(prompt.language, []).append(number)
        for language, numbers in by_language.items():
            row: dict[str, Any] = {
                "target": side.target,
                "condition": side.condition.name,
                "title": side.condition.title,
            }
            row |= {"prompts": language, "texts": len(numbers)}
            for name, interval in measured(side, numbers).items():
                row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
                row[f"{name}_n"] = interval.n
            row["repeated"] = degeneration([side.texts[number] for number in numbers]).repeated
            rows.append(row)
    return pd.DataFrame(rows)


def to_json(found: Sequence[Answers], asked: SteeringSettings) -> dict[str, Any]:
    """Every answer and every figure as JSON values."""
    records = table(found).to_dict("records")
    return {
        "writing": {"tokens": asked.tokens, "temperature": asked.temperature, "top_p": asked.top_p, "seed": asked.seed},
        "figures": [{str(k): None if v != v else v for k, v in row.items()} for row in records],
        "answers": [
            {"target": side.target, "condition": side.condition.name, **vars(prompt), "answer": text}
            for side in found
            for prompt, text in zip(side.prompts, side.texts, strict=True)
        ],
    }
