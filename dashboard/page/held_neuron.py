"""The part of the page of experts in which one neuron is held by hand: what that does to embeddings and text."""

from __future__ import annotations

import html

import pandas as pd
import streamlit as st

from core import access
from core.analyses import held_neuron
from core.analyses.experts import ScoredNeurons
from core.analyses.held_neuron import Effect
from core.errors import AskError
from core.experiment.settings import Experiment
from core.inference.writing import Writing
from core.pipeline.measure_table import MEASURES
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import page_state
from dashboard.text import summary
from dashboard.work.questions import HeldNeuronQuestion
from dashboard.work.text_questions import Texts, TextsQuestion

_TOKENS = 40
_MOVED = {name: st.column_config.NumberColumn(format="%.3g") for name in ("moved", "low", "high")}


def draw(scored: ScoredNeurons, neuron: int, mean: float) -> None:
    """Draw the controls, and what they ask for; ``mean`` is the neuron's mean response to the target."""
    if access.reads_only():
        return
    if not page_state.switch(
        "Hold this one",
        "hold",
        "This neuron alone, at every token, instead of the experts of the sidebar: what it does by itself.",
    ):
        return
    value = _value(neuron, mean)
    try:
        asked = held_neuron.held(scored.plan.experiment, scored.plan.outline.neurons, neuron, value)
    except AskError as error:
        waiting.refusal(error)
        return
    found: Effect | None = waiting.answer_or_wait(HeldNeuronQuestion(asked))
    if found is None:
        return
    _effect(found, value)
    _texts(asked, value)


def _value(neuron: int, mean: float) -> float:
    usual, entry = round(mean, 4), f"held-at-{neuron}"  # another neuron has another mean
    start = page_state.finite(entry, usual)
    value = float(
        st.number_input(
            "at this output (at first: its mean on the target)",
            -1e6,
            1e6,
            min(max(start, -1e6), 1e6),
            format="%.4f",
            key=f"{page_state.key(entry)}-{usual}",  # another target has another mean
        )
    )
    page_state.put(entry, page_state.exact(value), page_state.exact(usual))
    return value


def _effect(found: Effect, value: float) -> None:
    target, spaces = theme.name(found.plan.target), found.spaces
    st.html('<div data-testid="held-ready"></div>')
    columns = st.columns(3)
    for column, name in zip(columns, ("target_top1", "all_top1"), strict=False):
        measure = MEASURES[name]
        change = measure.read(spaces)
        column.metric(
            measure.titled(target),
            summary.percent(change.post),
            f"before: {summary.percent(change.pre)}",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
    rows = moved_frame(found)
    most = rows.iloc[0]
    columns[2].metric(
        "Moved most",
        str(most["language"]),
        f"cosine distance {most['moved']:.3g}",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    drawing.table(rows, key="held-moved", height=240, column_config=_MOVED)
    theme.quiet(
        f"This neuron alone held at {value:g} at every token. Moved: cosine distance of a sentence's embedding from "
        f"where the unmodified model puts it, at layer {found.plan.layer}; mean over the sentences of a language with "
        f"its 95% interval, the most first. Top-1 is of {int(rows['n'].max()):,} sentences a language."
    )


def moved_frame(found: Effect) -> pd.DataFrame:
    """``language, moved, low, high, n``, one row a language, the most first."""
    rows = [
        {"language": theme.name(code), "moved": moved.value, "low": moved.low, "high": moved.high, "n": moved.n}
        for code, moved in found.moved.items()
    ]
    return pd.DataFrame(rows).sort_values("moved", ascending=False, kind="stable", ignore_index=True)


def _texts(asked: Experiment, value: float) -> None:
    """Draw what the model writes with and without it, when that is asked for."""
    if not page_state.switch("And what it writes then", "held-text"):
        return
    prompt = st.text_input(
        "It goes on from",
        page_state.get("held-prompt"),
        key=page_state.key("held-prompt"),
        placeholder=summary.EMPTY_PROMPT,
        max_chars=300,
    )
    page_state.put("held-prompt", prompt)
    texts: Texts | None = waiting.answer_or_wait(TextsQuestion(asked, Writing(prompt, _TOKENS)))
    if texts is None:
        return
    titles = ("Without", f"Held at {value:g}")
    for column, title, side in zip(st.columns(2, gap="large"), titles, (texts.pre, texts.post), strict=True):
        column.markdown(f"**{title}**")
        for text in side:
            column.html(f'<div dir="auto" data-testid="held-text">{html.escape(prompt + text)}</div>')
    theme.quiet(f"{_TOKENS} tokens at temperature 1, the same seed on both sides.")
