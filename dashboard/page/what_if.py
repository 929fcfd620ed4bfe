"""Every measure over the number of neurons and the strength: what is known, what it would cost to know more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import pandas as pd
import streamlit as st

from core.analyses import grid
from core.analyses.grid import PERPLEXITY, CellMeasure
from core.errors import AskError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.progress import duration
from core.stats.units import SHARE
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.charts import what_if as charts
from dashboard.page import waiting
from dashboard.state import page_state, session
from dashboard.work import process, sweeps
from dashboard.work.questions import Cell, TextCell

_COUNTS = (100, 200, 500, 1000, 2000, 5000)
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST = 12  # of either


def draw() -> None:
    """Draw the page."""
    theme.quiet("Every measure over the number of neurons and the strength. Click a computed cell to open it.")
    experiment = session.experiment()
    try:
        most = plan(experiment).outline.neurons.total
    except AskError as error:
        waiting.refusal(error)
        return
    counts, strengths = _axes(experiment, most)
    experiments = grid.grid(experiment, counts, strengths)
    measures = grid.measures()
    measure = measures[page_state.choice("Measure", list(measures), "measure", lambda name: measures[name].title)]
    kind = TextCell if PERPLEXITY.name in (measure.name, page_state.get("provided", "none")) else Cell
    working = any(job.active for job in sweeps.states(process.jobs(), experiments, kind).values())
    # Only while there is work: a page that is drawn anew every other second is not one to read in peace.
    st.fragment(_live, run_every=2.0 if working else None)(experiment, experiments, measure, kind)


def _axes(experiment: Experiment, most: int) -> tuple[list[int], list[float]]:
    """The grid: the link's, or the usual one with what the controls say."""
    with st.expander("The grid"):
        usual = sorted({k for k in _COUNTS if k <= most} | {experiment.experts})
        counts = _numbers("Expert neurons", "counts", usual, 1, most)
        usual_strengths = sorted({*_STRENGTHS, experiment.strength})
        strengths = _numbers("Strengths", "strengths", usual_strengths, -10, 10)
    return [int(k) for k in counts], strengths


def _numbers(label: str, name: str, usual: Sequence[float], low: float, high: float) -> list[float]:
    """Numbers with commas between; what cannot be used is said and left out."""
    standard = ", ".join(f"{value:g}" for value in usual)
    text = st.text_input(label, page_state.get(name, standard), key=page_state.key(name))
    good: list[str] = []
    bad: list[str] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        (good if low <= value <= high and (low < 1 or value == int(value)) else bad).append(part)
    if bad:
        theme.problem(f"{label}: {', '.join(bad)} cannot be used; numbers from {low:g} to {high:,g} can.")
    if len(good) > _MOST:
        theme.problem(f"{label}: the first {_MOST} are shown.")
    page_state.put(name, text, standard)
    return sorted({float(part) for part in good[:_MOST]}) or list(usual)


def _live(experiment: Experiment, experiments: list[Experiment], measure: CellMeasure, kind: sweeps.Kind) -> None:
    """What changes while cells are computed."""
    known = {each: found for each in dict.fromkeys(experiments) if (found := _known(each, kind)) is not None}
    st.html('<div data-testid="result-ready"></div>')
    jobs = sweeps.states(process.jobs(), experiments, kind)
    cells = cell_frame(experiments, known, {each: job.state for each, job in jobs.items()}, measure)
    left, right = st.columns([3, 2], gap="large")
    with left:
        picked = drawing.chart(
            charts.surface(cells, measure.title, measure.unit is SHARE, (experiment.experts, experiment.strength)),
            key="surface",
            alt=f"{measure.title} over expert neurons and strength; empty cells are not computed.",
            data=cells,
            on_select=True,
        )
    with right:
        _best(known, measure)
        if measure == PERPLEXITY:
            theme.quiet(
                f"Of the first {grid.TEXTS} evaluation sentences in {theme.name(experiment.target)}: 1 is the "
                "unmodified model, more is worse."
            )
        needed = {measure.name, PERPLEXITY.name} if kind is TextCell else {measure.name}
        missing = [each for each in dict.fromkeys(experiments) if not needed <= known.get(each, {}).keys()]
        _fill(missing, kind, experiment)
    if len(known) > 1:
        drawing.chart(
            charts.lines(cells, measure.title, measure.unit is SHARE),
            key="surface-lines",
            alt=f"{measure.title} against strength, one line a number of neurons.",
            data=cells,
        )
    theme.quiet(
        f"{len(known):,} of {len(set(experiments)):,} settings are computed. Strength 0 is the unmodified model "
        f"whatever k is. Target {theme.name(experiment.target)}, {experiment.method}, layer {experiment.layer}, "
        f"{experiment.corpus}; all other settings as on the left, whose place is outlined in orange."
    )
    _open(experiment, picked)


def _known(experiment: Experiment, kind: sweeps.Kind) -> dict[str, float] | None:
    try:
        found: dict[str, float] | None = process.jobs().result(kind(experiment))
        return found if found is not None or kind is Cell else process.jobs().result(Cell(experiment))
    except AskError:
        return None


