"""What is free beside a result, where it has been measured."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from core.analyses.rival_spaces import RivalSpaces
from core.analyses.rival_verdict import SpaceComparison, against_all
from core.errors import AskError
from core.pipeline.result import Result
from dashboard.work import housekeeping, process
from dashboard.work.derived import once
from dashboard.work.questions import ControlQuestion, RivalsQuestion

_EVERY = 60.0  # seconds


def known(result: Result) -> RivalSpaces | None:
    """The intervention beside its free rivals, if they have been measured."""
    return stored(result, RivalsQuestion(result.plan.experiment))


def against(spaces: RivalSpaces) -> tuple[SpaceComparison, ...]:
    """The intervention against every free rival, worked out once for the spaces, since it draws sentences."""
    return once(spaces, "against", lambda: against_all(spaces))


def control(result: Result) -> RivalSpaces | None:
    """The same on neurons drawn at random, if that has been measured; None where it would say nothing."""
    experiment = result.plan.experiment
    if experiment.control != "none" or experiment.strength == 0:
        return None
    return stored(result, ControlQuestion(replace(experiment, control="random")))


def stored(result: Result, question: RivalsQuestion | ControlQuestion) -> RivalSpaces | None:
    """The answer to a question about a result if it is stored; looked up until it is, then kept with the result.

    It is looked up anew when it was computed here, or something was stored on this machine, and otherwise once a
    minute: another may have.
    """
    kept: dict[str, Any] = once(result, question, dict)
    if kept.get("spaces") is None and kept.get("looked") != (now := _moment(question)):
        kept["looked"] = now
        try:
            kept["spaces"] = process.jobs().result(question)
        except AskError:
            return None
    return kept.get("spaces")


def _moment(question: RivalsQuestion | ControlQuestion) -> Hashable:
    """What changes when an answer may have come: reading changes nothing but the folders of locks and the like."""
    job = process.jobs().find(question)
    moment = int(time.monotonic() / _EVERY), job and job.state
    try:
        folders = housekeeping.stored(process.engine().store.root)
    except OSError:
        return moment
    return moment, tuple((name, at) for name, at in folders if not name.startswith("."))
