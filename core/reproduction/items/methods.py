"""Item 10: other methods and other scores than the paper's, on one target, on the same footing."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.engine import Run
from core.experiment import Experiment
from core.interventions import METHODS
from core.reproduction import spaces
from core.reproduction.session import Item, Session
from core.reproduction.timetable import Step
from core.scores import SCORES
from core.significance import bootstrap


def target_of(session: Session) -> str:
    """The one target: the paper's last that is asked for, Japanese, which is least like the others."""
    return "ja" if "ja" in session.targets else session.targets[0]


def experiments(session: Session) -> list[Experiment]:
    """Every method on the paper's experts, and the paper's method on every other score's; and random neurons."""
    target, asked = target_of(session), session.settings
    return [
        *(asked.experiment(target, method=method) for method in METHODS),
        *(asked.experiment(target, score=score) for score in SCORES if score != asked.experiment(target).score),
        asked.experiment(target, "random"),
    ]


def _row(run: Run) -> dict[str, Any]:
    """Measures of the space after: means over candidates, and their gain on the space before.

    Intervals are bootstrapped over sentences, for the gain with both sides drawn together.
    """
    experts, intervention = run.spaces()
    return _measures(run, intervention) | {"mean_score": float(experts.scores.mean())}


def _unmodified(run: Run) -> dict[str, Any]:
    run.spaces()
    return _measures(run, None) | {"mean_score": float("nan")}


def _measures(run: Run, which: Any) -> dict[str, Any]:
    pairs = run.measures.layer_measures(which)[0]
    target, layer = run.plan.groups[0].languages.index(run.plan.target), run.plan.layer
    row: dict[str, Any] = {"layer": layer, "n": len(run.plan.groups[0])}
    for metric, name in (("cosine", "top1"), ("centred", "centred"), ("csls", "csls")):
        others = [number for number in range(len(run.plan.groups[0].languages)) if number != target]
        before, here = (
            spaces.hits_of(run, space, (metric, layer))[target][others].mean(axis=0) for space in (None, which)
        )
        found, gain = (bootstrap(values, seed=run.plan.experiment.seed) for values in (here, here - before))
        prefix = "" if name == "top1" else f"{name}_"
        row |= {name: found.value, f"{prefix}low": found.low, f"{prefix}high": found.high}
        row |= {f"{prefix}gain": gain.value, f"{prefix}gain_low": gain.low, f"{prefix}gain_high": gain.high}
    return row | {"all_top1": float(pairs["top1"].mean()), "distance": float(pairs["distance"].mean())}


def _title(experiment: Experiment) -> str:
    control = "" if experiment.control == "none" else ", random"
    return f"{experiment.target}, {experiment.method}, {experiment.score}{control}"


def _steps(session: Session) -> list[Step]:
    steps = []
    for experiment in experiments(session):
        other_score = experiment.score != session.settings.experiment(experiment.target).score
        seconds = session.expected(experiment, "embed_post", "measure", *(("expertise",) if other_score else ()))
        steps.append(session.step("methods", _title(experiment), experiment, _row, seconds))
    return steps


def _tables(session: Session) -> dict[str, pd.DataFrame]:
    plain = session.settings.experiment(target_of(session))
    rows = [_labelled(session, plain, _unmodified) | {"method": "none", "score": "none", "control": "unmodified"}]
    rows += [_labelled(session, experiment, _row) for experiment in experiments(session)]
    return {"methods": pd.DataFrame(rows)}


def _labelled(session: Session, experiment: Experiment, question: Any) -> dict[str, Any]:
    names = {"method": experiment.method, "score": experiment.score}
    return {**session.conditions(experiment), **names, **session.ask(experiment, question)}


METHODS_ITEM = Item("methods", "Other methods and scores", _steps, _tables)
