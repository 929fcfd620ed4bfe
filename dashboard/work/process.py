"""What all visitors of one server process share: one engine and one queue."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.location import default_cache
from core.pipeline.engine import Engine
from core.store.store import Store
from dashboard.work.protocol import Answers
from dashboard.work.queue import Jobs, settle


@dataclass(frozen=True)
class Process:
    """The engine that computes, and the queue in front of it."""

    engine: Engine
    jobs: Jobs


@st.cache_resource(show_spinner="Starting …")
def start() -> Process:
    """Start the process's engine and queue; every later call gives the same ones."""
    engine = Engine(Store(default_cache()))
    started = Process(engine, Jobs(Answers(engine)))
    settle()
    return started


def engine() -> Engine:
    """The process's engine: for what is known at once; everything else goes through `jobs`."""
    return start().engine


def jobs() -> Jobs:
    """The process's queue."""
    return start().jobs
