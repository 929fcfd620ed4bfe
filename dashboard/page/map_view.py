"""The map's points and view, for every page: what the link says is chosen, and the sentences that this chooses."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.chosen_pairs import ChosenSentences
from core.analyses.strength_path import Path
from core.analyses.translation_ranks import Ranks
from core.experiment.plan import Plan
from core.pipeline.result import Result
from dashboard.charts import theme
from dashboard.sentence_map import MapView, points
from dashboard.state import navigation, page_state, selection, session
from dashboard.work import process
from dashboard.work.derived import once
from dashboard.work.of_experiment import ExperimentQuestion
from dashboard.work.questions import PathQuestion, RanksQuestion

_NAMED = 4  # languages that the line about chosen sentences names
_Brush = tuple[int, tuple[float, ...], float | None]
_LABELS = (selection.BEFORE, selection.AFTER)


def known(result: Result, question: ExperimentQuestion) -> Any | None:
    """The answer if it is known without computing, else None.

    An answer is kept as long as the result is the same object, since a page is drawn often.
    """
    answers: dict[ExperimentQuestion, Any] = once(result, "answers", dict)
    if question not in answers:
        answer = process.known(question)
        if answer is None:
            return None
        answers[question] = answer
    return answers[question]


def points_of(
    result: Result, path: Path | None, ranks: tuple[Ranks, Ranks] | None
) -> tuple[pd.DataFrame, dict[float, np.ndarray]]:
    """The sentences of the map, and their coordinates at every computed strength; made once."""
    present = (path is not None, ranks is not None)  # each is computed once and then does not change
    return once(result, ("points", *present), lambda: _points(result, path, ranks))


def _points(
    result: Result, path: Path | None, ranks: tuple[Ranks, Ranks] | None
) -> tuple[pd.DataFrame, dict[float, np.ndarray]]:
    maps = path.maps if path is not None else tuple(np.stack(pair) for pair in result.maps)
    strengths = path.strengths if path is not None else (0.0, result.plan.experiment.strength or 1.0)
    places = {
        strength: np.concatenate([group_map[number].reshape(-1, 2) for group_map in maps])
        for number, strength in enumerate(strengths)
    }
    return points.frame(result, [group_map.shape[2] for group_map in maps], ranks), places


def rows_key(plan: Plan) -> str:
    """A short name of the sentences of a map, in their order: a map with others is another map.

    The browser names a sentence by its number among them.
    """
    rows = plan.corpus.digest, [(group.languages, len(group)) for group in plan.groups]
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]


def from_link(table: pd.DataFrame) -> MapView:
    """The view that the link holds; parts that cannot be read are left out."""
    code, _, row = selection.get("sentence").rpartition(":")
    hits = np.flatnonzero((table["language"] == code) & (table["key"].astype(str) == row))
    return MapView(
        colour=selection.get("colour", "language"),
        find=selection.get("find"),
        shown=tuple(filter(None, selection.get("shown").split(","))),
        pinned=int(hits[0]) if len(hits) else None,
        brush=_brush(selection.get("brush")),
        window=_numbers(selection.get("window"), 4),
        strength=(_numbers(selection.get("strength"), 1) or (None,))[0],
    )


def _brush(text: str) -> _Brush | None:
    *_, last = text.split(",")
    if last in _LABELS:
        box = _numbers(text.removesuffix(f",{last}"), 4)
        return None if box is None else (_LABELS.index(last), box, None)
    numbers = _numbers(text, 5)
    return None if numbers is None else (0, numbers[:4], numbers[4])


def _numbers(text: str, n: int) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        return None
    return numbers if len(numbers) == n and all(map(math.isfinite, numbers)) else None


def in_layout(view: MapView, layout: str, most: float) -> MapView:
    """The view as a layout of the map can draw it: a brush is of a panel, or of a strength where the map is in motion.

    Dots and crosses have one panel and both maps in it: a brush holds those of the map that it was drawn on.

    Parameters
    ----------
    most : float
        The strength of the map after.
    """
    if view.brush is None:
        return view
    panel, box, strength = view.brush
    brush: _Brush | None
    if layout == "motion":
        brush = (0, box, strength if strength is not None else most if panel else 0.0)
    elif strength in (None, 0.0, most):
        brush = (panel if strength is None else int(strength == most), box, None)
    else:
        brush = None
    return replace(view, brush=brush)


def to_link(view: MapView, table: pd.DataFrame) -> None:
    """Put the view of the map into the link."""
    selection.put("colour", view.colour, "language")
    selection.put("find", view.find)
    selection.put("shown", ",".join(view.shown))
    pinned = view.pinned
    selection.put("sentence", _name_of(table, pinned) if pinned is not None and pinned < len(table) else "")
    selection.put("window", ",".join(f"{value:g}" for value in view.window or ()))
    selection.put("strength", "" if view.strength is None else page_state.exact(view.strength))
    if view.brush is None:
        selection.put("brush", "")
        return
    panel, box, strength = view.brush
    last = _LABELS[panel] if strength is None else f"{strength:g}"
    selection.put("brush", ",".join([*(f"{value:g}" for value in box), last]))


def _name_of(table: pd.DataFrame, position: int) -> str:
    point = table.iloc[position]
    return f"{point['language']}:{point['key']}"


def chosen(result: Result) -> ChosenSentences | None:
    """The sentences that are chosen on the map of a result; None where nothing is, or the map has none of it."""
    if not result.maps or not any(map(selection.get, selection.CHOOSING)):
        return None
    ranks = known(result, RanksQuestion(result.plan.experiment))
    view = from_link(points_of(result, None, ranks)[0])
    in_motion = view.brush is not None and view.brush[2] is not None
    path = known(result, PathQuestion(result.plan.experiment)) if in_motion else None
    table, places = points_of(result, path, ranks)
    rows = view.chosen(table, places)
    if not view.chooses or not rows.any():
        return None
    groups: list[dict[str, np.ndarray]] = []
    start = 0
    maps = path.maps if path is not None else [pre for pre, _ in result.maps]
    for group, group_map in zip(result.plan.groups, maps, strict=True):
        shown = group_map.shape[-2]
        masks = {code: np.zeros(len(group), dtype=bool) for code in group.languages}
        for code in group.languages:
            masks[code][:shown] = rows[start : start + shown]
            start += shown
        groups.append(masks)
    return ChosenSentences(groups)


def meanings(chosen: ChosenSentences | None, result: Result) -> tuple[np.ndarray, ...] | None:
    """Rows that hold a chosen sentence, by set; None where all count, as no sentence that is measured is chosen."""
    if chosen is None:
        return None
    rows, target = chosen.meanings, result.plan.target
    pairs = zip(result.plan.groups, rows, strict=True)
    return rows if any(mask.any() for group, mask in pairs if target in group.languages) else None


def draw_chosen(result: Result, shows: str) -> ChosenSentences | None:
    """Say on another page which sentences are chosen on the map, and offer to choose all; returns the chosen ones.

    Parameters
    ----------
    shows : str
        What the page does with them, as a sentence.
    """
    if not any(map(selection.get, selection.CHOOSING)):
        return None
    found = chosen(result)
    alone = found is not None and meanings(found, result) is None
    with st.container(border=True, key="chosen-on-map"), st.container(horizontal=True, vertical_alignment="center"):
        if found is None:
            st.markdown("What is chosen on the map holds no sentence of this setting: **all are shown**.")
        elif alone:
            target = theme.name(result.plan.target)
            st.markdown(f"No sentence that is chosen on the map stands beside one in {target}: **all are shown**.")
        else:
            st.markdown(f"{in_words(found, result)} {shows}")
        if st.button("The map", icon=":material/scatter_plot:", key="to-map"):
            navigation.switch("")
        if st.button("All sentences", icon=":material/select_all:", key="choose-all"):
            selection.clear()
            session.visitor().generation += 1  # controls that listed chosen sentences begin anew
            st.rerun()
    return None if alone else found


def in_words(chosen: ChosenSentences, result: Result) -> str:
    """How many sentences are chosen, and of which languages, in Markdown."""
    counts = chosen.counts
    named = [f"{theme.name(code)} {n:,}" for code, n in list(counts.items())[:_NAMED]]
    more = len(counts) - len(named)
    every = sum(len(group) * len(group.languages) for group in result.plan.groups)
    others = f" and {more} more languages" if more > 1 else " and one more language" if more else ""
    n = sum(counts.values())
    are = "is" if n == 1 else "are"
    return f"**{n:,} of {every:,} sentences** {are} chosen on the map ({', '.join(named)}{others})."
