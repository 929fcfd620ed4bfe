"""The jobs that run, the artefacts in the cache, and the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import psutil
import streamlit as st
import torch

from core import access
from core.errors import AskError
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.progress import duration
from core.stats.units import counted
from core.store import inventory, quota
from core.store.inventory import size
from core.sweep import status
from core.sweep.status import Status
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import page_state, role, session
from dashboard.work import process
from dashboard.work.job import Health, Job, key_of

_PACKAGES = ("torch", "transformers", "streamlit", "umap-learn", "scikit-learn", "altair", "pandas", "numpy", "numba")
_STATES = {"waiting": "waits", "running": "runs", "done": "finished", "failed": "failed", "stopped": "stopped"}
_ENDED_SHOWN = 20
_COLUMNS = ("size", "bytes", "newest", "again", "stage")


def draw() -> None:
    """Draw the page."""
    theme.quiet("What runs, what is kept, and on what machine.")
    theme.ready()
    _jobs()
    _sweeps()
    if not role.is_admin():
        theme.quiet("These are your own jobs. Whoever runs this server sees all of them, the cache and the machine.")
        return
    _cache()
    _machine()


@st.fragment(run_every=2.0)
def _jobs() -> None:
    st.header("What runs", anchor=False)
    admin, visitor = role.is_admin(), session.visitor().name
    jobs = [job for job in process.jobs().all() if admin or visitor in job.seen]
    active = [job for job in jobs if job.active]
    if not active:
        theme.quiet("Nothing runs or waits.")
    for job in active:
        with st.container(border=True):
            left, right = st.columns([6, 1], vertical_alignment="center")
            left.text(title(job))
            if job.state == "running":
                snapshot = job.snapshot
                remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
                left.progress(min(snapshot.fraction, 1.0), f"{snapshot.stage.capitalize()}{remaining}")
            else:
                left.caption(f"{waiting.place(job)}.")
            # Whoever runs the server stops a job for all; a visitor lets go of it, and it goes on for others.
            label = "Stop" if admin else "Withdraw"
            if right.button(label, key=f"stop-{key_of(job.request)}", disabled=job.stop):
                waiting.stop(job.request)
                st.rerun()
    ended = [job for job in reversed(jobs) if not job.active][:_ENDED_SHOWN]
    if ended:
        with st.expander("Ended"):  # a title that counts them would close it whenever one more ends
            theme.quiet(f"The last {len(ended):,}." if len(ended) > 1 else "The last one.")
            drawing.table(ended_frame(ended), key="ended")
    health = process.jobs().health()
    (theme.quiet if health.alive else theme.problem)(
        health_words(health) + (f" {process.jobs().backend.about()}" if admin else "")
    )


@st.fragment(run_every=2.0)
def _sweeps() -> None:
    """Sweeps run in processes of their own, and say in the cache how they go."""
    if not role.is_admin():
        return
    root = process.engine().store.root
    sweeps = status.read(root)
    if not sweeps:
        return
    st.header("Sweeps", anchor=False)
    for sweep in (one for one in sweeps if one.alive):
        with st.container(border=True):
            _running_sweep(root, sweep)
    ended = [one for one in sweeps if not one.alive]
    if ended:
        with st.expander("Sweeps that ended"):
            drawing.table(sweep_frame(ended), key="sweeps")


def _running_sweep(root: Path, sweep: Status) -> None:
    stops, offered = status.stops(root, sweep), bool(sweep.run) and not access.reads_only()
    shown, right = st.columns([6, 1], vertical_alignment="center")
    shown.text(sweep.title)
    left = f", about {duration(sweep.remaining)} left" if sweep.remaining >= 1 else ""
    shown.progress(min(sweep.fraction, 1.0), f"{sweep_counts(sweep)}: {sweep.now}{left}")
    with shown:
        where = "" if offered else " Stop it where it was started."
        now = "It is being stopped." if stops else "Its cells are on the page Results."
        theme.quiet(f"By {sweep.engine}, on {sweep.host}. {now}{where}")
    if offered and right.button("Stop", key=f"stop-sweep-{sweep.run}", disabled=stops):
        try:
            status.stop(root, sweep)
        except AskError as error:
            waiting.refusal(error)
        else:
            st.rerun()


def sweep_counts(sweep: Status) -> str:
    """How far a sweep is, in words."""
    failed = f", {sweep.failed:,} failed" if sweep.failed else ""
    return f"{sweep.done:,} of {counted(sweep.cells, 'cell')}{failed}"


def sweep_frame(sweeps: list[Status]) -> pd.DataFrame:
    """One row a sweep that ended: ``what, how, cells, table in``; one that says nothing any more was cut off."""
    how = {status.DONE: "finished", status.STOPPED: "stopped"}
    return pd.DataFrame(
        [
            {
                "what": one.title,
                "how": how.get(one.state, "cut off"),
                "cells": sweep_counts(one),
                "table in": one.folder,
            }
            for one in sweeps
        ]
    )


def health_words(health: Health) -> str:
    """How the worker does, in words."""
    state = "The worker is well." if health.alive else "The worker has ended; the next request starts another."
    counts = f"Since the server started: ended {health.ended:,}, of these failed {health.failed:,}"
    return f"{state} {counts}, worker started again {health.restarts:,}."


def title(job: Job) -> str:
    """The title of a job in a list."""
    if job.title:
        return job.title
    request = job.request
    experiment = request if isinstance(request, Experiment) else getattr(request, "experiment", None)
    if not isinstance(experiment, Experiment):
        return type(request).__name__
    asks = f"{asked}: " if (asked := getattr(request, "asks", "")) else ""
    return asks + in_words(experiment)


def ended_frame(jobs: list[Job]) -> pd.DataFrame:
    """One row an ended job: ``what, how, why``."""
    return pd.DataFrame([{"what": title(job), "how": _STATES[job.state], "why": waiting.reason(job)} for job in jobs])


def _cache() -> None:
    st.header("What is kept", anchor=False)
    store = process.engine().store
    artefacts, disk = inventory.table(store), inventory.disk(store)
    total = int(artefacts["bytes"].sum())
    theme.quiet(
        f"{size(total)} in {counted(int(artefacts['artefacts'].sum()), 'artefact')} in {store.root}; "
        f"{size(disk.free)} of {size(disk.total)} free on that disk. At most {size(quota.limit(store.root))} are kept: "
        "what was used least recently goes first, and what takes long to compute again stays longer. What is kept "
        f"opens at once; what is taken away is {'fetched or ' if store.shared else ''}computed again when it is needed."
    )
    if store.shared is not None:
        theme.quiet(_shared(store.shared.place.address))
    for message in store.damaged:
        theme.problem(message)
    if artefacts.empty:
        return
    rows = artefacts.assign(size=artefacts["bytes"].map(size))[
        ["what", "artefacts", *(("fetched", "waiting") if store.shared else ()), *_COLUMNS]
    ]
    columns = {
        "bytes": None,
        "stage": None,
        "again": "to have it again",
        "fetched": "of them fetched",
        "waiting": "to be sent",
        "newest": st.column_config.DatetimeColumn("newest (UTC)", format="YYYY-MM-DD HH:mm"),
    }
    drawing.table(rows, key="kept", column_config=columns)
    if not access.reads_only():
        _remove(artefacts)


@st.cache_data(ttl=60, show_spinner="Asking the shared store …")
def _shared(address: str) -> str:  # noqa: ARG001 - by which it is cached
    """What is shared, in words; asked over the network, so not at every drawing."""
    return inventory.shared_words(process.engine().store)


def _remove(artefacts: pd.DataFrame) -> None:
    names = dict(zip(artefacts["stage"], artefacts["what"], strict=True))
    sizes = dict(zip(artefacts["stage"], artefacts["bytes"], strict=True))
    stages = st.multiselect(
        "Take away",
        list(names),
        format_func=names.__getitem__,  # without the size: an option whose words change is no longer chosen
        key=page_state.key("remove"),
    )
    if not stages:
        return
    busy = any(job.active for job in process.jobs().all())
    if busy:
        theme.problem("Something runs or waits; stop it first, or what it needs may be taken from under it.")
    freed = size(sum(sizes[stage] for stage in stages))
    if st.button(f"Take {freed} away for good", type="primary", key="remove-for-good", disabled=busy):
        count, gone = inventory.remove(process.engine().store, stages)
        process.jobs().drop_answers()
        st.toast(f"{counted(count, 'artefact')}, {size(gone)}, {'is' if count == 1 else 'are'} gone.")
        st.rerun()


def _machine() -> None:
    st.header("The machine", anchor=False)
    memory = psutil.virtual_memory()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the processor (no GPU)"
    rows = {
        "Processor": f"{platform.processor() or platform.machine()}, {counted(os.cpu_count() or 1, 'core')}",
        "Memory": f"{size(memory.total)}, {size(memory.available)} free",
        "Models run on": f"{device}, {counted(torch.get_num_threads(), 'thread')}",
        "System": platform.platform(),
        "Python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }
    frame = pd.DataFrame({"what": list(rows), "which": list(rows.values())})
    drawing.table(frame, key="machine", height=38 + 35 * len(frame))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
