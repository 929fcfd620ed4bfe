"""What stands beside an answer that this machine did not compute, and how far this machine's own agrees with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import streamlit as st

from core import access
from core.analyses import grid
from core.analyses.experts import ScoredNeurons
from core.errors import AskError
from core.experiment.settings import Experiment
from core.packs.agreement import compare
from core.pipeline.backend import Request
from core.pipeline.computed_settings import Summary
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.progress import duration
from dashboard.charts import theme
from dashboard.work import process
from dashboard.work.derived import once
from dashboard.work.job import key_of

_ORIGINS = 3  # that are named

MEASURES_ALONE = (
    "Its pack has the measures alone, which stand here and on Results. All else needs a pass of the model: have it and "
    "its sentences on this machine, or get a pack with its result."
)
"""Why a cell cannot be opened."""


def label(request: Request, answer: object) -> None:
    """Say where an answer was computed, if it is from a pack; once a page, beside what the page is about.

    The pack that comes with the program is only a beginning: this machine computes the same in the background.
    """
    origin = process.engine().origin(answer)
    if origin is None or not isinstance(answer, Result | ScoredNeurons):
        return
    opening = isinstance(request, Experiment) and process.packs().is_opening(answer)
    what = "A picture that comes with the program" if opening else "From a pack"
    with st.container(key=f"from-a-pack-{key_of(request)}"):
        theme.quiet(f"{what}, not from this machine: {origin}.")
        if opening and isinstance(request, Experiment):
            _own(request)


def _own(experiment: Experiment) -> None:
    """Have this machine compute the setting in the background, and say how far it is."""
    if access.reads_only():
        return
    job = process.jobs().find(experiment)
    if job is None and not access.works_unasked():
        return
    if job is None:
        try:
            process.jobs().submit("", experiment, background=True, title="The opening setting, on this machine")
        except AskError:  # the queue is full; the next look tries again
            return
    elif not job.active:
        if job.state == "failed":
            theme.quiet("This machine could not compute it: the page Jobs and cache says why.")
        return
    _progress(experiment)


@st.fragment(run_every=2.0)
def _progress(experiment: Experiment) -> None:
    job = process.jobs().find(experiment)
    if job is None or not job.active:
        st.rerun()
    snapshot = job.snapshot
    remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
    doing = "waiting for other work" if job.state == "waiting" else f"{snapshot.stage}{remaining}"
    # No bar: with one, the maps below would not be whole on a screen of 720 pixels.
    theme.quiet(f"This machine computes the same, to put its own in place and say how far it agrees: {doing}.")


def agreement(own: Result) -> None:
    """Say how far this machine's result agrees with that of the pack that comes with the program, where both are of one
    setting."""
    if process.engine().origin(own) is not None:
        return
    words = once(own, "agreement", lambda: _words(own))
    if words:
        theme.quiet(words)


def _words(own: Result) -> str:
    other = process.engine().answer_elsewhere(own.plan.experiment, Run.result)
    if other is None or not process.packs().is_opening(other):
        return ""
    origin = process.engine().origin(other)
    return (
        f"This machine computed this setting itself. Beside the picture that comes with the program ({origin}), "
        f"{compare(own, other).in_words()}."
    )


def counted(answers: Iterable[object]) -> None:
    """Say how many of some answers are from packs, and where these were computed."""
    found = Counter(str(origin) for answer in answers if (origin := process.engine().origin(answer)) is not None)
    for origin, number in found.most_common(_ORIGINS):
        theme.quiet(f"From a pack, not from this machine, {number:,} of them: {origin}.")


def axes(experiment: Experiment) -> tuple[set[int], set[float]]:
    """The numbers of neurons and the strengths that packs have of a grid: of settings that are like one in all else."""
    like = [setting for setting in process.packs().settings() if _ground(setting) == _ground(experiment)]
    return {setting.experts for setting in like}, {setting.strength for setting in like}


def opens(experiment: Experiment, lacking: AskError | None) -> bool:
    """Whether a setting can be opened: where its model is not here, as ``lacking`` says, if a pack has its result."""
    return lacking is None or process.engine().answer_elsewhere(experiment, Run.result) is not None


def neurons(experiment: Experiment) -> int | None:
    """How many neurons the model of a grid has that packs have cells of; None where they have none."""
    packs = process.packs()
    for setting, answer, _ in packs.every():
        if _ground(setting) == _ground(experiment) and packs.find(setting, grid.cell) is not None:
            total = _total(answer)
            if isinstance(total, int) and total > 0:
                return total
    return None


def _total(answer: Result | Summary) -> Any:
    """How many neurons a model has, as a pack says."""
    return answer.plan.outline.neurons.total if isinstance(answer, Result) else answer.conditions.get("n_neurons")


def _ground(setting: Experiment) -> Experiment:
    """A setting without its place in a grid, and without what a result is the same for."""
    return replace(setting, experts=1, strength=1.0, device="auto", dtype="auto", revision=None)
