"""Item: what is free beside the intervention, and what the space became, on every corpus of the report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from core.analyses import rival_spaces, rival_table
from core.analyses.distractors import Distractors, distractor_rows
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.pipeline.run import Run
from core.reproduction.charts import rivals as charts
from core.reproduction.item import Item
from core.reproduction.settings import CONTROLS, PAIRS
from core.reproduction.steps import Step
from core.reproduction.study import Study
from core.spaces.space_measures import SPACE_MEASURES

# Each set of measures is stored by itself, so that a report goes on with what it has: the first set is what reports
# measured of rivals before they measured everything, and mining alone depends on distractors.
_FIRST = ("top1", "csls", "mexa", "reciprocity", "hub_skew", "never_first")
_MINING = tuple(name for name, measure in SPACE_MEASURES.items() if measure.among_distractors)
_APART = (tuple(name for name in SPACE_MEASURES if name not in (*_FIRST, *_MINING)), _MINING)
_SECONDS = 150.0  # about, for one experiment's rivals


def _experiments(study: Study, control: str) -> dict[str, list[Experiment]]:
    """The experiments by corpus: the multi-parallel one, and the pairs with English that the report has."""
    experiments = {"multi-parallel": study.experiments(control)}
    for kind in PAIRS if control == "none" else ():
        if getattr(study.settings, kind) is not None:
            paired = study.settings.paired(kind)
            experiments[kind] = [study.settings.with_english(language, kind) for language in paired]
    return experiments


def _rivals(run: Run, distractors: Distractors | None) -> pd.DataFrame:
    return rival_table.frame(rival_spaces.compare(run, apart=_APART, distractors=distractors))


def _question(study: Study, corpus: str) -> Callable[[Run], pd.DataFrame]:
    """What is asked of one corpus's experiments."""
    return partial(_rivals, distractors=study.settings.bucc_distractors if corpus == "bucc" else None)


def _as_they_are(run: Run) -> pd.DataFrame:
    """Both spaces by every measure, at the plan's layer."""
    frame = rival_table.frame(rival_spaces.compare(run, rivals=(), layers=(run.plan.layer,)))
    return frame.drop(columns=["name", "title", "chosen", "supervised", "fitting", "applied"])


def _steps(study: Study) -> list[Step]:
    steps = []
    for corpus, experiments in _experiments(study, "none").items():
        for experiment in experiments:
            seconds = study.expected(experiment, "embed_pre", "embed_post") + _SECONDS
            if corpus == "bucc" and (distractors := study.settings.bucc_distractors) is not None:
                rows = distractor_rows(plan(experiment), distractors)
                seconds += 2 * study.seconds_of_a_pass(text for one in rows for text in one.texts[one.languages[0]])
            title, question = f"{experiment.target}, {corpus}", _question(study, corpus)
            steps.append(study.step("rivals", title, experiment, question, seconds))
    for control in CONTROLS:
        for experiment in study.experiments(control):
            seconds = study.expected(experiment, "embed_pre", "embed_post") + _SECONDS / 5
            title = f"{experiment.target}, what the space became" + (", random" if control == "random" else "")
            steps.append(study.step("rivals", title, experiment, _as_they_are, seconds))
    return steps


def _conditions(study: Study, corpus: str) -> dict[str, Any]:
    """The column ``distractors``, where they are asked for: how many of each text."""
    asked = study.settings.bucc_distractors
    return {} if asked is None else {"distractors": asked if corpus == "bucc" else None}


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    """``rivals``: a row a rival's space; ``spaces``: a row a space as it is, of the experts and of random neurons."""
    rows = [
        study.table([experiment], _question(study, corpus)).assign(corpus=corpus, **_conditions(study, corpus))
        for corpus, experiments in _experiments(study, "none").items()
        for experiment in experiments
    ]
    return {
        "rivals": pd.concat(rows, ignore_index=True),
        "spaces": study.table(study.experiments(*CONTROLS), _as_they_are),
    }


RIVALS_ITEM = Item(
    "rivals", "What is free", _tables, charts.rivals, _steps, conditions=("bucc_distractors", "pair_sentences")
)
