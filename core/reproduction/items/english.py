"""Item 9: retrieval between English and one language at a time, on Tatoeba and BUCC."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from core.pipeline.run import Run
from core.reproduction import measures
from core.reproduction.session import Item, Session
from core.reproduction.steps import Step


def _measure(run: Run) -> pd.DataFrame:
    """Both directions of the only pair, in both spaces."""
    return measures.retrieval_tables(run)[0]


def _steps(kind: str) -> Callable[[Session], list[Step]]:
    def steps(session: Session) -> list[Step]:
        made = []
        for language in session.settings.paired(kind):
            experiment = session.settings.with_english(language, kind)
            seconds = session.expected(experiment, "embed_pre", "embed_post", "measure")
            made.append(session.step(kind, language, experiment, _measure, seconds))
        return made

    return steps


def _tables(kind: str) -> Callable[[Session], dict[str, pd.DataFrame]]:
    def tables(session: Session) -> dict[str, pd.DataFrame]:
        parts = []
        for language in session.settings.paired(kind):
            experiment = session.settings.with_english(language, kind)
            parts.append(session.labelled(session.ask(experiment, _measure), experiment))
        return {kind: pd.concat(parts, ignore_index=True)}

    return tables


def _why_not(kind: str) -> Callable[[Session], str]:
    return lambda session: "" if getattr(session.settings, kind) is not None else f"Not asked for (--{kind} DIR)."


TATOEBA, BUCC = (
    Item(kind, f"{title} with English", _steps(kind), _tables(kind), _why_not(kind))
    for kind, title in (("tatoeba", "Tatoeba"), ("bucc", "BUCC"))
)
