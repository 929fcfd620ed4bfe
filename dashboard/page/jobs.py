"""The jobs that run, the artefacts in the cache, and the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import pandas as pd
import psutil
import streamlit as st
import torch

from core.errors import AskError
from core.experiment.settings import Experiment
from core.progress import duration
from core.store import inventory
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.state import page_state
from dashboard.work import process
from dashboard.work.queue import Job

_PACKAGES = ("torch", "transformers", "streamlit", "umap-learn", "scikit-learn", "altair", "pandas", "numpy", "numba")
_STATES = {"waiting": "waits", "running": "runs", "done": "finished", "failed": "failed", "stopped": "stopped"}
_ENDED_SHOWN = 20


def draw() -> None:
    """Draw the page."""
    theme.quiet("What runs, what is kept, and on what machine.")
    st.html('<div data-testid="result-ready"></div>')
    _jobs()
    _cache()
    _machine()


@st.fragment(run_every=2.0)
def _jobs() -> None:
    st.subheader("What runs", anchor=False)
    jobs = process.jobs().all()
    active = [job for job in jobs if job.active]
    if not active:
        theme.quiet("Nothing runs or waits.")
    for number, job in enumerate(active):
        with st.container(border=True):
            left, right = st.columns([6, 1], vertical_alignment="center")
            left.text(title(job))
            if job.state == "running":
                snapshot = job.snapshot
                remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
                left.progress(min(snapshot.fraction, 1.0), f"{snapshot.stage.capitalize()}{remaining}")
            else:
                left.caption(f"Waits for {process.jobs().ahead(job)} before it.")
            if right.button("Stop", key=f"stop-{number}-{hash(job.request)}", disabled=job.stop):
                process.jobs().stop(job.request)
                st.rerun()
    ended = [job for job in reversed(jobs) if not job.active][:_ENDED_SHOWN]
    if ended:
        with st.expander(f"Ended ({len(ended)})"):
            drawing.table(ended_frame(ended), key="ended")


def title(job: Job) -> str:
    """The title of a job in a list."""
    if job.title:
        return job.title
    request = job.request
    experiment = request if isinstance(request, Experiment) else getattr(request, "experiment", None)
    if not isinstance(experiment, Experiment):
        return type(request).__name__
    control = "" if experiment.control == "none" else f", control: {experiment.control}"
    return (
        f"{theme.name(experiment.target)}, {experiment.experts:,} neurons, {experiment.method} at strength "
        f"{experiment.strength:g}, {experiment.model}, {experiment.corpus}{control}"
    )


def ended_frame(jobs: list[Job]) -> pd.DataFrame:
    """One row an ended job: ``what, how, why``."""

    def why(job: Job) -> str:
        error = job.error
        return f"{error.what}: {error.why}" if isinstance(error, AskError) else str(error or "")

    return pd.DataFrame([{"what": title(job), "how": _STATES[job.state], "why": why(job)} for job in jobs])


def _cache() -> None:
    st.subheader("What is kept", anchor=False)
    store = process.engine().store
    artefacts, disk = inventory.table(store), inventory.disk(store)
    total = int(artefacts["bytes"].sum())
    theme.quiet(
        f"{size(total)} in {int(artefacts['artefacts'].sum()):,} artefacts in {store.root}; {size(disk.free)} of "
        f"{size(disk.total)} free on that disk. What is kept opens at once; what is taken away is computed again when "
        "it is needed."
    )
    for message in store.damaged:
        theme.problem(message)
    if artefacts.empty:
        return
    rows = artefacts.assign(size=artefacts["bytes"].map(size))[
        ["what", "artefacts", "size", "bytes", "newest", "again", "stage"]
    ]
    columns = {
        "bytes": None,
        "stage": None,
        "again": "to have it again",
        "newest": st.column_config.DatetimeColumn("newest (UTC)", format="YYYY-MM-DD HH:mm"),
    }
    drawing.table(rows, key="kept", column_config=columns)
    _remove(artefacts)


def _remove(artefacts: pd.DataFrame) -> None:
    names = dict(zip(artefacts["stage"], artefacts["what"], strict=True))
    sizes = dict(zip(artefacts["stage"], artefacts["bytes"], strict=True))
    stages = st.multiselect(
        "Take away",
        list(names),
        format_func=lambda stage: f"{names[stage]} ({size(sizes[stage])})",
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
        st.toast(f"{count:,} artefacts, {size(gone)}, are gone.")
        st.rerun()


def _machine() -> None:
    st.subheader("The machine", anchor=False)
    memory = psutil.virtual_memory()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the processor (no GPU)"
    rows = {
        "Processor": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "Memory": f"{size(memory.total)}, {size(memory.available)} free",
        "Models run on": f"{device}, {torch.get_num_threads()} threads",
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


def size(count: int) -> str:
    """Bytes in words: ``512 B``, ``1.2 GB``."""
    value, units = float(count), ("B", "kB", "MB", "GB", "TB")
    for unit in units[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {units[-1]}"
