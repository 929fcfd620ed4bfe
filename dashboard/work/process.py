"""What all visitors of one server process share: one engine and one queue."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from core import access
from core.cluster import connection
from core.errors import AskError
from core.experiment.settings import Experiment
from core.location import default_cache
from core.packs.pack_folder import OPENING, PackFolder
from core.pipeline.backend import Backend, LocalBackend, Request
from core.pipeline.child import ChildBackend
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.store.read_only import open_cache
from dashboard.work.garbage import settle
from dashboard.work.queue import Jobs

T = TypeVar("T")


@dataclass(frozen=True)
class Process:
    """The engine that computes, and the queue in front of it."""

    engine: Engine
    jobs: Jobs


def computes_in_child() -> bool:
    """Whether a server has a child process that computes; what little a cache that is only read asks needs none."""
    return os.environ.get(access.WORKER) == "child" and not access.reads_only()


def cluster() -> str | None:
    """The address of the cluster that jobs are sent to, empty for one on this machine; None where none is.

    Raises
    ------
    SettingError
        If the variable names no engine.
    """
    engine = os.environ.get(access.WORKER) or "here"
    if access.reads_only() or engine in ("child", "here"):
        return None
    return connection.chosen(engine)


def backend(engine: Engine) -> Backend:
    """What computes for this server: itself, its child process, or a cluster."""
    address = cluster()
    if address is not None:
        from core.cluster.backend import ClusterBackend

        return ClusterBackend(engine, address)
    return ChildBackend(engine) if computes_in_child() else LocalBackend(engine)


@st.cache_resource(show_spinner="Starting …", on_release=lambda started: started.jobs.backend.close())
def start() -> Process:
    """Start the process's engine and queue; every later call gives the same ones."""
    engine = Engine(open_cache(default_cache()), PackFolder(default_cache(), OPENING))
    started = Process(engine, Jobs(backend(engine)))
    settle()
    return started


def engine() -> Engine:
    """The process's engine: for what is known at once; everything else goes through `jobs`."""
    return start().engine


def known_beside(experiment: Experiment, question: Callable[[Run], T]) -> T | None:
    """The answer to a question beside what a page is about, if it is known; None also where there can be none here."""
    try:
        return engine().answer_known(experiment, question)
    except AskError:  # the model is not on this machine, and the page shows what a pack has
        return None


def known(request: Request) -> Any | None:
    """The answer to a request if it is known; None also where there can be none here."""
    try:
        return jobs().result(request)
    except AskError:  # whoever waits for it is told why
        return None


def packs() -> PackFolder:
    """The packs of this machine."""
    elsewhere = start().engine.elsewhere
    assert isinstance(elsewhere, PackFolder)
    return elsewhere


def jobs() -> Jobs:
    """The process's queue."""
    return start().jobs
