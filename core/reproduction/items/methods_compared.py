"""Item: interventions compared, where it is asked for: alignment, separation, transfer, writing, perplexity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from core.analyses import method_comparison, steering
from core.analyses.method_comparison import Row
from core.corpora.load import load_corpus
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
from core.pipeline.engine import Ask
from core.pipeline.run import Run
from core.progress import Progress
from core.reproduction.charts import methods_compared as charts
from core.reproduction.item import Item
from core.reproduction.items.methods import target_of
from core.reproduction.steps import Step
from core.reproduction.study import Study

_SECONDS = 60.0  # about, for one method's measures and texts


def methods_of(study: Study) -> tuple[str, ...]:
    """The methods that are compared, in the table's order."""
    asked = study.settings.methods_compared
    if unknown := [name for name in asked if name not in METHODS and name != "all"]:
        raise SettingError(
            f"a comparison of {', '.join(unknown)}", f"the methods are {', '.join(METHODS)}", "Name some."
        )
    return tuple(name for name in METHODS if name in asked or "all" in asked)


def _experiment(study: Study) -> Experiment:
    rows = min(study.settings.method_sentences, len(study.plan.groups[0]))
    return replace(study.settings.experiment(target_of(study)), eval_sentences=rows)


def _labelled(study: Study) -> Callable[[Experiment], Experiment] | None:
    """What gives a setting the sentences with labels: in the same languages, where they have them; None without any."""
    corpus = study.settings.transfer_corpus
    if corpus is None:
        return None
    available = load_corpus(corpus).languages
    languages = tuple(code for code in study.plan.languages if code in available)
    return lambda of: replace(
        of, corpus=corpus, probe_corpus=study.settings.corpus, languages=languages, eval_sentences=None
    )


def _compare(study: Study, ask: Ask, methods: Sequence[str], timed: bool) -> list[Row]:
    asked = steering.SteeringSettings(
        steering.default_prompts(), tokens=study.settings.text_tokens, seed=study.settings.seed
    )
    return method_comparison.compare(ask, _experiment(study), methods, asked, timed, _labelled(study))


def _steps(study: Study) -> list[Step]:
    """One step a method, of itself and, for the first, of what stands beside all."""
    steps = []
    labelled = _labelled(study)
    for name in methods_of(study):

        def work(progress: Progress, name: str = name) -> object:
            def ask(experiment: Experiment, question: Callable[[Run], Any]) -> Any:
                return study.engine.answer(experiment, question, progress)

            return _compare(study, ask, [name], timed=False)

        held = replace(_experiment(study), method=name)
        measured = [held] if labelled is None else [held, labelled(held)]
        seconds = sum(study.expected(each, "embed_post") for each in measured) + _SECONDS
        steps.append(Step(charts.STORED, name, work, seconds))
    return steps


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    """``footing.csv``: a row a condition, with its figures, intervals and ranks; passes are timed as it is made."""
    rows = _compare(study, study.answer, methods_of(study), timed=True)
    return {charts.STORED: study.labelled(method_comparison.table(rows), _experiment(study))}


def _why_not(study: Study) -> str:
    asked = study.settings.methods_compared
    return "" if asked else "It is measured where it is asked for: --compare-methods all, or some methods."


_CONDITIONS = ("methods_compared", "method_sentences", "transfer_corpus", "text_tokens")
METHODS_COMPARED = Item(
    charts.STORED, "Interventions compared", _tables, charts.methods_compared, _steps, _why_not, _CONDITIONS
)
