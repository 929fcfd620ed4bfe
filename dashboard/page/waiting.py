"""What a page shows while its numbers are being computed, or when they cannot be computed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.errors import AskError
from core.experiment.settings import Experiment
from core.pipeline.early_estimates import Estimate
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.progress import duration
from dashboard.charts import theme
from dashboard.state import session
from dashboard.work import process
from dashboard.work.protocol import Request
from dashboard.work.queue import Job, in_one_line

log = logging.getLogger(__name__)

# seconds; longer work starts only when the visitor confirms it
_ASK_BEFORE = 600.0


@dataclass
class _Stopped:
    """The request that this visitor stopped last and has not asked for again."""

    request: Request | None = None


def result_or_wait(experiment: Experiment) -> Result | None:
    """Return the result if it is known; else draw the progress or the problem, and return None."""
    result: Result | None = answer_or_wait(experiment)
    return result


def answer_or_wait(request: Request) -> Any | None:
    """Return the answer to a request if it is known; else draw the progress or the problem, and return None.

    A visitor waits for one request at a time: this one withdraws the request that they waited for before.
    """
    jobs = process.jobs()
    try:
        answer = jobs.result(request)
        if answer is not None:
            jobs.leave(session.visitor().name)
            return answer
        stopped = session.visitor().part(_Stopped)
        if stopped.request == request:
            _stopped()
            return None
        stopped.request = None
        job = jobs.find(request)
        if job is not None and job.state == "failed":
            _failed(job)
            return None
        if job is None or not job.active:
            seconds = sum(jobs.backend.estimate(request).values())
            if seconds > _ASK_BEFORE and not _confirmed(request, seconds):
                return None
    except AskError as error:
        refusal(error)
        return None
    except Exception as unexpected:
        log.exception("the request cannot be looked up")
        _wrong(in_one_line(unexpected))
        return None
    jobs.submit(session.visitor().name, request)
    _progress(request)
    return None


def refusal(error: AskError) -> None:
    """Draw an error: what was asked, why it cannot be done, and what to do instead."""
    with st.container(border=True):
        st.markdown("#### :material/error: This cannot be shown")
        # The error quotes what people typed, so it is shown as text, never as markup.
        for title, text in (("Asked", error.what), ("Why", error.why), ("Instead", error.instead)):
            left, right = st.columns([1, 9])
            left.markdown(f"**{title}**")
            right.text(text)


def _confirmed(request: Request, seconds: float) -> bool:
    with st.container(border=True):
        st.markdown(f"#### Computing this takes about {duration(seconds)}")
        theme.quiet("It goes on when you leave the page, and whatever it finishes is kept.")
        return st.button("Compute it", type="primary", key=f"confirm-{hash(request)}")


def _wrong(text: str) -> None:
    with st.container(border=True):
        st.markdown("#### :material/error: Something went wrong")
        st.text(text)


def _failed(job: Job) -> None:
    if isinstance(job.error, AskError):
        refusal(job.error)
    else:
        _wrong(str(job.error))
    if st.button("Try again", type="primary"):
        process.jobs().forget(job.request)
        st.rerun()


def _stopped() -> None:
    """Say that this visitor stopped the request, and offer to compute it.

    It stays stopped for this visitor even while it is computed for another one.
    """
    with st.container(border=True):
        st.markdown("#### Stopped")
        st.text("What was finished is kept.")
    if st.button("Compute it", type="primary"):
        session.visitor().part(_Stopped).request = None
        st.rerun()


@st.fragment(run_every=1.0)
def _progress(request: Request) -> None:
    jobs = process.jobs()
    job = jobs.touch(session.visitor().name, request)
    if job is None or not job.active:
        st.rerun()
    with st.container(border=True):
        st.markdown("#### Computing")
        if job.state == "waiting":
            ahead = jobs.ahead(job)
            others = "another request" if ahead == 1 else f"{ahead} other requests"
            st.progress(0.0, f"Waiting for {others} to finish" if ahead else "Starting")
        else:
            snapshot = job.snapshot
            remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
            st.progress(min(snapshot.fraction, 1.0), f"{snapshot.stage.capitalize()}{remaining}")
        if job.progress is not None and isinstance(job.progress.partial, Estimate):
            _estimate(job.progress.partial, request)
        theme.quiet(
            "The picture of the new setting appears here when it is ready. Results are kept: what was computed once "
            "opens at once the next time, and a change of neurons or strength computes only the space after it."
        )
        if st.button("Stop", icon=":material/stop_circle:"):
            jobs.leave(session.visitor().name)
            session.visitor().part(_Stopped).request = request
            st.rerun()


def _estimate(estimate: Estimate, request: Request) -> None:
    """Draw the estimates from the sentences embedded so far, with their intervals."""
    target = theme.name(request.target) if isinstance(request, Experiment) else "the target"
    for column, name, pre, post in zip(
        st.columns(2),
        ("target_top1", "target_distance"),
        (estimate.pre, estimate.distance_pre),
        (estimate.post, estimate.distance_post),
        strict=True,
    ):
        measure = MEASURES[name]
        write = measure.unit.text
        column.metric(
            f"{measure.titled(target)}, so far",
            f"{write(post.low)} to {write(post.high)}",
            f"before: {write(pre.low)} to {write(pre.high)}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="95% interval after the intervention; the mean of the sentences so far is "
            f"{write(post.value)}, before the intervention {write(pre.value)}.",
        )
    theme.quiet(
        f"From {estimate.rows:,} of {estimate.of:,} sentences, drawn at random. Each looks for its translation among "
        f"{estimate.rows:,} candidates so far, which is easier than among all: expect top-1 to fall as more come in, "
        "before and after alike."
    )
