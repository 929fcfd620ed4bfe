"""The paper's tables and figures for a model, as ``python -m core reproduce`` wrote them, beside the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import AskError
from core.location import checkout
from core.progress import duration
from core.reproduction import published
from core.reproduction.html import compared_table
from core.reproduction.items import figures
from core.reproduction.reader import Written, included, read
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.state import page_state

FOLDER = "docs/reproduction"
_SHOWN = 2000  # rows of a table on the page; its file has all
_WORDS = {"held": "✓ held", "held in part": "◐ held in part", "did not hold": "✗ did not hold", "": "beyond the paper"}


def draw() -> None:
    """Draw the page."""
    theme.quiet(
        "Every table and figure of the paper, measured on one model by python -m core reproduce, beside what was "
        f"published ({published.SOURCE})."
    )
    wanted = page_state.get("folder", FOLDER)
    folder = st.text_input("Folder of the report", wanted, key=page_state.key("folder")).strip() or FOLDER
    page_state.put("folder", folder, FOLDER)
    try:
        found = _read(*_version(folder))
    except AskError as error:
        st.html('<div data-testid="result-ready"></div>')
        theme.problem(f"{error.what}: {error.why}. {error.instead}")
        return
    st.html('<div data-testid="result-ready"></div>')
    _conditions(found)
    _verdicts(found)
    items = {name: item for name, item in found.content["items"].items() if item["state"] == "measured"}
    missing = [item for item in found.content["items"].values() if item["state"] != "measured"]
    for why in dict.fromkeys(item["why"] for item in missing):
        theme.quiet(f"{', '.join(item['title'] for item in missing if item['why'] == why)}: {why}")
    if items:
        name = page_state.pick("Item", list(items), "item", lambda item: str(items[item]["title"]))
        _item(name, items[name], found)
    _costs(found)


def _version(folder: str) -> tuple[str, float]:
    """The folder and when its report was written, so that a new one is read; `FOLDER` is the one that comes with us.

    Other relative folders are those of the checkout, or, where the package is installed, of the working directory.
    """
    path = Path(folder).expanduser()
    path = included() if folder == FOLDER else (checkout() or Path.cwd()) / path
    try:
        return str(path), (path / "report.json").stat().st_mtime
    except (OSError, ValueError):  # ValueError: a path with NUL in it
        return str(path), 0.0


@st.cache_data(show_spinner=False, max_entries=8)
def _read(folder: str, _written: float) -> Written:
    return read(Path(folder))


def _conditions(found: Written) -> None:
    asked: dict[str, Any] = found.content["settings"] | found.content["conditions"]
    theme.quiet(
        f"{asked['model']} ({str(asked['model_digest'])[:12]}, {asked['dtype']}), {asked['experts']:,} of "
        f"{asked['n_neurons']:,} neurons, {asked['corpus']}: {asked['eval_sentences']:,} sentences in "
        f"{len(asked['languages'])} languages, {asked['probe_sentences']:,} probe sentences, seed {asked['seed']}; "
        f"written {found.content['written']}."
    )


def _verdicts(found: Written) -> None:
    st.subheader("What held, and what did not", anchor=False)
    rows = [
        {"": _WORDS.get(said["state"], said["state"]), "claim": said["claim"], "measured": said["text"]}
        for said in found.content["verdicts"]
    ]
    wide = st.column_config.TextColumn(width="large")
    drawing.table(pd.DataFrame(rows), key="verdicts", column_config={"claim": wide, "measured": wide})


def _item(name: str, item: dict[str, Any], found: Written) -> None:
    st.subheader(str(item["title"]), anchor=False)
    for said in found.content["verdicts"]:
        if said["item"] == name:
            theme.quiet(f"{_WORDS.get(said['state'], said['state'])}: {said['claim']} {said['text']}")
    compared = pd.DataFrame(found.content["comparison"])
    if len(compared) and len(compared := compared[compared["item"] == name]):
        drawing.table(compared_table(compared), key=f"{name}-compared")
        theme.quiet("Measured, and for each published model its figure and the difference.")
    stems = [Path(file).stem for file in item["tables"]]
    for figure in figures(name, found.tables):
        drawing.chart(figure.chart, key=figure.name, alt=figure.caption, data=found.tables[stems[0]])
        theme.quiet(figure.caption)
    for stem in stems:
        frame = found.tables[stem]
        with st.expander(f"{stem}: {len(frame):,} measurements"):
            drawing.table(frame.head(_SHOWN), key=f"table-{stem}")
            if len(frame) > _SHOWN:
                theme.quiet(f"The first {_SHOWN:,} are shown; the report's folder has all.")


def _costs(found: Written) -> None:
    spent: dict[str, float] = found.content["seconds_by_step"]
    with st.expander(f"Time and notes ({duration(sum(spent.values()))} in all)"):
        for note in found.content["notes"]:
            theme.quiet(str(note))
        rows = pd.DataFrame({"step": list(spent), "time": [duration(seconds) for seconds in spent.values()]})
        drawing.table(rows, key="costs")
