"""The maps of sentences and what belongs to them: layouts, strengths in between, a noise check, chosen sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.strength_path import Path
from core.analyses.translation_ranks import Ranks
from core.charts.maps import language_map, window_of
from core.charts.palette import OUTCOMES, colours
from core.errors import AskError
from core.experiment.settings import Experiment
from core.pipeline.result import Result
from core.progress import duration
from core.spaces.map_stability import Movement
from dashboard import sentence_map
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.sentence_map import LAYOUTS, MapView, points
from dashboard.state import page_state, session
from dashboard.text import summary
from dashboard.work import process
from dashboard.work.derived import once
from dashboard.work.questions import MovementAsked, OfExperiment, PathAsked, RanksAsked
from dashboard.work.queue import Job

_MOST_ROWS = 500  # of chosen sentences in the table
_COLUMNS = {
    "sentence": st.column_config.TextColumn(width="large"),
    "in English": st.column_config.TextColumn(width="large"),
}


@dataclass
class _Starts:
    """The view that each map was first drawn with for this visitor.

    A map's initial view must not change later.
    """

    by_map: dict[tuple[str, Experiment], MapView] = field(default_factory=dict)


@st.fragment
def draw(result: Result) -> None:
    """Draw the maps. A choice on them runs only this part of the page again."""
    moves = result.plan.experiment.strength != 0
    titles = {title: name for name, title in LAYOUTS.items() if moves or name != "motion"}
    layout = titles[page_state.choice("Before and after", list(titles), "maps", labelled=False)]
    path: Path | None = _answer(result, PathAsked(result.plan.experiment)) if layout == "motion" else None
    ranks: tuple[Ranks, Ranks] | None = _answer(result, RanksAsked(result.plan.experiment))
    present = (path is not None, ranks is not None)  # each is computed once and then does not change
    table, places = once(result, ("points", *present), lambda: _points(result, path, ranks))
    packed = once(
        result, ("map", layout, *present), lambda: sentence_map.packed(table, places, layout, result.plan.target)
    )
    key = f"map-{layout}-{'path' if path else 'pair'}"
    starts = session.visitor().part(_Starts).by_map
    initial = starts.setdefault((page_state.key(key), result.plan.experiment), from_view(table, layout))
    view = sentence_map.draw(packed, initial, key=page_state.key(key), on_change=lambda: None)
    to_view(view, table, layout)
    _explain(layout, path)
    if layout == "motion" and path is None:
        _between(result)
    if moves:
        _real(result)
    _chosen(result, table, view, places)
    _save(table, places, result)


def _points(
    result: Result, path: Path | None, ranks: tuple[Ranks, Ranks] | None
) -> tuple[pd.DataFrame, dict[float, np.ndarray]]:
    """The sentences of the map, and their coordinates at every computed strength."""
    maps = path.maps if path is not None else tuple(np.stack(pair) for pair in result.maps)
    strengths = path.strengths if path is not None else (0.0, result.plan.experiment.strength or 1.0)
    places = {
        strength: np.concatenate([group_map[number].reshape(-1, 2) for group_map in maps])
        for number, strength in enumerate(strengths)
    }
    return points.frame(result, [group_map.shape[2] for group_map in maps], ranks), places


def from_view(table: pd.DataFrame, layout: str) -> MapView:
    """The view of the map that the link holds; parts that cannot be read are left out."""
    brush: tuple[int, tuple[float, ...], float | None] | None = None
    try:
        numbers = [float(part) for part in page_state.get("brush").split(",")]
    except ValueError:
        numbers = []
    if layout == "motion" and len(numbers) == 5 and all(map(math.isfinite, numbers)):
        brush = (0, tuple(numbers[:4]), numbers[4])
    elif layout != "motion" and len(numbers) == 5 and all(map(math.isfinite, numbers)):
        brush = (int(numbers[4] > 0), tuple(numbers[:4]), None)
    code, _, row = page_state.get("sentence").rpartition(":")
    hits = np.flatnonzero((table["language"] == code) & (table["key"].astype(str) == row))
    return MapView(
        colour=page_state.get("colour", "language"),
        find=page_state.get("find"),
        shown=tuple(filter(None, page_state.get("shown").split(","))),
        pinned=int(hits[0]) if len(hits) else None,
        brush=brush,
    )


def to_view(view: MapView, table: pd.DataFrame, layout: str) -> None:
    """Put the view of the map into the link."""
    page_state.put("colour", view.colour, "language")
    page_state.put("find", view.find)
    page_state.put("shown", ",".join(view.shown))
    pinned = view.pinned
    exists = pinned is not None and pinned < len(table)
    page_state.put("sentence", _name_of(table, pinned) if exists else "")
    if view.brush is None:
        page_state.put("brush", "")
    else:
        panel, box, strength = view.brush
        last = strength if layout == "motion" and strength is not None else panel
        page_state.put("brush", ",".join(f"{value:g}" for value in (*box, last)))


def _name_of(table: pd.DataFrame, position: int | None) -> str:
    point = table.iloc[position or 0]
    return f"{point['language']}:{point['key']}"


def _answer(result: Result, question: OfExperiment) -> Any | None:
    """The answer if it is known without computing, else None.

    An answer is kept as long as the result is the same object, since a page is drawn often.
    """
    answers: dict[OfExperiment, Any] = once(result, "answers", dict)
    if question not in answers:
        try:
            answer = process.jobs().result(question)
        except AskError:
            return None
        if answer is None:
            return None
        answers[question] = answer
    return answers[question]


def _explain(layout: str, path: Path | None) -> None:
    joint = "One UMAP of both spaces together (cosine, joint fit, fixed seed): a place means the same before and after."
    if layout == "motion":
        joint = (
            f"One UMAP of the spaces at {len(path.strengths)} computed strengths together."
            if path is not None
            else "One UMAP of both spaces together; only the two ends are computed."
        ) + (
            " Between computed strengths points are drawn on straight lines: a picture of where each goes, not a "
            "measurement of where it is on the way."
        )
    grey = " Grey: where they were before." if layout == "pair" else ""
    theme.quiet(
        f"{joint} Hue: family of languages; shape: script.{grey} Drag to choose sentences, click one to see its "
        "translations (arrow keys go on from there). Ctrl and the wheel, a pinch, or + and - zoom; Shift and drag, or "
        "Shift and the arrows, move; both maps show the same part."
    )


def _between(result: Result) -> None:
    """Offer to compute the strengths in between, or show the progress."""
    question = PathAsked(result.plan.experiment)
    job = process.jobs().find(question)
    if job is not None and job.active:
        _wait(question, "Computing the strengths between")
        return
    if job is not None and job.state == "failed":
        theme.problem(f"The strengths between could not be computed: {job.error}")
    seconds = process.jobs().backend.estimate(question)["answer"]
    if st.button(f"Compute the strengths between (about {duration(seconds)})", icon=":material/timeline:"):
        process.jobs().submit(session.visitor().name, question, background=True, title="Strengths between, on one map")
        st.rerun()


def _real(result: Result) -> None:
    """Say how much of the movement is real, by a refit with another seed, which runs in the background."""
    question = MovementAsked(result.plan.experiment)
    movement: Movement | None = _answer(result, question)
    if movement is not None:
        theme.quiet(movement_words(movement))
        return
    job = process.jobs().find(question)
    if job is None or job.state == "stopped":
        job = process.jobs().submit(
            session.visitor().name, question, background=True, title="The map again, with another seed"
        )
    if job.active:
        _wait(question, "Fitting the map once more with another seed, to see how much of the movement is real")


def movement_words(movement: Movement) -> str:
    """How much of the movement is real, in words."""
    times = movement.moved / max(movement.noise, 1e-9)
    return (
        f"How much of the movement is real? The median sentence moves {movement.moved:.1f} units of the map. Fitted "
        f"again with another seed, a point lands {movement.noise:.1f} from itself, so the movement is {times:.1f} "
        f"times what chance alone does; {summary.percent(movement.beyond)} of the {movement.n:,} sentences move "
        "farther than the refit moves 95% of all points."
    )


@st.fragment(run_every=1.5)
def _wait(question: OfExperiment, title: str) -> None:
    job: Job | None = process.jobs().touch(session.visitor().name, question)
    if job is None or not job.active:
        st.rerun()
    snapshot = job.snapshot
    remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
    waiting = job.state == "waiting"
    st.progress(
        min(snapshot.fraction, 1.0), f"{title}: {'waiting for other work' if waiting else snapshot.stage + remaining}"
    )


def _chosen(result: Result, table: pd.DataFrame, view: MapView, places: dict[float, np.ndarray]) -> None:
    """Draw the sentences that are chosen on the map as a table."""
    if not (view.brush or view.find or view.shown or view.pinned is not None):
        return
    if view.pinned is not None and view.pinned < len(table):
        _pinned(result, table, view.pinned)
    if not (view.brush or view.find or view.shown):
        return
    rows = table[view.chosen(table, places)]
    counts = rows["now"].value_counts()
    became = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES if outcome in counts)
    st.markdown(f"**{len(rows):,} sentences chosen**" + (f": {became}" if became else ""))
    if len(rows) > _MOST_ROWS:
        theme.quiet(f"The first {_MOST_ROWS:,} are listed; the counts are of all of them.")
    listed = _as_table(rows.head(_MOST_ROWS))
    drawing.table(listed, key="chosen", height=min(320, 38 + 35 * len(listed)), column_config=_COLUMNS)


def _pinned(result: Result, table: pd.DataFrame, pinned: int) -> None:
    point = table.iloc[pinned]
    with st.container(border=True):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.text(f"{point['name']}: {point['text']}")
        if right.button("Its neighbours", icon=":material/format_quote:", key="open-sentence"):
            session.go(
                "sentences",
                result.plan.experiment,
                query=str(point["language"]),
                row=str(point["at"]),
            )
    drawing.table(_as_table(table[table["key"] == point["key"]]), key="translations-of-pinned", column_config=_COLUMNS)


def _as_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The points with column titles for readers."""
    return pd.DataFrame(
        {
            "language": rows["name"],
            "rank before": rows["before"].astype("Int64"),
            "rank after": rows["after"].astype("Int64"),
            "retrieval": rows["now"],
            "sentence": rows["text"],
            "in English": rows["english"],
            "row": rows["row"],
        }
    )


def _save(table: pd.DataFrame, places: dict[float, np.ndarray], result: Result) -> None:
    """Offer files of the two maps: the picture as a chart, the points as a table."""

    def end(number: int) -> pd.DataFrame:
        positions = places[max(places, key=abs) if number else min(places, key=abs)]
        return table.assign(x=positions[:, 0], y=positions[:, 1], shown=True)

    def chart(number: int) -> Any:
        window, hues = window_of(pd.concat([end(0), end(1)])), colours(result.plan.languages)
        return language_map(end(number), hues, window, end(0) if number else None)

    with st.container(horizontal=True):
        for number, title in enumerate(("before", "after")):
            drawing.files(f"map-{title}", partial(end, number), partial(chart, number), f"Save the map {title}")
