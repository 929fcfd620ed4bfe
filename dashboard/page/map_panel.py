"""The maps of sentences and what belongs to them: layouts, strengths in between, a noise check, chosen sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core import access
from core.analyses.strength_path import Path
from core.analyses.translation_ranks import Ranks
from core.charts.maps import language_map, window_of
from core.charts.palette import OUTCOMES, colours
from core.errors import AskError
from core.experiment.settings import Experiment
from core.pipeline import computed_settings, joint_map
from core.pipeline.result import Result
from core.progress import duration
from core.spaces.map_stability import Movement
from core.stats.intervals import Interval
from core.stats.significance import fewest_pairs
from core.stats.units import counted, in_points
from dashboard import sentence_map
from dashboard.charts import explore as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import map_view, sentences, waiting
from dashboard.sentence_map import LAYOUTS, MapView, points
from dashboard.state import navigation, page_state, session
from dashboard.text import frames, summary, tour
from dashboard.work import process
from dashboard.work.derived import once
from dashboard.work.job import Job
from dashboard.work.of_experiment import ExperimentQuestion
from dashboard.work.questions import MovementQuestion, PathQuestion, RanksQuestion

_MOST_ROWS = 500  # of chosen sentences in the table
# As docs/measures.md has them, which says how they were measured and what other ways gave.
_TRUST = (
    " How far neighbours on a map are neighbours in the space (trustworthiness, 1 at best), as measured for the "
    "opening setting: .986 before, .874 after, .957 of both together."
)
_HUES = {
    "language": "family of languages",
    "family": "family of languages",
    "script": "script",
    "outcome": "what became of the sentence's retrieval",
}
_COLUMNS = {
    "sentence": st.column_config.TextColumn(width="large"),
    "in English": st.column_config.TextColumn(width="large"),
}


@dataclass
class _FirstViews:
    """The view that each map was first drawn with for this visitor.

    A map's initial view must not change later.
    """

    by_map: dict[tuple[str, Experiment], MapView] = field(default_factory=dict)


def _start(key: str, result: Result, present: MapView) -> MapView:
    """The view that a map starts with: the present one whenever the map is put on the page."""
    starts = session.visitor().part(_FirstViews).by_map
    at = (key, result.plan.experiment)
    if key not in st.session_state:
        starts[at] = present
    return starts.setdefault(at, present)


@st.fragment
def draw(result: Result) -> None:
    """Draw the maps. A choice on them runs only this part of the page again."""
    moves = result.plan.experiment.strength != 0
    titles = {title: name for name, title in LAYOUTS.items() if moves or name != "motion"}
    every = LAYOUTS.values()
    layout = titles[page_state.choice("Before and after", list(titles), "maps", labelled=False, others=every)]
    path: Path | None = map_view.known(result, PathQuestion(result.plan.experiment)) if layout == "motion" else None
    ranks: tuple[Ranks, Ranks] | None = map_view.known(result, RanksQuestion(result.plan.experiment))
    table, places = map_view.points_of(result, path, ranks)
    present = (path is not None, ranks is not None)
    packed = once(
        result, ("map", layout, *present), lambda: sentence_map.packed(table, places, layout, result.plan.target)
    )
    key = page_state.key(f"map-{layout}-{'path' if path else 'pair'}-{map_view.rows_key(result.plan)}")
    view = sentence_map.draw(
        packed,
        _start(key, result, map_view.in_layout(map_view.from_link(table), layout, max(places, key=abs))),
        key=key,
        on_change=lambda: None,
        plays=tour.stop() > 0,
    )
    map_view.to_link(view, table)
    _explain(result, layout, path, view.coloured_by(table))
    if layout == "motion" and path is None:
        _between(result)
    if moves:
        _real(result)
    _chosen(result, table, view, places)
    _save(table, places, result)


def between(experiment: Experiment) -> bool:
    """Draw the map of a strength that is not computed on the way between those that are; False where there are none.

    Before is the same for every strength, and each map after is laid out beside it, so that a sentence's places at two
    strengths can be joined. Strength 0 is before, so that one computed strength above is enough.
    """
    strengths = _strengths(experiment)
    above = _first_with_map(experiment, [one for one in strengths if one > experiment.strength])
    if above is None or experiment.strength <= 0:
        return False
    below = _first_with_map(experiment, [one for one in reversed(strengths) if 0 < one < experiment.strength])
    table, places = map_view.points_of(above, None, None)
    upper, lower, start = max(places), 0.0, places[0.0]
    if below is not None:
        under = map_view.points_of(below, None, None)[1]
        if np.array_equal(under[0.0], places[0.0]):  # another machine's layout of before may differ
            lower, start = max(under), under[max(under)]
    share = (experiment.strength - lower) / (upper - lower)
    drawn = {0.0: places[0.0], experiment.strength: start + share * (places[upper] - start)}
    title = f"Between {lower:g} and {upper:g}, drawn straight"
    layout = _layout("together")
    packed = sentence_map.packed(table, drawn, layout, experiment.target, after=title)
    view = map_view.in_layout(map_view.from_link(table), layout, experiment.strength)
    with st.container(key="between"):
        key = page_state.key(f"map-between-{layout}-{experiment.strength:g}-{map_view.rows_key(above.plan)}")
        sentence_map.draw(packed, view, key=key, on_change=lambda: None, still=True)
    theme.quiet(
        f"The map after is interpolated: each sentence stands on the straight line between its places at the computed "
        f"strengths {lower:g} and {upper:g}. It is a picture of where it goes; what is measured is being computed."
    )
    return True


def _strengths(experiment: Experiment) -> list[float]:
    """Strengths at which a setting may be known, here or from a pack, ascending."""
    here = computed_settings.strengths(computed_settings.listed(process.engine().store), experiment)
    of_packs = (one.strength for one, _, _ in process.packs().results() if one.target == experiment.target)
    return sorted({*here, *of_packs})


def _first_with_map(experiment: Experiment, strengths: Iterable[float]) -> Result | None:
    """The result at the first of some strengths where its map is known: a sweep keeps the measures alone."""
    for strength in strengths:
        try:
            result: Result | None = process.jobs().result(replace(experiment, strength=strength))
        except AskError:
            continue
        if result is not None and result.maps:
            return result
    return None


def earlier(result: Result) -> None:
    """Draw the map of a setting that is not the present one, to look at while that is computed; it is not operated."""
    table, places = map_view.points_of(result, None, None)
    layout = _layout("together", *(["motion"] if result.plan.experiment.strength else []))
    packed = once(
        result, ("map", layout, False, False), lambda: sentence_map.packed(table, places, layout, result.plan.target)
    )
    view = map_view.in_layout(map_view.from_link(table), layout, max(places, key=abs))
    with st.container(key="earlier"):
        key = page_state.key(f"map-earlier-{layout}-{map_view.rows_key(result.plan)}")
        sentence_map.draw(packed, view, key=key, on_change=lambda: None, still=True)


def _layout(*others: str) -> str:
    """The layout that the visitor has chosen, if it is one of these; else side by side."""
    return next((name for name in others if LAYOUTS[name] == page_state.get("maps")), "pair")


def fitted_words(result: Result, n_points: int, n_spaces: int) -> str:
    """On how many of a map's points it is fitted and how many are placed, after a space; empty where none is.

    A map from a pack may show the fitted ones alone.
    """
    placed = joint_map.in_words(result.plan, n_spaces)
    return f" {placed}" if placed and n_points == joint_map.n_points(result.plan) else ""


def _explain(result: Result, layout: str, path: Path | None, colour: str) -> None:
    held = "Before is one UMAP (cosine, fixed seed), the same for every setting of this model, layer and sentences"
    joint = f"{held}; after is laid out beside it in one graph of neighbours: a place means the same in both."
    if layout == "motion":
        joint = (
            f"{held}; the other {len(path.strengths) - 1} computed strengths are laid out beside it together."
            if path is not None
            else f"{held}; after is laid out beside it. Only the two ends are computed."
        ) + (
            " Between computed strengths points are drawn on straight lines: a picture of where each goes, not a "
            "measurement of where it is on the way."
        )
    joint += _TRUST if layout != "motion" else ""
    marks = {"pair": "; shape: script. Grey: where they were before.", "together": ".", "motion": "; shape: script."}
    maps = path.maps if path is not None else [pre for pre, _ in result.maps]
    n_points = sum(plane.shape[-3] * plane.shape[-2] for plane in maps)
    joint += fitted_words(result, n_points, len(path.strengths) if path is not None else 2)
    theme.quiet(
        f"{joint} Hue: {_HUES[colour]}{marks[layout]} Drag to choose sentences, click one to see its "
        "translations (arrow keys go on from there). Ctrl and the wheel, a pinch, or + and - zoom; Shift and drag, or "
        f"Shift and the arrows, move{'; both maps show the same part' if layout == 'pair' else ''}."
    )


def _between(result: Result) -> None:
    """Offer to compute the strengths in between, or show the progress."""
    question = PathQuestion(result.plan.experiment)
    job = process.jobs().find(question)
    if job is not None and job.active:
        _wait(question, "Computing the strengths between")
        return
    if job is not None and job.state == "failed":
        theme.problem(f"The strengths between could not be computed: {waiting.reason(job)}")
    seconds = waiting.expected(question)
    if seconds is None:
        return
    label = f"Compute the strengths between (about {duration(seconds)})"
    if st.button(label, icon=":material/timeline:", key="start-between") and waiting.ask(
        question, "Strengths between, on one map"
    ):
        st.rerun()


def _real(result: Result) -> None:
    """Say how much of the movement is real, by a refit with another seed, which runs in the background."""
    question = MovementQuestion(result.plan.experiment)
    movement: Movement | None = map_view.known(result, question)
    if movement is not None:
        theme.quiet(movement_words(movement))
        return
    job, title = process.jobs().find(question), "The map again, with another seed"
    if job is None and access.works_unasked():
        job = waiting.ask(question, title)
    elif (job is None or job.state == "stopped") and not access.reads_only():
        label = "How much of the movement is real?"
        if st.button(label, icon=":material/replay:", key="start-real") and waiting.ask(question, title):
            st.rerun()
        return
    if job is not None and job.state == "failed":
        theme.quiet(f"How much of the movement is real could not be seen: {waiting.reason(job)}")
        return
    if job is not None and job.active:
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
def _wait(question: ExperimentQuestion, title: str) -> None:
    job: Job | None = process.jobs().touch(session.visitor().name, question)
    if job is None or not job.active:
        st.rerun()
    snapshot = job.snapshot
    remaining = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
    doing = waiting.place(job) if job.state == "waiting" else snapshot.stage + remaining
    st.progress(min(snapshot.fraction, 1.0), f"{title}: {doing[:1].lower()}{doing[1:]}")


def _chosen(result: Result, table: pd.DataFrame, view: MapView, places: dict[float, np.ndarray]) -> None:
    """Draw the sentences that are chosen on the map as a table."""
    if view.pinned is not None and view.pinned < len(table):
        _pinned(result, table, view.pinned)
    if not view.chooses:
        return
    rows = table[view.chosen(table, places)]
    counts = rows["now"].value_counts()
    became = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES if outcome in counts)
    st.markdown(f"**{counted(len(rows), 'sentence')} chosen**" + (f": {became}" if became else ""))
    _figures_of(result, rows)
    if len(rows) > _MOST_ROWS:
        theme.quiet(f"The first {_MOST_ROWS:,} are listed; the counts are of all of them.")
    listed = _as_table(rows.head(_MOST_ROWS))
    if target_ranks := rank_words(result, rows):
        theme.quiet(target_ranks)
    drawing.table(listed, key="chosen", height=min(320, 38 + 35 * len(listed)), column_config=_COLUMNS)


def _figures_of(result: Result, rows: pd.DataFrame) -> None:
    """Draw the retrieval of the chosen sentences alone, in words and by language."""
    target = theme.name(result.plan.target)
    gain = frames.chosen_gain(rows, result.plan.target)
    if gain is None:
        return
    st.markdown(chosen_words(target, *gain))
    by_language = frames.chosen_frame(rows, result.plan.target)
    drawing.chart(
        charts.chosen_bars(by_language, target),
        key="chosen-bars",
        alt=f"Top-1 of the chosen sentences into {target}, by their language, before and after.",
        data=by_language,
    )
    theme.quiet(
        f"Each chosen sentence looks for its translation among all in {target}; the page's figures go the other way. "
        "Lines: 95% (Wilson). In words: 95%, by drawing meanings with all their chosen translations."
    )


def chosen_words(target: str, before: Interval, after: Interval, gain: Interval) -> str:
    """How many chosen sentences find their translation, before and after, and whether that is more than chance."""
    shares = " and ".join(
        f"**{summary.percent(share.value)}** [{100 * share.low:.1f}, {100 * share.high:.1f}] {when}"
        for share, when in ((before, "before"), (after, "after"))
    )
    change = f"{in_points(gain.value)} points [{in_points(gain.low)}, {in_points(gain.high)}]"
    chance = ", **which may be chance**" if gain.low <= 0 <= gain.high or gain.n < fewest_pairs(1) else ""
    meanings = counted(gain.n, "meaning")
    return f"Of those in other languages, {shares} find their {target} translation: {change}{chance}, {meanings}."


def _pinned(result: Result, table: pd.DataFrame, pinned: int) -> None:
    point = table.iloc[pinned]
    with st.container(border=True):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.text(f"{point['name']}: {point['text']}")
        if right.button("Its neighbours", icon=":material/format_quote:", key="open-sentence"):
            plan, group = result.plan, points.group_of(int(point["key"]))
            opened = sentences.opening(plan, group, str(point["language"]), int(point["at"]))
            navigation.go("sentences", session.experiment(), **opened)
    translations = table[table["key"] == point["key"]]
    drawing.table(_as_table(translations), key="translations-of-pinned", column_config=_COLUMNS)
    if target_ranks := rank_words(result, translations):
        theme.quiet(target_ranks)


def rank_words(result: Result, rows: pd.DataFrame) -> str:
    """What the rank of the target's own sentences is, in a sentence; empty where there is none among the rows."""
    target = result.plan.target
    own = rows[rows["language"] == target]
    if not own["before"].notna().any():
        return ""
    return f"Rank of the sentence in {theme.name(target)}, the target: the median over the other languages, rounded up."


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