def cell_frame(
    experiments: Sequence[Experiment],
    known: dict[Experiment, dict[str, float]],
    states: dict[Experiment, str],
    measure: CellMeasure,
) -> pd.DataFrame:
    """One row a place of the grid: ``k, strength, value, label, state``.

    The place of strength 0 stands once for every k, with the one value that it has.
    """
    rows = []
    counts = sorted({each.experts for each in experiments})
    for each in experiments:
        value = known.get(each, {}).get(measure.name)
        state = "computed" if value is not None else states.get(each, "not computed")
        label = "" if value is None else measure.unit.text(value)
        waits = {"waiting": "…", "running": "▶", "failed": "✕"}.get(state, "")
        for k in counts if each.strength == 0 else [each.experts]:
            rows.append({"k": k, "strength": each.strength, "value": value, "label": label or waits, "state": state})
    frame = pd.DataFrame(rows).drop_duplicates(["k", "strength"])
    return frame.astype({"value": float}).sort_values(["k", "strength"], ignore_index=True)


def _best(known: dict[Experiment, dict[str, float]], measure: CellMeasure) -> None:
    st.markdown("**The best of what is computed**")
    if not known:
        theme.quiet("Nothing is computed yet.")
        return
    constraint = _constraint(measure)
    found = grid.best(known, measure.name, constraint)
    if found is None:
        st.markdown("No computed setting fulfils this.")
        return
    value = known[found][measure.name]
    written = measure.unit.text(value)
    st.markdown(f"**{found.experts:,} neurons at strength {found.strength:g}**: {written}, of {len(known)} settings.")
    theme.quiet("Chosen on the same sentences that it is measured on, so the figure is optimistic.")
    if st.button("Open it", key="open-best", icon=":material/open_in_new:"):
        session.go("", found)


def _constraint(measure: CellMeasure) -> dict[str, tuple[str, float]]:
    measures = grid.measures()
    names = ["none", *(name for name in measures if name != measure.name)]
    name = page_state.pick(
        "Provided that", names, "provided", lambda name: measures[name].title if name in measures else "(nothing)"
    )
    if name == "none":
        return {}
    side = "at least" if measures[name].higher_is_better else "at most"
    try:
        bound = float(page_state.get("bound", "0.5"))
    except ValueError:
        bound = 0.5
    bound = 1.5 if name == PERPLEXITY.name and not page_state.get("bound") else bound
    bound = st.number_input(f"is {side}", value=bound, step=0.05, key=page_state.key("bound"))
    page_state.put("bound", f"{bound:g}", "0.5")
    return {name: (side, bound)}


def _fill(missing: list[Experiment], kind: sweeps.Kind, here: Experiment) -> None:
    """Start, watch and stop the computation of what is missing."""
    if not missing:
        return
    jobs = process.jobs()
    found = sweeps.states(jobs, missing, kind)
    active = [each for each, job in found.items() if job.active]
    failed = [job for job in found.values() if job.state == "failed"]
    st.markdown("**What is missing**")
    if failed:
        theme.problem(f"{len(failed)} failed: {failed[0].error}")
    rest = [each for each in missing if each not in active]
    if active:
        running = next((job for job in found.values() if job.state == "running"), None)
        at = running.snapshot if running else None
        text = f"{len(active)} to go" + (f": {running.title}, {at.stage}" if running and at else "")
        st.progress(min(at.fraction, 1.0) if at else 0.0, text)
        seconds = (at.remaining if at else 0.0) + _seconds([each for each in active if found[each].state == "waiting"])
        theme.quiet(f"About {duration(seconds)} left. It gives way to whoever waits for something, and goes on after.")
        if st.button("Stop", icon=":material/stop_circle:", key="stop-sweep"):
            sweeps.stop(jobs, active, kind)
            st.rerun()
    if rest:
        theme.quiet(f"{len(rest)} settings are not computed: about {duration(_seconds(rest))}.")
        begun = [rest] if _begins(f"Compute {len(rest)} settings", "start-sweep", rest, "primary") else []
        for name, (title, region) in regions(rest, here).items():
            if _begins(f"Only {title} ({len(region)}, about {duration(_seconds(region))})", f"start-{name}", region):
                begun.append(region)
        if begun:
            for job in failed:
                jobs.forget(job.request)
            sweeps.fill(jobs, session.visitor().name, begun[0], kind)
            st.rerun()


def _begins(
    label: str, key: str, region: Sequence[Experiment], kind: Literal["primary", "secondary"] = "secondary"
) -> bool:
    return bool(region) and st.button(label, type=kind, key=key, icon=":material/grid_on:")


def regions(missing: Sequence[Experiment], here: Experiment) -> dict[str, tuple[str, list[Experiment]]]:
    """Parts of the grid that can be filled alone, by name: what to call each, and which of the missing are in it.

    The row and the column of the setting on the left; none where it would be all that is missing.
    """
    row = [each for each in missing if each.experts == here.experts]
    column = [each for each in missing if each.strength == here.strength]
    found = {"row": (f"{here.experts:,} neurons", row), "column": (f"strength {here.strength:g}", column)}
    return {name: (title, part) for name, (title, part) in found.items() if 0 < len(part) < len(missing)}


def _seconds(experiments: Sequence[Experiment]) -> float:
    """What they take together; only the first pays for what all share (the model, the experts, the space before)."""
    if not experiments:
        return 0.0
    estimates = [process.engine().estimate(each) for each in experiments[:1]]
    first = estimates[0]
    each = first["embed_post"] + first["measure"]
    return sum(first.values()) + each * (len(experiments) - 1)


def _open(experiment: Experiment, picked: object) -> None:
    """Open the cell that was clicked."""
    try:
        chosen = picked["selection"]["cell"][0]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return
    wanted = replace(experiment, experts=int(chosen["k"]), strength=float(chosen["strength"]))
    session.go("", wanted)
