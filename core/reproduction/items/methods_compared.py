"""Item: interventions compared, where it is asked for: alignment, separation, transfer, writing, perplexity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from core.analyses import method_comparison, steering
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
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


def _asked(study: Study) -> steering.Asked:
    return steering.Asked(steering.default_prompts(), tokens=study.settings.text_tokens, seed=study.settings.seed)


def _steps(study: Study) -> list[Step]:
    """One step a method, of itself and, for the first, of what stands beside all."""
    steps = []
    for name in methods_of(study):

        def work(progress: Progress, name: str = name) -> object:
            def ask(experiment: Experiment, question: Callable[[Run], Any]) -> Any:
                return study.engine.answer(experiment, question, progress)

            return method_comparison.compare(ask, _experiment(study), [name], _asked(study), timed=False)

        seconds = study.expected(replace(_experiment(study), method=name), "embed_post") + _SECONDS
        steps.append(Step(charts.STORED, name, work, seconds))
    return steps


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    """``footing.csv``: a row a condition, with its figures, intervals and ranks."""
    experiment = _experiment(study)
    rows = method_comparison.compare(study.answer, experiment, methods_of(study), _asked(study), timed=False)
    frame = method_comparison.table(rows)
    return {
        charts.STORED: study.labelled(frame[[name for name in frame if not str(name).startswith("time")]], experiment)
    }


def _why_not(study: Study) -> str:
    asked = study.settings.methods_compared
    return "" if asked else "It is measured where it is asked for: --compare-methods all, or some methods."


METHODS_COMPARED = Item(charts.STORED, "Interventions compared", _tables, charts.methods_compared, _steps, _why_not)
