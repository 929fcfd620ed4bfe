"""Work of minutes that a page offers: the button with its cost, then its progress and a button that stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import access
from core.pipeline.backend import Question
from core.progress import duration
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.work import process

EVERY = 3.0
"""Seconds between two looks at work that is going on."""


@dataclass(frozen=True)
class Offer:
    """Long work, as a page offers it.

    Attributes
    ----------
    question : Question
        Hashable, as all that is asked of the queue.
    key : str
        Ends the keys of its buttons, ``start-KEY`` and ``stop-KEY``.
    title : str
        In the list of jobs.
    start, stop : str
        On its buttons.
    doing : str
        What goes on, before the stage: ``Searching``.
    about : str
        What a visitor should know before it starts; what it costs, unless given.
    meanwhile : str
        And while it goes on.
    icon : str
    primary : bool
        Whether its button is the page's main one.
    """

    question: Any
    key: str
    title: str
    start: str
    stop: str
    doing: str
    about: str = ""
    meanwhile: str = ""
    icon: str = "play_arrow"
    primary: bool = False


def watched(part: Callable[[bool], None], question: Any) -> None:
    """Draw a part of a page, again every `EVERY` seconds while the work that it shows goes on.

    Parameters
    ----------
    part : callable
        Draws it; is told whether the work went on when the page was drawn.
    """
    working = waiting.waits(question)

    def look() -> None:
        if working and not waiting.waits(question):
            st.rerun()  # the whole page, which looks every few seconds no longer
        part(working)

    st.fragment(look, run_every=EVERY if working else None)()


def draw(offer: Offer, working: bool) -> None:
    """Draw the button, or the progress; call it in a fragment that runs every `EVERY` seconds while it works.

    Parameters
    ----------
    working : bool
        Whether the work went on when the page was drawn; where it has ended since, the whole page is drawn anew.
    """
    if access.reads_only():
        theme.quiet("This server shows what is known, and computes nothing.")
        return
    jobs = process.jobs()
    job = jobs.find(offer.question)
    if job is not None and job.active:
        snapshot = job.snapshot
        stage = snapshot.stage.capitalize() if job.state == "running" else waiting.place(job)
        st.progress(min(snapshot.fraction, 1.0), f"{offer.doing}: {stage}")
        if offer.meanwhile:
            theme.quiet(offer.meanwhile)
        if waiting.may_stop(job) and st.button(
            offer.stop, icon=":material/stop_circle:", key=f"stop-{offer.key}", disabled=job.stop
        ):
            waiting.stop(offer.question)
            st.rerun()
        return
    if working:
        st.rerun()
    about = offer.about or _cost(offer.question)
    if about is None:
        return
    if job is not None and job.state == "failed":
        theme.problem(f"It ended: {waiting.reason(job)}")
    if st.button(
        offer.start,
        key=f"start-{offer.key}",
        icon=f":material/{offer.icon}:",
        type="primary" if offer.primary else "secondary",
    ):
        jobs.forget(offer.question)
        if waiting.ask(offer.question, offer.title):
            st.rerun()
    theme.quiet(about)


def _cost(question: Question) -> str | None:
    """What it costs, and how it behaves; None, with a line that says so, where it cannot be computed here."""
    seconds = waiting.expected(question)
    if seconds is None:
        return None
    return f"About {duration(max(seconds, 1))}. It gives way to whoever waits for something, and is kept."
