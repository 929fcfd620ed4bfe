"""What stands beside an answer that this machine did not compute, and how far this machine's own agrees with it."""

from __future__ import annotations

import streamlit as st

from core import access
from core.analyses.experts import ScoredNeurons
from core.errors import AskError
from core.experiment.settings import Experiment
from core.packs.agreement import compare
from core.pipeline.backend import Request
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.progress import duration
from dashboard.charts import theme
from dashboard.work import process
from dashboard.work.derived import once
from dashboard.work.job import key_of


def label(request: Request, answer: object) -> None:
    """Say where an answer was computed, if it is from a pack; once a page, beside what the page is about.

    The pack that comes with the program is only a beginning: this machine computes the same in the background.
    """
    origin = process.engine().origin(answer)
    if origin is None or not isinstance(answer, Result | ScoredNeurons):
        return
    opening = isinstance(request, Experiment) and process.packs().is_opening(answer)
    what = "A picture that comes with the program" if opening else "From a pack"
    with st.container(border=True, key=f"from-a-pack-{key_of(request)}"):
        theme.quiet(f"{what}, not from this machine: {origin}.")
        if opening and isinstance(request, Experiment):
            _own(request)


def _own(experiment: Experiment) -> None:
    """Have this machine compute the setting in the background, and say how far it is."""
    if access.reads_only():
        return
    job = process.jobs().find(experiment)
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
    st.progress(
        min(snapshot.fraction, 1.0),
        f"This machine computes the same, to put its own in place and say how far it agrees: {doing}",
    )


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
        f"This machine computed this setting itself. Beside the picture that comes with the program, {origin}, "
        f"{compare(own, other).in_words()}."
    )
