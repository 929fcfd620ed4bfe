"""The first page: both spaces as maps, retrieval before and after, and baselines without an intervention."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import access
from core.experiment.settings import Experiment
from core.pipeline.measure_table import MEASURES, Measure
from core.pipeline.result import Result
from dashboard.charts import explore as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import earlier, free_verdict, map_panel, packed, waiting
from dashboard.state import navigation, presentation, session
from dashboard.text import frames, summary, tour
from dashboard.work import free, process

_MOVED = 0.0005  # a smaller change would be written as "+0.0 points"


@dataclass
class _LastResult:
    """The result that this visitor saw last on this page."""

    result: Result | None = None


def draw() -> None:
    """Draw the page."""
    experiment: Experiment = session.experiment()
    with st.container(horizontal=True, vertical_alignment="center"):
        theme.quiet("Hold the neurons that tell one language from all others, and watch where the languages move.")
        _next_questions(experiment)
    result = waiting.result_or_wait(experiment)
    seen = session.visitor().part(_LastResult)
    if result is not None:
        seen.result = result
        _show(result)
    elif waiting.waits(experiment) and not map_panel.between(experiment) and seen.result is not None:
        _earlier(seen.result, experiment)


def _next_questions(experiment: Experiment) -> None:
    """Buttons for what is asked next of a picture: what half of it would do, and whether it is real."""
    if experiment.strength == 0:
        return
    half = replace(experiment, strength=experiment.strength / 2)
    offered = not access.reads_only() or process.jobs().peek(half) is not None
    if offered and st.button("Half the strength", type="tertiary", icon=":material/contrast:", key="ask-half"):
        navigation.go("", half)
    if st.button("Is it real?", type="tertiary", icon=":material/balance:", key="ask-real"):
        navigation.switch("is-it-real")


def _earlier(result: Result, computing: Experiment) -> None:
    """Keep the picture of the setting before, dimmed, while the present one is computed."""
    earlier.label(result.plan.experiment, computing)
    map_panel.earlier(result)


def _show(result: Result) -> None:
    theme.ready()
    # An audience looks at the maps first, and the tour's card already says what the summary says.
    picture_first = presentation.presenting() or tour.stop() > 0
    if not picture_first:
        _summary(result)
    above, figures = st.container(), st.container()
    with figures:  # sent to the browser first: they are small, and most readers want the numbers
        _figures(result)
    with above:
        map_panel.draw(result)
        if picture_first:
            _summary(result)
        free_verdict.draw(result)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _retrieval(result)
    with right:
        _layers(result)
    _every_measure(result)
    _conditions(result)


def _summary(result: Result) -> None:
    with st.container(border=True, key="summary"):
        st.markdown(summary.summary(result, free.known(result), free.control(result)))


def _figures(result: Result) -> None:
    target = theme.name(result.plan.target)
    headlines = [measure for measure in MEASURES.values() if measure.headline]
    *columns, last = st.columns(len(headlines) + 1)
    for column, measure in zip(columns, headlines, strict=True):
        _figure(column, measure, result, target)
    layer, best = result.best_layer
    last.metric(
        f"Untouched model, layer {layer}",
        summary.percent(best.pre),
        f"layer {result.plan.layer}, mean-centred: {summary.percent(result.centred.pre)}",
        delta_color="off",
        delta_arrow="off",
        border=True,
        help=f"Top-1 from {target} on the unmodified model: after subtracting each language's mean embedding, and at "
        "the layer that retrieves best, chosen on these rows. An intervention is worth its cost where it adds to "
        "these.",
    )


def _figure(column: DeltaGenerator, measure: Measure, result: Result, target: str) -> None:
    """Draw one measure after the intervention, with its change."""
    change, unit = measure.read(result), measure.unit
    moved = abs(change.difference) >= _MOVED
    column.metric(
        measure.titled(target, result),
        unit.text(change.post),
        f"{unit.change_text(change.difference)} from {unit.text(change.pre)}",
        delta_color="off" if not moved else "normal" if measure.higher_is_better else "inverse",
        delta_arrow="auto" if moved else "off",
        border=True,
        help=measure.explained(target),
    )


def _every_measure(result: Result) -> None:
    folder = st.expander("Every measure, before and after", key="every-measure", on_change="rerun")
    if not folder.open:
        return
    with folder:
        drawing.table(frames.measure_frame(result), key="measures")


def _retrieval(result: Result) -> None:
    target = theme.name(result.plan.target)
    st.header(summary.question(target), anchor=False)
    rows = frames.bar_frame(result)
    drawing.chart(
        charts.retrieval_bars(rows),
        key="retrieval",
        data=rows,
        alt=f"Top-1 retrieval accuracy from {target} into each language, before and after.",
    )
    theme.quiet(
        f"Of all {result.from_target['n'].max():,} candidate sentences in the other language, is the nearest by cosine "
        "similarity the translation? Lines are 95% intervals (Wilson); orange marks the unmodified model after "
        "subtracting each language's mean, which needs no intervention."
    )


def _layers(result: Result) -> None:
    st.header("The same at every layer", anchor=False)
    rows = frames.layer_frame(result)
    drawing.chart(
        charts.layer_lines(rows, result.plan.layer),
        key="layers",
        data=rows,
        alt="Top-1 retrieval accuracy with the target as the query, by layer, before and after.",
    )
    theme.quiet("Mean top-1 over candidate languages. The dashed line is the layer that this page shows.")


def _conditions(result: Result) -> None:
    """Draw the conditions under which the numbers were measured."""
    for note in result.notes:
        theme.quiet(f"Note: {note}")
    packed.agreement(result)
    theme.quiet(summary.conditions(result))
