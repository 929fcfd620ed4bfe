"""What a page shows while its numbers are being computed, or when they cannot be computed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from time import sleep
from typing import Any

import streamlit as st

from core import access
from core.analyses.translation_ranks import Ranks
from core.errors import AskError, in_one_line
from core.experiment.settings import Experiment
from core.pipeline.backend import Question, Request
from core.pipeline.early_estimates import Estimate
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.progress import duration
from dashboard.charts import theme
from dashboard.page import downloading, packed
from dashboard.state import role, session
from dashboard.work import process
from dashboard.work.job import Job, key_of
from dashboard.work.questions import RanksQuestion

log = logging.getLogger(__name__)

# seconds; longer work starts only when the visitor confirms it
_ASK_BEFORE = 600.0
_SETTLES = 0.35  # seconds without another change: longer than from one press of an arrow key to the next


@dataclass
class _StoppedQuestions:
    """What this visitor stopped of a setting and has not asked for again; a page may ask for several things."""

    setting: Experiment | None = None
    requests: set[Request] = field(default_factory=set)

    def of(self, setting: Experiment | None) -> set[Request]:
        """What is stopped at a setting: with another setting all is asked for anew."""
        if setting != self.setting:
            self.setting, self.requests = setting, set()
        return self.requests


@dataclass
class _LastAsked:
    """What this visitor saw or asked for last, and the page and setting at which an answer was known.

    Of questions the last of each kind, with the setting that they were asked at: a page asks for several kinds.
    """

    experiment: Experiment | None = None
    questions: dict[type, tuple[Request, Experiment | None]] = field(default_factory=dict)
    place: tuple[str, Experiment | None] | None = None


def result_or_wait(experiment: Experiment) -> Result | None:
    """Return the result if it is known; else draw the progress or the problem, and return None."""
    result: Result | None = answer_or_wait(experiment)
    return result


def ranks_or_wait(experiment: Experiment) -> tuple[Result, Ranks, Ranks] | None:
    """As `result_or_wait`, with the ranks of translations before and after, which are asked for once that is there."""
    result = result_or_wait(experiment)
    ranks: tuple[Ranks, Ranks] | None = None if result is None else answer_or_wait(RanksQuestion(experiment))
    return None if result is None or ranks is None else (result, ranks[0], ranks[1])


def answer_or_wait(request: Request) -> Any | None:
    """Return the answer to a request if it is known; else draw the progress or the problem, and return None.

    A visitor waits for one request at a time: this one withdraws the request that they waited for before. What a page
    asks for beside what it waits for already is asked for once that is there; else the two would withdraw each other,
    and neither would ever end.
    """
    jobs, visitor = process.jobs(), session.visitor()
    try:
        answer = jobs.result(request)
        if answer is not None:
            _leave_what_is_behind()
            _seen(request)
            packed.label(request, answer)
            return answer
        stopped = visitor.part(_StoppedQuestions).of(visitor.experiment)
        if jobs.was_stopped(visitor.name, request):
            stopped.add(request)
        if request in stopped:
            _stopped(request)
            return None
        job = jobs.find(request)
        if job is not None and job.state == "failed":
            _failed(job)
            return None
        if visitor.waits_for not in (None, request) and waits(visitor.waits_for):
            theme.quiet("What belongs here is computed after what this page waits for already.")
            return None
        if job is None or not job.active:
            if not downloading.may_begin(request):
                return None
            seconds = sum(jobs.backend.estimate(request).values())
            if seconds > _ASK_BEFORE and not _confirmed(request, seconds):
                return None
            settle(request)
        jobs.submit(visitor.name, request)
    except AskError as error:
        refusal(error)
        return None
    except Exception as unexpected:
        log.exception("the request cannot be looked up")
        wrong(in_one_line(unexpected))
        return None
    visitor.waits_for = request
    _progress(request)
    return None


def _leave_what_is_behind() -> None:
    """Withdraw what this visitor asked for on another page or for another setting.

    A page that is drawn again may wait for its second answer, and its first is known: nothing of it is withdrawn.
    """
    visitor = session.visitor()
    asked, here = visitor.part(_LastAsked), (visitor.page, visitor.experiment)
    if asked.place != here:
        asked.place = here
        process.jobs().leave(visitor.name)


def settle(request: Request) -> None:
    """Let a moment pass before a change of controls is computed: who goes on moving them meanwhile asks for nothing.

    Streamlit ends this run of the page where it next draws, if another has been asked for.
    """
    asked, setting = session.visitor().part(_LastAsked), session.visitor().experiment
    of_setting = _setting_of(request) == setting and asked.experiment not in (None, setting)
    before = asked.questions.get(type(request))
    of_question = before is not None and before[0] != request and before[1] == setting
    if of_setting or of_question:
        sleep(_SETTLES)
        st.empty()
    _seen(request)


def _seen(request: Request) -> None:
    """Note what was shown or asked for last: another setting, or another question at the same one, is a change."""
    asked, setting = session.visitor().part(_LastAsked), session.visitor().experiment
    if _setting_of(request) == setting:  # not one to compare with
        asked.experiment = setting
    if not isinstance(request, Experiment):
        asked.questions[type(request)] = request, setting


def _setting_of(request: Request) -> Experiment | None:
    """The setting that a request is of: itself, or what a question asks about."""
    asked = request if isinstance(request, Experiment) else getattr(request, "experiment", None)
    return asked if isinstance(asked, Experiment) else None


def expected(question: Question) -> float | None:
    """Seconds that a question is expected to take; None, with a line that says so, where it cannot be computed here.

    None, without a line, also where nothing is: a page then offers nothing.
    """
    if access.reads_only():
        return None
    try:
        return question.estimate(process.engine())
    except AskError as error:
        theme.quiet(access.words(f"More cannot be computed here: {error.why}."))
        return None


def ask(request: Request, title: str = "") -> Job | None:
    """Have a request computed in the background; draw the refusal and return None where the queue is full.

    A server that only reads has nothing computed, whatever a page asks for: None.
    """
    if access.reads_only():
        return None
    visitor = session.visitor()
    try:
        job = process.jobs().submit(visitor.name, request, background=True, title=title)
    except AskError as error:
        refusal(error)
        return None
    visitor.part(_StoppedQuestions).requests.discard(request)
    return job


def may_stop(job: Job) -> bool:
    """Whether it is for this visitor to stop a job: it is theirs too, or they run this server."""
    return role.is_admin() or session.visitor().name in job.seen


def stop(request: Request) -> None:
    """Stop a request for all, where the visitor runs this server; else for the visitor alone."""
    if role.is_admin():
        process.jobs().stop(request)
    else:
        visitor = session.visitor()
        process.jobs().withdraw(visitor.name, request)
        visitor.part(_StoppedQuestions).of(visitor.experiment).add(request)  # no page asks for it again by itself


def place(job: Job) -> str:
    """What a job that waits waits for, in words."""
    ahead = process.jobs().ahead(job)
    others = "another request" if ahead == 1 else f"{ahead:,} other requests"
    if job.paused:
        return f"Paused for {others}; goes on by itself" if ahead else "Going on"
    return f"Waiting for {others} to finish" if ahead else "Starting"


def waits(request: Request) -> bool:
    """Whether the request is being computed, or waits to be."""
    job = process.jobs().find(request)
    return job is not None and job.active


def refusal(error: AskError) -> None:
    """Draw an error: what was asked, why it cannot be done, and what to do instead."""
    with st.container(border=True):
        st.markdown("## :material/error: This cannot be shown")
        # The error quotes what people typed, so it is shown as text, never as markup.
        for title, text in (("Asked", error.what), ("Why", error.why), ("Instead", error.instead)):
            left, right = st.columns([1, 9])
            left.markdown(f"**{title}**")
            right.text(access.words(text))


def _confirmed(request: Request, seconds: float) -> bool:
    with st.container(border=True):
        st.markdown(f"## Computing this takes about {duration(seconds)}")
        theme.quiet("It goes on when you leave the page, and whatever it finishes is kept.")
        return st.button("Compute it", type="primary", key=f"confirm-{key_of(request)}")


def wrong(text: str) -> None:
    """Draw an error that nobody foresaw."""
    with st.container(border=True):
        st.markdown("## :material/error: Something went wrong")
        # What is unexpected may quote anything: a file's words, a place on the disk.
        st.text("Whoever runs this server finds why in its log." if access.current().public else text)


def reason(job: Job) -> str:
    """Why a job failed, in one line."""
    return why(job.error)


def why(error: AskError | str | None) -> str:
    """An error in one line; on a public server nothing that nobody foresaw is told, as in `wrong`."""
    if isinstance(error, AskError):
        return access.words(f"{error.what}: {error.why}")
    return "the server's log says why" if error and access.current().public else str(error or "")


def _failed(job: Job) -> None:
    if isinstance(job.error, AskError):
        refusal(job.error)
    else:
        wrong(str(job.error))
    if st.button("Try again", type="primary", key=f"again-{key_of(job.request)}"):
        process.jobs().forget(job.request)
        st.rerun()


def _stopped(request: Request) -> None:
    """Say that the request was stopped, by this visitor or for all, and offer to compute it.

    It stays stopped for this visitor even while it is computed for another one.
    """
    with st.container(border=True):
        st.markdown("## Stopped")
        st.text("What was finished is kept.")
    if st.button("Compute it", type="primary", key=f"compute-{key_of(request)}"):
        session.visitor().part(_StoppedQuestions).requests.discard(request)
        st.rerun()


@st.fragment(run_every=1.0)
def _progress(request: Request) -> None:
    jobs = process.jobs()
    job = jobs.touch(session.visitor().name, request)
    if job is None or not job.active:
        st.rerun()
    with st.container(border=True):
        st.markdown("## Computing")
        if job.state == "waiting":
            st.progress(0.0, place(job))
        else:
            snapshot = job.snapshot
            remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
            st.progress(min(snapshot.fraction, 1.0), f"{snapshot.stage.capitalize()}{remaining}")
        if job.progress is not None and isinstance(job.progress.partial, Estimate):
            _estimate(job.progress.partial, request)
        theme.quiet(
            "What belongs here appears when it is ready. Results are kept: what was computed once "
            "opens at once the next time, and a change of neurons or strength computes only the space after it."
        )
        if st.button("Stop", icon=":material/stop_circle:", key=f"stop-{key_of(request)}"):
            visitor = session.visitor()
            jobs.leave(visitor.name)
            visitor.part(_StoppedQuestions).of(visitor.experiment).add(request)
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
    fewest, most = min(estimate.among), max(estimate.among)
    among = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    theme.quiet(
        f"From {estimate.rows:,} of {estimate.of:,} sentences, drawn at random. Each looks for its translation among "
        f"{among} candidates so far, which is easier than among all: expect top-1 to fall as more come in, before and "
        "after alike."
    )
