"""Item: how the number of experts changes the model's text, and how well it predicts the target language."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.analyses.text_perplexity import likelihoods, perplexity_interval
from core.analyses.texts import written
from core.language import identification
from core.neurons.interventions import Intervention
from core.pipeline.run import Run
from core.reproduction.charts.choice import choice_of_k
from core.reproduction.item import Item
from core.reproduction.settings import paragraphs
from core.reproduction.steps import Step
from core.reproduction.study import Study


def _held_out(study: Study, run: Run) -> tuple[str, ...]:
    """Texts for the perplexity: paragraphs of a file if a folder of texts is given, else the first evaluation rows."""
    settings, target = study.settings, run.plan.target
    if settings.perplexity_texts is not None:
        return paragraphs(settings, target)
    return run.plan.groups[0].texts[target][: settings.perplexity_sentences]


def _side(study: Study, run: Run, intervention: Intervention | None) -> list[dict[str, Any]]:
    """Both measures of one side."""
    settings, target = study.settings, run.plan.target
    rows: list[dict[str, Any]] = []
    texts = tuple(text for writing in settings.writings() for text in written(run, writing, intervention))
    if not identification.unknown((target,)):
        share = identification.share(texts, target, run.plan.corpus.languages)
        rows.append(_row("probability", share.value, share.low, share.high, share.n))
    measured = likelihoods(run, _held_out(study, run), intervention)
    perplexity = perplexity_interval(measured, settings.seed)
    rows.append(_row("perplexity", perplexity.value, perplexity.low, perplexity.high, len(measured.nll)))
    return rows


def _row(measure: str, value: float, low: float, high: float, n: int) -> dict[str, Any]:
    return {"measure": measure, "value": value, "low": low, "high": high, "n": n}


def _at(study: Study, target: str, k: int) -> pd.DataFrame:
    """Rows of one number of experts, 0 for the unmodified model."""
    experiment = study.settings.experiment(target, experts=k or study.settings.experts)
    frame = pd.DataFrame(study.answer(experiment, lambda run: _measured(study, run, unmodified=k == 0)))
    space = "pre" if k == 0 else "post"
    return study.labelled(frame.assign(space=space), experiment).assign(k=k)


def _measured(study: Study, run: Run, unmodified: bool) -> list[dict[str, Any]]:
    return _side(study, run, None if unmodified else run.stages.intervention(run.experts()))


def _counts(study: Study) -> tuple[int, ...]:
    return (0, *study.settings.sweep)


def _steps(study: Study) -> list[Step]:
    settings = study.settings
    size = study.plan.outline.n_parameters / 2.7e8
    # Measured on two cores: one token of several texts at once, and one sentence with the language-modelling head.
    seconds = size * (0.12 * settings.seeds * settings.text_tokens + 0.12 * settings.perplexity_sentences)
    steps = []
    for number, target in enumerate(study.targets):
        for k in _counts(study):
            experiment = settings.experiment(target, experts=k or settings.experts)
            title = f"{target}, k = {k:,}" if k else f"{target}, unmodified"
            expected = seconds if k or number == 0 else seconds / 2  # the unmodified model's texts serve all targets

            def work(run: Run, unmodified: bool = k == 0) -> object:
                return _measured(study, run, unmodified)

            steps.append(study.step("choice_of_k", title, experiment, work, expected))
    return steps


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    parts = [_at(study, target, k) for target in study.targets for k in _counts(study)]
    return {"choice_of_k": pd.concat(parts, ignore_index=True)}


def _why_not(study: Study) -> str:
    return "" if study.plan.outline.generates else "The model is not a causal language model: it writes no text."


_CONDITIONS = ("sweep", "texts", "seeds", "text_tokens", "perplexity_sentences", "perplexity_texts")
CHOICE = Item("choice_of_k", "Choice of k", _tables, choice_of_k, _steps, _why_not, _CONDITIONS)
