"""Every measure over the number of neurons and the strength: the known values, and the cost of the missing ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd
import streamlit as st

from core import access
from core.analyses import grid
from core.analyses.grid import PERPLEXITY, CellMeasure
from core.errors import AskError
from core.experiment.settings import Experiment
from core.experiment.title import of_number
from core.progress import duration
from core.stats.units import SHARE, counted
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.charts import what_if as charts
from dashboard.page import best_setting, packed, waiting
from dashboard.state import navigation, page_state, role, session
from dashboard.work import process, sweeps
from dashboard.work.job import Job
from dashboard.work.questions import CellQuestion, TextCellQuestion

_COUNTS = (100, 200, 500, 1000, 2000, 5000)
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST = 12  # counts, and also strengths
_MOST_COSTS = 8  # lists of cells whose cost is kept: what is idle, and the jobs that wait


@dataclass
class _Costs:
    """What cells cost, kept until a job has ended: it reads the store for every cell, and pages are drawn often."""

    ended: int = 0
    of: dict[tuple[tuple[Experiment, ...], sweeps.Kind], sweeps.Cost] = field(default_factory=dict)


def draw() -> None:
    """Draw the page."""
    theme.quiet("Every measure over the number of neurons and the strength. Click a computed cell to open it.")
    experiment = session.experiment()
    lacking: AskError | None = None
    n_rows = None
    try:
        plan = process.engine().plan(experiment)
        most, n_rows = plan.outline.neurons.total, max(map(len, plan.groups))
    except AskError as error:
        of_packs = packed.neurons(experiment)
        if of_packs is None:
            waiting.refusal(error)
            return
        most, lacking = of_packs, error
    counts, strengths = _axes(experiment, most, alone=lacking is not None)
    experiments = grid.grid(experiment, counts, strengths)
    measures = grid.measures()
    measure = measures[page_state.choice("Measure", list(measures), "measure", lambda name: measures[name].title)]
    kind = _kind(measure)
    working = bool(sweeps.standing(process.jobs(), experiments, kind).active)
    # The page is drawn again every two seconds only while cells are computed: redrawing disturbs a reader.
    live = st.fragment(_live, run_every=2.0 if working else None)
    live(experiment, experiments, measure, kind, working, lacking)
    theme.quiet(about(n_rows))
    if lacking is None:
        best_setting.draw(experiment, most)


def about(n_rows: int | None) -> str:
    """What is outlined, and of how many evaluation rows a cell is; None: not known here."""
    outlined = "The orange outline is the present setting."
    if n_rows is None:
        return outlined
    return (
        f"{outlined} Retrieval and distance in a cell are of {counted(n_rows, 'evaluation row')} a language, without "
        "an interval; the pages of a setting have it."
    )


def _kind(measure: CellMeasure) -> sweeps.Kind:
    """What is asked of each cell: with the perplexity where that is shown, or where a bound is on it."""
    return TextCellQuestion if PERPLEXITY.name in (measure.name, page_state.get("provided", "none")) else CellQuestion


def _axes(experiment: Experiment, most: int, *, alone: bool) -> tuple[list[int], list[float]]:
    """The counts and strengths of the grid: those in the link, or the usual ones, those of the controls and of packs.

    Where packs alone have cells, there are no usual ones.
    """
    counts_there, strengths_there = packed.axes(experiment)
    with st.expander("The grid"):
        of_grid = [] if alone else [k for k in _COUNTS if k <= most]
        counts: list[float] = [experiment.experts]
        if experiment.k_counts:
            counts = _numbers("Expert neurons", "counts", usual(experiment.experts, counts_there, of_grid), 1, most)
        usual_strengths = usual(experiment.strength, strengths_there, () if alone else _STRENGTHS)
        strengths = _numbers("Strengths", "strengths", usual_strengths, -10, 10)
        for name, there in (("numbers of neurons", counts_there), ("strengths", strengths_there)):
            if len(there) > _MOST:
                theme.quiet(f"Packs have cells of {len(there):,} {name}. At most {_MOST} fit: write above which.")
    return [int(k) for k in counts], strengths


def usual(here: float, of_packs: Collection[float], others: Collection[float]) -> list[float]:
    """The numbers of an axis unless the link has others: the setting's, those of packs, and others if there is room.

    Of more than there is room for, some at even distances in their order, the least and the greatest among them.
    """
    chosen = {here}
    for numbers in (of_packs, others):
        chosen.update(_spread(sorted(set(numbers) - chosen), _MOST - len(chosen)))
    return sorted(chosen)


def _spread(numbers: Sequence[float], most: int) -> Sequence[float]:
    if len(numbers) <= most:
        return numbers
    return [numbers[round(place * (len(numbers) - 1) / max(most - 1, 1))] for place in range(most)]


def _numbers(label: str, name: str, standard_numbers: Sequence[float], low: float, high: float) -> list[float]:
    """Read a line of numbers with commas in between; name the numbers that cannot be used, and leave them out."""
    standard = ", ".join(map(page_state.exact, standard_numbers))
    text = st.text_input(label, page_state.get(name, standard), key=f"{page_state.key(name)}-{standard}")
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
    return sorted({float(part) for part in good[:_MOST]}) or list(standard_numbers)


def _live(
    experiment: Experiment,
    experiments: list[Experiment],
    measure: CellMeasure,
    kind: sweeps.Kind,
    working: bool,
    lacking: AskError | None,
) -> None:
    """Draw the part of the page that changes while cells are computed; ``lacking`` says why none can be here."""
    standing = sweeps.standing(process.jobs(), experiments, kind)
    if working and not standing.active:
        st.rerun()  # the whole page, which looks every two seconds no longer
    known = ((cell, _known(cell, kind)) for cell in dict.fromkeys(experiments))
    values = {cell: measured for cell, measured in known if measured is not None}
    theme.ready()
    cells = cell_frame(experiments, values, standing.states, measure)
    counts, here = experiment.k_counts, (experiment.experts, experiment.strength)
    saved = cells if counts else cells.drop(columns="k")
    left, right = st.columns([3, 2], gap="large")
    with left:
        picked = drawing.chart(
            charts.surface(cells, measure.title, measure.unit is SHARE, here, counts),
            key="surface",
            alt=f"{measure.title} over {'expert neurons and ' * counts}strength; empty cells are not computed.",
            data=saved,
            on_select=True,
        )
    with right:
        _best(values, measure, kind, lacking)
        if measure == PERPLEXITY:
            theme.quiet(
                f"Of the first {grid.TEXTS} evaluation sentences in {theme.name(experiment.target)}: 1 is the "
                "unmodified model, more is worse."
            )
        needed = {measure.name, PERPLEXITY.name} if kind is TextCellQuestion else {measure.name}
        missing = [cell for cell in dict.fromkeys(experiments) if not needed <= values.get(cell, {}).keys()]
        if lacking is None:
            _fill(missing, kind, experiment)
        else:
            theme.quiet(f"More cannot be computed here: {lacking.why}.")
    if len(values) > 1:
        drawing.chart(
            charts.lines(cells, measure.title, measure.unit is SHARE, counts),
            key="surface-lines",
            alt=f"{measure.title} against strength{', one line a number of neurons' * counts}.",
            data=saved,
        )
    theme.quiet(_counts(experiment, len(values), len(set(experiments))))
    packed.counted(values.values())
    if len(values) > 1 and st.button("See them in a table", key="see-results", icon=":material/table_view:"):
        navigation.switch("results")
    _open(experiment, picked, lacking)


def _counts(experiment: Experiment, known: int, cells: int) -> str:
    """How many cells are computed, and which settings all of them share."""
    whatever = " whatever k is" if experiment.k_counts else ""
    return (
        f"{known:,} of {counted(cells, 'setting')} {'is' if known == 1 else 'are'} computed. Strength 0 is the "
        f"unmodified model{whatever}. Target {theme.name(experiment.target)}, {experiment.method}, layer "
        f"{experiment.layer}, {access.titled(experiment.corpus)}; all other settings as they are now."
    )


def _known(experiment: Experiment, kind: sweeps.Kind) -> dict[str, float] | None:
    """What is known of a cell: all that is asked, or without the perplexity."""
    for asked in dict.fromkeys((kind, CellQuestion)):
        with suppress(AskError):
            values: dict[str, float] | None = process.jobs().result(asked(experiment))
            if values is not None:
                return values
    return None


def cell_frame(
    experiments: Sequence[Experiment],
    known: dict[Experiment, dict[str, float]],
    states: dict[Experiment, str],
    measure: CellMeasure,
) -> pd.DataFrame:
    """One row a place of the grid: ``k, strength, value, label, state``.

    Strength 0 has one value for all k; it is repeated at every k.
    """
    rows = []
    counts = sorted({experiment.experts for experiment in experiments})
    for experiment in experiments:
        value = known.get(experiment, {}).get(measure.name)
        state = "computed" if value is not None else states.get(experiment, "not computed")
        label = "" if value is None else measure.unit.text(value)
        waits = {"waiting": "…", "running": "▶", "failed": "✕"}.get(state, "")
        for k in counts if experiment.strength == 0 else [experiment.experts]:
            rows.append(
                {"k": k, "strength": experiment.strength, "value": value, "label": label or waits, "state": state}
            )
    frame = pd.DataFrame(rows).drop_duplicates(["k", "strength"])
    return frame.astype({"value": float}).sort_values(["k", "strength"], ignore_index=True)


def _best(
    known: dict[Experiment, dict[str, float]], measure: CellMeasure, kind: sweeps.Kind, lacking: AskError | None = None
) -> None:
    st.markdown("**The best of what is computed**")
    if not known:
        theme.quiet("Nothing is computed yet.")
        return
    constraint = _constraint(measure)
    if _kind(measure) is not kind:  # what is asked of the cells is decided outside this fragment
        st.rerun()
    best = grid.best(known, measure.name, constraint)
    if best is None:
        st.markdown("No computed setting fulfils this.")
        return
    value = known[best][measure.name]
    value_text = measure.unit.text(value)
    of = counted(len(known), "setting")
    named = of_number(best)
    st.markdown(f"**{named[0].upper()}{named[1:]}**: {value_text}, of {of}.")
    if len(known) > 1:
        theme.quiet("Chosen on the same sentences that it is measured on, so the figure is optimistic.")
    if not packed.opens(best, lacking):
        theme.quiet(packed.MEASURES_ALONE)
    elif st.button("Open it", key="open-best", icon=":material/open_in_new:"):
        navigation.go("", best)


def _constraint(measure: CellMeasure) -> dict[str, tuple[str, float]]:
    measures = grid.measures()
    names = ["none", *(name for name in measures if name != measure.name)]
    name = page_state.pick(
        "Provided that",
        names,
        "provided",
        lambda name: measures[name].title if name in measures else "(nothing)",
        others=measures,
    )
    if name == "none":
        return {}
    side = "at least" if measures[name].higher_is_better else "at most"
    usual, entry = 1.5 if name == PERPLEXITY.name else 0.5, f"bound-{name}"
    bound = page_state.finite(entry, usual, "bound")  # older links: one for all measures
    bound = st.number_input(f"is {side}", value=bound, step=0.05, key=page_state.key(entry))
    page_state.put(entry, page_state.exact(bound), page_state.exact(usual))
    page_state.put("bound", "")
    return {name: (side, bound)}


def _fill(missing: list[Experiment], kind: sweeps.Kind, current: Experiment) -> None:
    """Draw the controls that start, watch and stop the computation of the missing cells."""
    if not missing:
        return
    if access.reads_only():
        theme.quiet("This server shows what is known, and computes nothing.")
        return
    standing = sweeps.standing(process.jobs(), missing, kind)
    st.markdown("**What is missing**")
    if standing.failures:
        theme.problem(f"{len(standing.failures)} failed: {waiting.why(next(iter(standing.failures.values())))}")
    if standing.active:
        _watch(standing, kind)
    idle = [cell for cell in missing if standing.states.get(cell) not in ("waiting", "running")]
    if idle:
        _offer(idle, kind, current, standing.failed)


def _watch(standing: sweeps.CellStates, kind: sweeps.Kind) -> None:
    """Draw how the computation of cells goes, and what stops it."""
    jobs, active = process.jobs(), standing.active
    first = next((job for job in active if job.state == "running"), active[0])
    to_go = sum(state != "failed" for state in standing.states.values())
    st.progress(min(first.snapshot.fraction, 1.0), f"{to_go} to go: {first.snapshot.stage}")
    seconds = sum(job.snapshot.remaining if job.parts else _seconds(job, kind) for job in active)
    theme.quiet(f"About {duration(seconds)} left. It gives way to whoever waits for something, and goes on after.")
    if any(map(waiting.may_stop, active)) and st.button("Stop", icon=":material/stop_circle:", key="stop-sweep"):
        sweeps.stop(jobs, active, None if role.is_admin() else session.visitor().name)
        st.rerun()


def _offer(idle: list[Experiment], kind: sweeps.Kind, current: Experiment, failed: list[Job]) -> None:
    """Draw what begins the computation of cells, or of a part of them, with what it costs."""
    cost = _cost(idle, kind)
    n = counted(len(idle), "setting")
    theme.quiet(f"{n} {'is' if len(idle) == 1 else 'are'} not computed: about {duration(cost.seconds(idle))}.")
    begun = [idle] if _begins(f"Compute {n}", "start-sweep", idle, "primary") else []
    for name, (title, region) in regions(idle, current).items():
        label = f"Only {title} ({len(region)}, about {duration(cost.seconds(region))})"
        if _begins(label, f"start-{name}", region):
            begun.append(region)
    if not begun:
        return
    for job in failed:
        process.jobs().forget(job.request)
    try:
        sweeps.fill(process.jobs(), session.visitor().name, begun[0], kind)
    except AskError as error:
        waiting.refusal(error)
    else:
        st.rerun()


def _begins(
    label: str, key: str, region: Sequence[Experiment], kind: Literal["primary", "secondary"] = "secondary"
) -> bool:
    return bool(region) and st.button(label, type=kind, key=key, icon=":material/grid_on:")


def regions(missing: Sequence[Experiment], current: Experiment) -> dict[str, tuple[str, list[Experiment]]]:
    """Parts of the grid that can be filled separately, by name: the title of each, and its missing experiments.

    The parts are the row and the column of the current setting; a part that would be all that is missing is left out.
    """
    row = [experiment for experiment in missing if experiment.experts == current.experts]
    column = [experiment for experiment in missing if experiment.strength == current.strength]
    parts = {"row": (counted(current.experts, "neuron"), row), "column": (f"strength {current.strength:g}", column)}
    return {name: (title, part) for name, (title, part) in parts.items() if 0 < len(part) < len(missing)}


def _seconds(job: Job, kind: sweeps.Kind) -> float:
    """Seconds that a job will take that has not begun."""
    cells = job.request.cells if isinstance(job.request, sweeps.CellsRequest) else ()
    return _cost(cells, kind).seconds(cells)


def _cost(cells: Sequence[Experiment], kind: sweeps.Kind) -> sweeps.Cost:
    """As `sweeps.cost`, looked up once for this visitor."""
    known, ended = session.visitor().part(_Costs), process.jobs().health().ended
    if known.ended != ended or len(known.of) >= _MOST_COSTS:
        known.ended, known.of = ended, {}
    key = tuple(cells), kind
    if key not in known.of:
        known.of[key] = sweeps.cost(process.engine(), cells, kind)
    return known.of[key]


def _open(experiment: Experiment, picked: object, lacking: AskError | None) -> None:
    """Open the cell that was clicked, or say why it cannot be."""
    try:
        cell = picked["selection"]["cell"][0]  # type: ignore[index]
        clicked = replace(experiment, experts=int(cell["k"]), strength=float(cell["strength"]))
    except (KeyError, IndexError, TypeError):
        return
    if packed.opens(clicked, lacking):
        navigation.go("", clicked)
    else:
        theme.problem(f"{of_number(clicked)}: {packed.MEASURES_ALONE}")
