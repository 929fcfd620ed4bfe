"""The paper's tables and figures for a model, as ``python -m core reproduce`` wrote them, beside the published ones."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core import access
from core.errors import AskError
from core.location import checkout
from core.progress import duration
from core.reproduction import published
from core.reproduction.html import compared_table, table_html
from core.reproduction.items import figures
from core.reproduction.reader import ReportContent, included, read
from core.stats.units import counted
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.state import page_state

log = logging.getLogger(__name__)

FOLDER = "docs/reproduction"
_SHOWN = 2000  # rows of a table on the page; its file has all
_WORDS = {"held": "✓ held", "held in part": "◐ held in part", "did not hold": "✗ did not hold", "": "beyond the paper"}


def draw() -> None:
    """Draw the page."""
    theme.quiet(
        "Every table and figure of the paper, measured on one model by python -m core reproduce, beside what was "
        f"published ({published.SOURCE})."
    )
    default = page_state.get("folder", FOLDER)
    folder = st.text_input("Folder of the report", default, key=page_state.key("folder")).strip() or FOLDER
    page_state.put("folder", folder, FOLDER)
    try:
        report = _read(*version(folder))
    except AskError as error:
        theme.ready()
        theme.problem(f"{error.what}: {error.why}. {error.instead}")
        return
    theme.ready()
    try:
        _report(report)
    except (LookupError, TypeError, ValueError, AttributeError):  # its files have the right names and other contents
        log.exception("a report cannot be shown")
        theme.problem("This report cannot be shown: it is not as python -m core reproduce writes it.")


def _report(report: ReportContent) -> None:
    _conditions(report)
    _verdicts(report)
    items = {name: item for name, item in report.content["items"].items() if item["state"] == "measured"}
    missing = [item for item in report.content["items"].values() if item["state"] != "measured"]
    for why in dict.fromkeys(item["why"] for item in missing):
        theme.quiet(f"{', '.join(item['title'] for item in missing if item['why'] == why)}: {why}")
    if items:
        name = page_state.pick("Item", list(items), "item", lambda item: str(items[item]["title"]))
        _item(name, items[name], report)
    _costs(report)


def version(folder: str) -> tuple[str, float]:
    """The folder and the time its report was written; the time is part of the cache key, so a new report is read.

    `FOLDER` is the report that is part of the package. Other relative folders start at the checkout or, where the
    package is installed, at the working directory.
    """
    allowed = access.current()
    find = allowed.report if allowed.public else _on_this_machine
    path = included() if folder == FOLDER else find(folder)
    try:
        return str(path), (path / "report.json").stat().st_mtime
    except (OSError, ValueError):  # ValueError: a path with NUL in it
        return str(path), 0.0


def _on_this_machine(folder: str) -> Path:
    path = Path(folder)
    with suppress(RuntimeError):  # a tilde before no user's name
        path = path.expanduser()
    return (checkout() or Path.cwd()) / path


@st.cache_data(show_spinner=False, max_entries=8)
def _read(folder: str, written: float) -> ReportContent:  # noqa: ARG001 - Streamlit leaves _names out of its key
    return read(Path(folder))


def _conditions(report: ReportContent) -> None:
    settings: dict[str, Any] = report.content["settings"] | report.content["conditions"]
    theme.quiet(
        f"{settings['model']} ({str(settings['model_digest'])[:12]}, {settings['dtype']}), {settings['experts']:,} of "
        f"{settings['n_neurons']:,} neurons, {settings['corpus']}: {settings['eval_sentences']:,} sentences in "
        f"{len(settings['languages'])} languages, {settings['probe_sentences']:,} probe sentences, "
        f"seed {settings['seed']}; written {report.content['written'][:16].replace('T', ' ')} UTC."
    )


def _verdicts(report: ReportContent) -> None:
    st.header("What held, and what did not", anchor=False)
    rows = pd.DataFrame(
        {
            "state": _WORDS.get(verdict["state"], verdict["state"]),
            "claim": verdict["claim"],
            "measured": verdict["text"],
        }
        for verdict in report.content["verdicts"]
    )
    theme.scrolling(table_html(rows.map(access.words)), "What held, and what did not")
    drawing.files("verdicts", lambda: rows)


def _item(name: str, item: dict[str, Any], report: ReportContent) -> None:
    theme.heading(str(item["title"]))
    for verdict in report.content["verdicts"]:
        if verdict["item"] == name:
            theme.quiet(f"{_WORDS.get(verdict['state'], verdict['state'])}: {verdict['claim']} {verdict['text']}")
    compared = pd.DataFrame(report.content["comparison"])
    if len(compared) and len(compared := compared[compared["item"] == name]):
        drawing.table(compared_table(compared), key=f"{name}-compared")
        theme.quiet("Measured, and for each published model its figure and the difference.")
    stems = [Path(file).stem for file in item["tables"]]
    for figure in figures(name, report.tables):
        rows = report.tables[stems[0]]
        drawing.chart(figure.chart, key=figure.name, alt=figure.caption, data=rows, own_height=True)
        theme.quiet(figure.caption)
    for stem in stems:
        frame = report.tables[stem]
        title = f"{stem}: {counted(len(frame), 'measurement')}"
        folder = st.expander(title, key=f"measurements-{stem}", on_change="rerun")
        if not folder.open:
            continue
        with folder:
            drawing.table(frame.head(_SHOWN), key=f"table-{stem}")
            if len(frame) > _SHOWN:
                theme.quiet(f"The first {_SHOWN:,} are shown; the report's folder has all.")


def _costs(report: ReportContent) -> None:
    spent: dict[str, float] = report.content["seconds_by_step"]
    title = f"Time and notes ({duration(sum(spent.values()))} in all)"
    folder = st.expander(title, key="costs-of-report", on_change="rerun")
    if not folder.open:
        return
    with folder:
        for note in report.content["notes"]:
            theme.quiet(str(note))
        rows = pd.DataFrame({"step": list(spent), "time": [duration(seconds) for seconds in spent.values()]})
        drawing.table(rows, key="costs")
