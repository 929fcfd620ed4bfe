"""The part of the page of what-if that searches for the best setting, within minutes that the visitor gives it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.analyses.search import SCOPES, Choices, Found, Limits, Tried, kept_to
from core.errors import AskError
from core.experiment.settings import Experiment
from core.experiment.title import of_number
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES
from core.progress import duration
from core.stats.intervals import Interval
from core.stats.units import counted
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import background, waiting
from dashboard.state import navigation, page_state
from dashboard.text import summary
from dashboard.work import process
from dashboard.work.search_questions import SearchQuestion

_MOST_MINUTES = 240


def draw(experiment: Experiment, most: int) -> None:
    """Draw the controls of a search, its progress, and what it found; the model has ``most`` neurons."""
    st.header("Search for the best setting", anchor=False)
    question = _asked(experiment, most)
    working = waiting.waits(question)  # before what is known: it may end between the two
    try:
        found: Found | None = process.jobs().result(question)
    except AskError as error:
        waiting.refusal(error)
        return
    if found is not None:
        _show(found, question.limits)
        return
    st.fragment(background.draw, run_every=background.EVERY if working else None)(_offer(question), working)


def _offer(question: SearchQuestion) -> background.Offer:
    """The search as the page offers it."""
    minutes, n_settings = question.limits.minutes, len(question.choices.experiments(question.experiment))
    return background.Offer(
        question,
        key="search",
        title=f"Search for the best setting ({question.experiment.target})",
        start=f"Search for {counted(round(minutes), 'minute')}",
        stop="Stop the search",
        doing="Searching",
        about=f"Among {counted(n_settings, 'setting')}: half of the probe rows find the neurons, the other half "
        "judge, more of them in each round, in which the better third goes on. The best is then measured on the "
        "evaluation rows, which the search never sees. It gives way to whoever waits for something, and what it "
        "computes is kept.",
        meanwhile=f"At most {duration(60 * minutes)} of computing, and the last measure after it.",
        icon="search",
        primary=True,
    )


def _asked(experiment: Experiment, most: int) -> SearchQuestion:
    """Draw the controls, and return what they ask for; the link holds all of it."""
    columns = st.columns(4)
    minutes = page_state.whole_number(columns[0], "Minutes", "search-minutes", 5, 1, _MOST_MINUTES)
    with columns[1]:
        scope = page_state.pick("Find most translations", list(SCOPES), "search-scope", lambda name: SCOPES[name])
    with columns[2]:
        methods = page_state.several("Interventions", METHODS, "search-methods", experiment.method)
    with columns[3]:
        scores = page_state.several("Scores", SCORES, "search-scores", experiment.score)
    bounded = page_state.switch("The perplexity of the target's sentences may rise to 1.5 × at most", "search-bounded")
    default = Choices()
    usual = {k for k in default.experts if k <= most} if experiment.k_counts else set()
    counts = tuple(sorted(usual | {experiment.experts}))
    strengths = tuple(sorted({*default.strengths, experiment.strength} - {0.0}))
    choices = Choices(methods, scores, counts, strengths, (experiment.expert_layers,))
    # One search, whichever of these settings the sidebar shows.
    base = Experiment.from_dict(
        experiment.to_dict()
        | {"method": methods[0], "score": scores[0], "experts": counts[0], "strength": strengths[-1]}
    )
    return SearchQuestion(base, choices, Limits(float(minutes), scope, 1.5 if bounded else None))


def _show(found: Found, limits: Limits) -> None:
    st.html('<div data-testid="search-ready"></div>')
    rows = tried_frame(found.tried)
    st.markdown(said(found, limits))
    if found.best is not None and st.button(
        "Open the best setting", key="open-found", icon=":material/open_in_new:", type="primary"
    ):
        navigation.go("", found.best)
    with st.expander(f"All that was tried ({len(rows):,})"):
        drawing.table(rows, key="search-tried")
        for experiment, why in found.refused:
            st.text(f"Impossible: {named(experiment)}: {why}")
    theme.quiet(
        f"A search of {counted(round(limits.minutes), 'minute')} for the most top-1 {SCOPES[limits.scope]}, by "
        "successive halving on probe rows that found no neuron. A longer one may find better."
    )


def said(found: Found, limits: Limits) -> str:
    """What was tried, what is best, and how it does on rows that the search has not seen: Markdown."""
    n_settings, n_rounds = len({one.experiment for one in found.tried}), len({one.round for one in found.tried})
    tried = f"Tried {n_settings:,} of {counted(found.offered, 'setting')} in {counted(n_rounds, 'round')}."
    if found.best is None or found.before is None or found.after is None:
        return f"{tried} **{'No setting keeps to the limit' if found.tried else 'None of them is possible'}.**"
    limit = "" if found.perplexity is None else f" {kept_to(limits, found.perplexity)}"
    return (
        f"{tried} Best: **{named(found.best)}**. Top-1 {SCOPES[limits.scope]}, on {found.after.n:,} evaluation rows "
        f"that the search never saw: **{_top1(found.before)} before, {_top1(found.after)} after**.{limit}"
    )


def named(experiment: Experiment) -> str:
    """A setting by what a search chooses."""
    where = f", blocks {experiment.expert_layers}" if experiment.expert_layers else ""
    return f"{METHODS[experiment.method].title}, {of_number(experiment)} by {SCORES[experiment.score].title}{where}"


def tried_frame(tried: tuple[Tried, ...]) -> pd.DataFrame:
    """``round, rows, setting, top1, low, high, perplexity, fits``, the last round first, the best first in it."""
    order = sorted(tried, key=lambda one: (-one.round, -one.top1.value))
    return pd.DataFrame(
        [
            {
                "round": one.round + 1,
                "rows": one.rows,
                "setting": named(one.experiment),
                "top1": one.top1.value,
                "low": one.top1.low,
                "high": one.top1.high,
                "perplexity": one.perplexity,
                "fits": one.fits,
            }
            for one in order
        ]
    )


def _top1(top1: Interval) -> str:
    return f"{summary.percent(top1.value)} ({summary.percent(top1.low)} to {summary.percent(top1.high)})"
