"""What is free beside a result, where it has been measured."""

from __future__ import annotations

from dataclasses import replace

from core.analyses.rival_spaces import RivalSpaces
from core.errors import AskError
from core.pipeline.result import Result
from dashboard.work import process
from dashboard.work.derived import once
from dashboard.work.questions import ControlAsked, RivalsAsked


def known(result: Result) -> RivalSpaces | None:
    """The intervention beside its free rivals, if the page Is it real? has measured them."""
    return stored(result, RivalsAsked(result.plan.experiment))


def control(result: Result) -> RivalSpaces | None:
    """The same on neurons drawn at random, if that has been measured; None where it would say nothing."""
    experiment = result.plan.experiment
    if experiment.control != "none" or experiment.strength == 0:
        return None
    return stored(result, ControlAsked(replace(experiment, control="random")))


def stored(result: Result, question: RivalsAsked | ControlAsked) -> RivalSpaces | None:
    """The answer to a question about a result if it is stored; looked up until it is, then kept with the result."""
    kept: dict[str, RivalSpaces] = once(result, question, dict)
    if "spaces" not in kept:
        try:
            found = process.jobs().result(question)
        except AskError:
            found = None
        if found is None:
            return None
        kept["spaces"] = found
    return kept["spaces"]
