"""Item 1: how well the experts score, where they are, and what two languages' experts share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.neurons.experts import Experts, by_site
from core.reproduction.session import Item, Session
from core.reproduction.steps import Step


def _steps(session: Session) -> list[Step]:
    steps = []
    for number, target in enumerate(session.targets):
        experiment = session.settings.experiment(target)
        stages = ("load", "capture", "expertise") if number == 0 else ()
        seconds = session.expected(experiment, *stages) if stages else 0.5
        steps.append(session.step("experts", target, experiment, lambda run: run.experts(), seconds))
    return steps


def _tables(session: Session) -> dict[str, pd.DataFrame]:
    found = {t: session.ask(session.settings.experiment(t), lambda run: run.experts()) for t in session.targets}
    neurons = session.plan.outline.neurons
    rows: list[dict[str, Any]] = []
    for target, experts in found.items():
        n = len(experts.neurons)
        spread = {"mean score": experts.scores.mean(), "lowest score": experts.scores.min()}
        rows += [_row(target, name, float(value), n) for name, value in spread.items()]
        rows += [_row(target, "shared", _shared(experts, found[other]), n, other=other) for other in found]
        rows += [
            _row(
                target,
                "experts at site",
                float(site["experts"]),
                int(site["width"]),
                layer=site["layer"],
                site=site["site"],
            )
            for site in by_site(neurons, experts.neurons).to_dict("records")
        ]
    frame = pd.DataFrame(rows)
    return {"experts": frame.assign(model=session.settings.model_name, k=session.settings.experts, total=neurons.total)}


def _shared(one: Experts, other: Experts) -> float:
    return float(len(np.intersect1d(one.neurons, other.neurons)))


def _row(
    target: str, measure: str, value: float, n: int, other: str = "", layer: Any = None, site: Any = None
) -> dict[str, Any]:
    """``n``: the experts that the value is about, or the neurons of the site."""
    return {
        "target": target,
        "measure": measure,
        "other": other,
        "layer": layer,
        "site": site,
        "value": value,
        "n": n,
    }


EXPERTS = Item("experts", "Experts", _steps, _tables)
