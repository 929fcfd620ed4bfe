"""The part of the page of written text that asks whether the model answers in the target language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from core.analyses import steering
from core.analyses.steering import OTHERS, Answers, SteeringSettings
from core.errors import AskError
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
from core.stats.units import SHARE, TIMES, counted
from dashboard.charts import generate as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import background, waiting
from dashboard.state import page_state
from dashboard.work import process
from dashboard.work.steering_questions import SteeringQuestion

_TOKENS = 40
_ACROSS = 3  # panels beside each other
_FIGURES = {
    "lines": "lines in the target",
    "line_pass": "line pass rate",
    "word_pass": "word pass rate",
    "perplexity": "perplexity of the answers",
}


def draw(experiment: Experiment) -> None:
    """Draw the controls, and a panel for each condition that is known; what is missing is asked for by a button."""
    st.header("Does it answer in the target language?", anchor=False)
    question = _asked(experiment)
    figure = page_state.choice("Figure", list(_FIGURES), "steer-figure", lambda name: _FIGURES[name])
    background.watched(partial(_panels, question, figure), question)


def _asked(experiment: Experiment) -> SteeringQuestion:
    left, right = st.columns([3, 1])
    with left:
        methods = page_state.several("Interventions", METHODS, "steer-methods", experiment.method)
    n = page_state.whole_number(right, "Prompts a language", "steer-prompts", 2, 1, 20)
    asked = SteeringSettings(steering.default_prompts(first=n), _TOKENS, seed=experiment.seed)
    return SteeringQuestion(experiment, methods, asked)


def _panels(question: SteeringQuestion, figure: str, working: bool) -> None:
    """Draw what is known, and what is missing."""
    try:
        found = question.known_so_far(process.engine())
    except AskError as error:
        waiting.refusal(error)
        return
    wanted = steering.conditions(question.experiment, question.methods)
    if found:
        _multiples(found, figure)
    if len(found) == len(wanted):
        st.html('<div data-testid="steering-ready"></div>')
        _answers(found)
    else:
        _missing(question, len(wanted) - len(found), working)
    theme.quiet(
        f"Answers of at most {_TOKENS} tokens to {len(question.asked.prompts):,} prompts in "
        f"{len({prompt.language for prompt in question.asked.prompts})} languages, written for this project; a panel a "
        "condition, a bar a language of the prompts, with its 95% interval over answers. Lines of five words and more "
        "count, by the language classifier py3langid; pass rates as the Language Confusion Benchmark defines them; "
        "perplexity under the unmodified model. To ask in words costs nothing."
    )


def _multiples(found: Sequence[Answers], figure: str) -> None:
    rows = panel_frame(found, figure)
    most = None if figure != "perplexity" else float(rows["high"].fillna(rows["value"]).max())
    for first in range(0, len(found), _ACROSS):
        for column, side in zip(st.columns(_ACROSS, gap="medium"), found[first : first + _ACROSS], strict=False):
            own = rows[rows["condition"] == side.condition.name]
            over = own[own["prompts"] == OTHERS]
            with column:
                st.markdown(f"**{side.condition.title}**")
                said = "no answer counts" if over.empty or over["value"].isna().all() else _said(over.iloc[0], figure)
                theme.quiet(f"All other languages: {said}.")
                drawing.chart(
                    charts.steering_panel(own[own["prompts"] != OTHERS], _FIGURES[figure], most),
                    key=f"steering-{side.condition.name}",
                    alt=f"{_FIGURES[figure]} by the language of the prompts: {side.condition.title}.",
                    data=own,
                )


def _said(row: pd.Series, figure: str) -> str:
    unit = TIMES if figure == "perplexity" else SHARE
    if figure == "perplexity":
        return f"{row['value']:,.1f}, n = {row['n']}"
    ends = "" if math.isnan(row["low"]) else f" ({unit.text(row['low'])} to {unit.text(row['high'])})"
    return f"{unit.text(float(row['value']))}{ends}, n = {row['n']}"


def panel_frame(found: Sequence[Answers], figure: str) -> pd.DataFrame:
    """``condition, title, prompts, name, value, low, high, n``, one row a condition and language of prompts."""
    table = steering.table(found)
    names = [code if code == OTHERS else theme.name(code) for code in table["prompts"]]
    rows = table[["condition", "title", "prompts"]].assign(name=names, value=table[figure])
    return rows.assign(low=table[f"{figure}_low"], high=table[f"{figure}_high"], n=table[f"{figure}_n"])


def _missing(question: SteeringQuestion, n: int, working: bool) -> None:
    offer = background.Offer(
        question,
        key="steering",
        title=f"Answers in {theme.name(question.experiment.target)}",
        start=f"Have it answer ({counted(n, 'panel')})",
        stop="Stop the answers",
        doing=f"{n} of the panels to go",
    )
    background.draw(offer, working)


def _answers(found: Sequence[Answers]) -> None:
    with st.expander("The answers"):
        rows = [
            {
                "condition": side.condition.title,
                "language": theme.name(prompt.language),
                "prompt": prompt.text,
                "answer": text,
            }
            for side in found
            for prompt, text in zip(side.prompts, side.texts, strict=True)
        ]
        drawing.table(pd.DataFrame(rows), key="steering-answers")
