"""What all visitors share (one engine, one queue), and what one visitor's pages share."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store.location import default_cache
from core.store.store import Store
from dashboard.work.protocol import Answers
from dashboard.work.queue import Jobs, settle


@dataclass(frozen=True)
class _Process:
    engine: Engine
    jobs: Jobs


@st.cache_resource(show_spinner="Starting …")
def process() -> _Process:
    """The process's one engine and its one queue."""
    engine = Engine(Store(default_cache()))
    started = _Process(engine, Jobs(Answers(engine)))
    settle()
    return started


def engine() -> Engine:
    """The process's engine: for what is known at once; everything else goes through `jobs`."""
    return process().engine


def jobs() -> Jobs:
    """The process's queue."""
    return process().jobs


def visitor() -> str:
    """A name for this browser tab's session."""
    name: str = st.session_state.setdefault("visitor", uuid.uuid4().hex)
    return name


def set_experiment(experiment: Experiment) -> None:
    """Remember what the controls say, for the page to read."""
    st.session_state["chosen"] = experiment


def experiment() -> Experiment:
    """What the controls say."""
    chosen: Experiment = st.session_state["chosen"]
    return chosen


def set_pages(pages: dict[str, Any], current: str) -> None:
    """Remember the pages by path, and which is shown."""
    st.session_state["pages"], st.session_state["page"] = pages, current


def page() -> str:
    """Path of the page that is shown; empty for the first."""
    return str(st.session_state.get("page", ""))


def go(path: str, experiment: Experiment, **view: str) -> None:
    """Open a page with these settings and this view of it (see `dashboard.state.page_state`)."""
    st.session_state["experiment"] = experiment
    st.session_state["generation"] = st.session_state.get("generation", 0) + 1
    st.session_state.setdefault("views", {})[path] = dict(view)
    st.switch_page(st.session_state["pages"][path])
