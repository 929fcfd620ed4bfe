"""Has what is free measured beside a result that a visitor goes on looking at: the verdict then comes by itself."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import streamlit as st

from core import access
from core.errors import AskError, BusyError
from core.models import download
from core.pipeline.result import Result
from core.progress import duration
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import session
from dashboard.work import free, process
from dashboard.work.job import Job
from dashboard.work.questions import RivalsQuestion

_LOOKS = 8.0  # seconds at one setting: who goes on moving the controls has nothing measured
_MOST = 600.0  # seconds: longer work begins on the page Is it real?, which asks first
_EVERY = 2.0  # seconds between two looks at the work


@dataclass
class _MeasuredUnasked:
    """What this visitor has measured without asking for it, of one result at a time.

    Attributes
    ----------
    question : RivalsQuestion or None
        Of the result that they saw last.
    since : float
        When they first saw it, or when the queue was full.
    decided : bool
        Whether it was asked for, or is not to be.
    """

    question: RivalsQuestion | None = None
    since: float = 0.0
    decided: bool = False


def draw(result: Result) -> None:
    """Say that what is free is not known beside a result, and have it measured in the background; nothing if it is."""
    question = RivalsQuestion(result.plan.experiment)
    _turn_to(question)
    if result.plan.experiment.strength == 0 or free.known(result) is not None:
        return
    if not access.works_unasked() or process.engine().origin(result) is not None or not _goes_on(question):
        theme.quiet(_words(process.jobs().find(question)))
        return
    _watch(result, question)


def _turn_to(question: RivalsQuestion) -> None:
    """Withdraw what this visitor has measured beside another result."""
    visitor = session.visitor()
    looked = visitor.part(_MeasuredUnasked)
    if looked.question == question:
        return
    if looked.question is not None:
        process.jobs().withdraw(visitor.name, looked.question)
    looked.question, looked.since, looked.decided = question, monotonic(), False


def _goes_on(question: RivalsQuestion) -> bool:
    """Whether it may still be asked for, or is being measured."""
    return not session.visitor().part(_MeasuredUnasked).decided or waiting.waits(question)


@st.fragment(run_every=_EVERY)
def _watch(result: Result, question: RivalsQuestion) -> None:
    visitor = session.visitor()
    looked = visitor.part(_MeasuredUnasked)
    if not looked.decided and monotonic() - looked.since >= _LOOKS:
        looked.decided, looked.since = _ask(result, question), monotonic()
    job = process.jobs().touch(visitor.name, question)
    if free.known(result) is not None or not _goes_on(question):
        st.rerun()  # the whole page, with the verdict or without a further look
    theme.quiet(_words(job))


def _ask(result: Result, question: RivalsQuestion) -> bool:
    """Have it measured where that takes minutes at most; return False where the queue is full."""
    jobs = process.jobs()
    job = jobs.find(question)
    try:
        here = download.pending(result.plan.resolved) is None
        if (job is None or job.state != "failed") and here and sum(jobs.backend.estimate(question).values()) <= _MOST:
            jobs.submit(session.visitor().name, question, background=True, title="What is free beside a result")
    except BusyError:
        return False
    except AskError:  # it cannot be measured on this machine
        return True
    return True


def _words(job: Job | None) -> str:
    """What is not known, and what becomes of it."""
    more = "More costs nothing: means, whitening and other layers, fitted on probe sentences."
    if job is not None and job.active:
        snapshot = job.snapshot
        remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
        doing = waiting.place(job) if job.state == "waiting" else snapshot.stage + remaining
        return (
            f"{more} How the intervention compares is not measured yet; that goes on in the background "
            f"({doing[:1].lower()}{doing[1:]}), and the verdict then stands here."
        )
    if access.reads_only():
        return f"{more} This server has not measured them for this setting."
    failed = f" It could not be done in the background: {waiting.reason(job)}." if job and job.state == "failed" else ""
    return f"{more} The page Is it real? measures how the intervention compares; its verdict then stands here.{failed}"
