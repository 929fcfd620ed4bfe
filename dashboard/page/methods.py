"""Every intervention compared: which is best by what, and what is free and better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from core.analyses import method_comparison, method_verdict
from core.analyses.method_comparison import FIGURES, RANKED, Row
from core.errors import AskError
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.neurons.methods import METHODS
from core.stats.units import SHARE, counted
from dashboard.charts import methods as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import background, waiting
from dashboard.state import page_state, session
from dashboard.work import process
from dashboard.work.method_questions import MethodsQuestion

_FAR = 20.0
"""A ratio so many times the least is left out of the chart, where it would hide all others."""


def draw() -> None:
    """Draw the page."""
    theme.quiet(
        "Every intervention on the same neurons, sentences and prompts, beside the unmodified model, what is free, and "
        "random neurons."
    )
    question = _asked()
    figure = page_state.choice("Figure", RANKED, "figure", lambda name: FIGURES[name].title)
    background.watched(partial(_answer, question, figure), question)


def _asked() -> MethodsQuestion:
    """Draw the controls, and return what they ask for; the link holds all of it."""
    experiment = session.experiment()
    left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
    with middle:
        every = page_state.switch("All interventions", "all")
    with left:
        methods = page_state.several("Interventions", METHODS, "methods", experiment.method)
    n = page_state.whole_number(right, "Prompts a language", "prompts", 2, 1, 20)
    asked = method_comparison.writing(experiment, first=n)
    return MethodsQuestion(experiment, tuple(METHODS) if every else methods, asked)


def _answer(question: MethodsQuestion, figure: str, working: bool) -> None:
    """Draw what is known, and offer to measure what is missing."""
    try:
        known = question.known_so_far(process.engine())
    except AskError as error:
        waiting.refusal(error)
        theme.ready()
        return
    if known.rows:
        _verdict(known.rows)
    if known.missing:
        _missing(question, len(known.missing), working)
    if known.rows:
        _chart(known.rows, figure)
        _table(known.rows)
    for title, refused in known.refused.items():
        theme.quiet(f"{title} is not for this setting: {refused.why}.")
    _conditions(question)
    theme.ready()


def _verdict(rows: Sequence[Row]) -> None:
    with st.container(border=True, key="methods-verdict"):
        st.markdown(method_verdict.overall(rows))
    if said := method_verdict.lines(rows):
        st.markdown("\n".join(f"- {line}" for line in said))


def _missing(question: MethodsQuestion, n: int, working: bool) -> None:
    offer = background.Offer(
        question,
        key="methods",
        title=f"Interventions compared ({theme.name(question.experiment.target)})",
        start=f"Measure {counted(n, 'condition')}",
        stop="Stop measuring",
        doing=f"{n} to go",
        primary=True,
    )
    background.draw(offer, working)


def _chart(rows: Sequence[Row], name: str) -> None:
    figure, frame = FIGURES[name], chart_frame(rows, name)
    st.header(f"{figure.title[0].upper()}{figure.title[1:]}", anchor=False)
    if frame.empty:
        theme.quiet(f"{figure.about}: nothing here has it, as where a corpus has no labels or a model writes no text.")
        return
    far = frame["value"] > _FAR * frame["value"].min() if figure.unit is not SHARE else frame["value"].isna()
    drawing.chart(
        charts.bars(frame[~far].reset_index(drop=True), figure),
        key=f"methods-{name}",
        alt=f"{figure.title} under every condition that is measured, the best first, with 95% intervals.",
        data=frame,
    )
    theme.quiet(f"{figure.about[0].upper()}{figure.about[1:]}. Lines are 95% intervals over sentences or answers.")
    if far.any():
        left = ", ".join(f"{row.title} ({row.value:,.0f} ×)" for row in frame[far].itertuples())
        theme.quiet(f"Left out of the chart, {_FAR:.0f} times the least and more: {left}.")


def chart_frame(rows: Sequence[Row], name: str) -> pd.DataFrame:
    """``condition, title, kind, value, low, high, n``, one row a condition that has the figure, the best first."""
    table = method_comparison.table(rows)
    columns = {name: "value", f"{name}_low": "low", f"{name}_high": "high", f"{name}_n": "n"}
    frame = table[["condition", "title", "kind", *columns]].rename(columns=columns).dropna(subset=["value"])
    frame = frame.sort_values("value", ascending=not FIGURES[name].higher_is_better, kind="stable")
    return frame.assign(kind=frame["kind"].map(charts.KINDS)).reset_index(drop=True)


def _table(rows: Sequence[Row]) -> None:
    st.header("All figures", anchor=False)
    saved = method_comparison.table(rows)
    drawing.table(table_frame(rows), key="methods", saved=saved[[c for c in saved if not str(c).startswith("time")]])
    theme.quiet(
        "With 95% intervals; # is the rank among the interventions that are measured: equal ones share it, and those "
        "without a figure that others have share the last. The mean rank is over all figures here. Numbers kept: how "
        "many an intervention has to store, beside which neurons they are of. The time of a pass is measured by the "
        "command line alone (python -m core methods): beside other "
        "work it says little."
    )


def table_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row a condition, the interventions by mean rank: each figure with its interval and rank as text."""
    ranks = method_comparison.ranks(rows)
    order = {kind: number for number, kind in enumerate(charts.KINDS)}
    ordered = sorted(rows, key=lambda row: (order[row.kind], ranks.get(row.condition, {}).get("mean", 0.0)))
    return pd.DataFrame([_record(row, ranks.get(row.condition, {})) for row in ordered])


def _record(row: Row, ranks: Mapping[str, float]) -> dict[str, object]:
    record: dict[str, object] = {"condition": row.title, "mean rank": ranks.get("mean")}
    for name in RANKED:
        text = method_verdict.text_of(FIGURES[name], row.figures[name]) if name in row.figures else ""
        record[FIGURES[name].title] = f"{text} #{ranks[name]:g}".strip() if name in ranks else text
    return record | {"numbers kept": row.numbers or None}


def _conditions(question: MethodsQuestion) -> None:
    languages = {prompt.language for prompt in question.asked.prompts}
    plain = replace(question.experiment, method=Experiment.method, control=Experiment.control)
    theme.quiet(
        f"{in_words(plain, without=('layer',))}, layer {plain.layer}; answers of at most "
        f"{question.asked.tokens} tokens to {len(question.asked.prompts):,} prompts in {len(languages)} languages; "
        f"perplexity of {method_comparison.TEXTS} of the target's sentences. What is free is fitted on the probe "
        "sentences."
    )
