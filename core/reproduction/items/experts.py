"""Item: the experts' scores, their places in the model, and how many two languages share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.neurons.experts import Experts, by_site
from core.neurons.neuron_map import NeuronMap
from core.reproduction.charts import experts as charts
from core.reproduction.item import Item
from core.reproduction.steps import Step
from core.reproduction.study import Study


def _steps(study: Study) -> list[Step]:
    steps = []
    for number, experiment in enumerate(study.experiments("none")):
        seconds = study.expected(experiment, "load", "capture", "expertise") if number == 0 else 0.5
        steps.append(study.step("experts", experiment.target, experiment, lambda run: run.experts(), seconds))
    return steps


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    experts = {
        experiment.target: study.answer(experiment, lambda run: run.experts())
        for experiment in study.experiments("none")
    }
    neurons = study.plan.outline.neurons
    rows = [row for target in experts for row in _of_target(target, experts, neurons)]
    frame = pd.DataFrame(rows)
    return {"experts": frame.assign(model=study.settings.model_name, k=study.settings.experts, total=neurons.total)}


def _of_target(target: str, experts: dict[str, Experts], neurons: NeuronMap) -> list[dict[str, Any]]:
    """The rows of one target: scores, neurons shared with every target's experts, and experts at each site."""
    own = experts[target]
    n = len(own.neurons)
    scores = {"mean score": own.scores.mean(), "lowest score": own.scores.min()}
    rows = [_row(target, name, float(value), n) for name, value in scores.items()]
    rows += [
        _row(target, "shared", _shared(own, other_experts), n, other=other) for other, other_experts in experts.items()
    ]
    for site in by_site(neurons, own.neurons).to_dict("records"):
        place = {"layer": site["layer"], "site": site["site"]}
        rows.append(_row(target, "experts at site", float(site["experts"]), int(site["width"]), **place))
    return rows


def _shared(one: Experts, other: Experts) -> float:
    return float(len(np.intersect1d(one.neurons, other.neurons)))


def _row(
    target: str, measure: str, value: float, n: int, other: str = "", layer: Any = None, site: Any = None
) -> dict[str, Any]:
    """Make one row; ``n`` is the number of experts that the value is about, or of neurons of the site."""
    return {
        "target": target,
        "measure": measure,
        "other": other,
        "layer": layer,
        "site": site,
        "value": value,
        "n": n,
    }


EXPERTS = Item("experts", "Experts", _tables, charts.experts, _steps)
