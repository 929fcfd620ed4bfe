"""What all visitors share (one engine, one queue), and what one visitor's pages share."""

from __future__ import annotations

import uuid

import streamlit as st

from core.engine import Engine, default_cache
from core.experiment import Experiment
from core.store import Store
from dashboard.jobs import Jobs, settle


@st.cache_resource(show_spinner="Starting …")
def jobs() -> Jobs:
    """The process's one queue, over the process's one engine."""
    started = Jobs(Engine(Store(default_cache())))
    settle()
    return started


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
