"""Items: retrieval between all languages, with the experts and, as a control, with random neurons."""

from __future__ import annotations

import pandas as pd

from core.pipeline.run import Run
from core.reproduction import measures
from core.reproduction.charts import retrieval as charts
from core.reproduction.item import Item
from core.reproduction.items.distances import distance_tables
from core.reproduction.steps import Step
from core.reproduction.study import Study


def retrieval_tables(study: Study, *controls: str) -> dict[str, pd.DataFrame]:
    """The tables of retrieval by every way of comparing.

    Returns
    -------
    dict of str to DataFrame
        ``retrieval`` has one row a measurement, ``tests`` one a change of it, ``gains`` one a mean over languages; in
        ``lead`` by how much the intervention is above what is free (`core.reproduction.measures.leads`).
    """
    rows, gains, tests = [], [], []
    for experiment in study.experiments(*controls):
        measured, gained = study.answer(experiment, measures.retrieval_tables)
        after = measured[measured["space"] == "post"].drop(columns=["space", "top1", "low", "high"])
        rows.append(study.labelled(measured.drop(columns="p"), experiment))
        tests.append(study.labelled(after, experiment))
        beside = study.answer(experiment, measures.leads)
        gains.append(study.labelled(gained.merge(beside, "left", ["metric", "layer", "view"]), experiment))
    parts = {"retrieval": rows, "gains": gains, "tests": tests}
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def _steps(study: Study, item: str, control: str) -> list[Step]:
    """A step for each target, which measures retrieval and distances; the first also embeds the space before."""
    steps = []
    for number, experiment in enumerate(study.experiments(control)):
        first_stages = ("embed_pre",) if number == 0 and control == "none" else ()
        seconds = study.expected(experiment, *first_stages, "embed_post", "measure")
        steps.append(study.step(item, experiment.target, experiment, _measure, seconds))
    return steps


def _measure(run: Run) -> None:
    measures.retrieval_tables(run)
    measures.distance_table(run)


RETRIEVAL = Item(
    "retrieval",
    "Retrieval",
    lambda study: retrieval_tables(study, "none"),
    charts.retrieval,
    lambda study: _steps(study, "retrieval", "none"),
)


CONTROL = Item(
    "control",
    "Random neurons",
    lambda study: retrieval_tables(study, "none", "random") | distance_tables(study, "none", "random"),
    charts.control,
    lambda study: _steps(study, "control", "random"),
)
