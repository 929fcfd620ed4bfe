"""The first page: both spaces as maps, retrieval before and after, and what is free."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiment.settings import Experiment
from core.pipeline.result import Change, Result
from dashboard.charts import explore as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import map_panel, waiting
from dashboard.state import presentation, session
from dashboard.text import frames, summary, tour


def draw() -> None:
    """Draw the page."""
    st.title("What do language neurons do?", anchor=False)
    theme.quiet("Hold the neurons that tell one language from all others, and watch where the languages move.")
    for problem in session.visitor().problems:
        theme.problem(problem)
    experiment: Experiment = session.experiment()
    result = waiting.result_or_wait(experiment)
    if result is not None:
        _show(result)


def _show(result: Result) -> None:
    st.html('<div data-testid="result-ready"></div>')
    picture_first = (
        presentation.presenting() or tour.stop() > 0
    )  # an audience is shown it; the tour's card has said the rest
    if not picture_first:
        _summary(result)
    above, figures = st.container(), st.container()
    with figures:  # sent first: they are small, and the numbers are what a reader of the link came for
        _figures(result)
    with above:
        map_panel.draw(result)
        if picture_first:
            _summary(result)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _retrieval(result)
    with right:
        _layers(result)
    _conditions(result)


def _summary(result: Result) -> None:
    with st.container(border=True, key="summary"):
        st.markdown(summary.summary(result))


def _figures(result: Result) -> None:
    target = theme.name(result.plan.target)
    columns = st.columns(4)
    _share(
        columns[0], f"Top-1 from {target}", result.target_top1, "Mean over candidate languages, target as the query."
    )
    _share(columns[1], "Top-1, all pairs", result.all_top1, "Mean over all ordered pairs of languages.")
    apart = result.all_pairs_distance
    columns[2].metric(
        "Translation distance",
        f"{apart.post:.3f}",
        f"{apart.difference:+.3f} from {apart.pre:.3f}",
        delta_color="inverse" if abs(apart.difference) >= 0.0005 else "off",
        delta_arrow="auto" if abs(apart.difference) >= 0.0005 else "off",
        border=True,
        help="Cosine distance, mean over sentences and over all pairs of languages.",
    )
    layer, best = result.best_layer
    columns[3].metric(
        f"Untouched model, layer {layer}",
        summary.percent(best.pre),
        f"mean-centred: {summary.percent(result.centred.pre)}",
        delta_color="off",
        delta_arrow="off",
        border=True,
        help=f"Top-1 from {target} on the unmodified model: after subtracting each language's mean embedding, and at "
        "the layer that retrieves best. An intervention is worth its cost where it adds to these.",
    )


def _share(column: DeltaGenerator, title: str, change: Change, hint: str) -> None:
    moved = abs(change.difference) >= 0.0005  # else "+0.0 points", which is no gain
    column.metric(
        title,
        summary.percent(change.post),
        f"{summary.points(change)} from {summary.percent(change.pre)}",
        delta_color="normal" if moved else "off",
        delta_arrow="auto" if moved else "off",
        border=True,
        help=hint,
    )


def _retrieval(result: Result) -> None:
    target = theme.name(result.plan.target)
    st.subheader(f"Does a {target} sentence find its translation?", anchor=False)
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
    st.subheader("The same at every layer", anchor=False)
    rows = frames.layer_frame(result)
    drawing.chart(
        charts.layer_lines(rows, result.plan.layer),
        key="layers",
        data=rows,
        alt="Top-1 retrieval accuracy with the target as the query, by layer, before and after.",
    )
    theme.quiet("Mean top-1 over candidate languages. The dashed line is the layer that this page shows.")


def _conditions(result: Result) -> None:
    """No number without its conditions."""
    for note in result.notes:
        theme.quiet(f"Note: {note}")
    theme.quiet(summary.conditions(result))
