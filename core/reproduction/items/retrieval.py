"""Retrieval between all languages, and the same on random neurons."""

from __future__ import annotations

import pandas as pd

from core.pipeline.run import Run
from core.reproduction import measures
from core.reproduction.items.distances import _distances
from core.reproduction.session import Item, Session
from core.reproduction.steps import Step


def _measure(run: Run) -> None:
    measures.retrieval_tables(run)
    measures.distance_table(run)


def _space_steps(session: Session, item: str, control: str) -> list[Step]:
    steps = []
    for number, target in enumerate(session.targets):
        experiment = session.settings.experiment(target, control)
        first = ("embed_pre",) if number == 0 and control == "none" else ()
        seconds = session.expected(experiment, *first, "embed_post", "measure")
        steps.append(session.step(item, target, experiment, _measure, seconds))
    return steps


def _retrieval(session: Session, controls: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """``retrieval`` has one row a measurement, ``tests`` one row a change of it."""
    rows, gains, tests = [], [], []
    for control in controls:
        for target in session.targets:
            experiment = session.settings.experiment(target, control)
            found, gained = session.ask(experiment, measures.retrieval_tables)
            rows.append(session.labelled(found.drop(columns="p"), experiment))
            after = found[found["space"] == "post"].drop(columns=["space", "top1", "low", "high"])
            tests.append(session.labelled(after, experiment))
            gains.append(session.labelled(gained, experiment))
    parts = {"retrieval": rows, "gains": gains, "tests": tests}
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


RETRIEVAL = Item(
    "retrieval",
    "Retrieval",
    lambda session: _space_steps(session, "retrieval", "none"),
    lambda session: _retrieval(session, ("none",)),
)


CONTROL = Item(
    "control",
    "Random neurons",
    lambda session: _space_steps(session, "control", "random"),
    lambda session: _retrieval(session, ("none", "random")) | _distances(session, ("none", "random")),
)
