"""The part of the page of written text that says how many neurons text is best written with, as a report found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.errors import AskError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.reproduction import reader, text_choice
from core.reproduction.reader import ReportContent
from core.reproduction.text_choice import TextChoice
from core.stats.intervals import Interval
from core.stats.units import counted
from dashboard.charts import theme
from dashboard.page import reproduction
from dashboard.state import navigation, session


def draw(bound: Plan) -> None:
    """Say which number of neurons the choice of k prefers, and offer it; or how it is measured, where it is not."""
    experiment = bound.experiment
    if experiment.strength == 0:
        return
    found = _found(bound)
    if found is None:
        theme.quiet(unknown_words(experiment))
        return
    k = found.preferred
    with st.container(horizontal=True, vertical_alignment="center"):
        theme.quiet(words(found, experiment.target, experiment.experts))
        if found.rises and k != experiment.experts:
            few = f"Write with {counted(k, 'neuron')}"
            if st.button(few, key="text-k", icon=":material/tune:", type="tertiary", width="content"):
                navigation.go("generate", replace(experiment, experts=k))


def _found(bound: Plan) -> TextChoice | None:
    """What is known of this model and target: from the report of the page Reproduction, or from the project's own."""
    folders = (session.visitor().views.get("reproduction", {}).get("folder", reproduction.FOLDER), reproduction.FOLDER)
    for folder in dict.fromkeys(folders):
        try:
            choice = text_choice.read(_read(*reproduction.version(folder)), bound)
        except AskError:  # that page says what is wrong with the folder
            continue
        if choice is not None:
            return choice
    return None


@st.cache_data(show_spinner=False, max_entries=8)
def _read(folder: str, written: float) -> ReportContent:  # noqa: ARG001 - the time is part of the cache's key
    return reader.read(Path(folder), (text_choice.ITEM,))


def words(found: TextChoice, target: str, experts: int) -> str:
    """What a report found of text, in words.

    Parameters
    ----------
    target : str
        Code of the language.
    experts : int
        How many neurons the setting holds.
    """
    language, k, best = theme.name(target), found.preferred, found.best
    n, settings = found.probability[k].n, found.conditions
    texts = f"n = {n:,} texts of {settings.get('text_tokens', '?')} tokens from nothing"
    measured = (
        f"Measured by python -m core reproduce with {settings.get('probe_sentences') or 'all'} probe sentences of "
        f"{settings.get('corpus')}, strength 1."
    )
    if not found.rises:
        return (
            f"No number of neurons that was tried writes {language} more often than the unmodified model does, beyond "
            f"chance: {_share(found.probability[best])} at {best:,}, {_share(found.probability[0])} without ({texts}). "
            f"{measured}"
        )
    level = (
        f", which reaches into the interval of the most that was found, {_share(found.probability[best])} at {best:,}"
    )
    this = (
        f" This setting's {experts:,}: {_share(found.probability[experts])}{_perplexity(found, experts)}."
        if experts != k and experts != best and experts in found.probability
        else ""
    )
    are = "is" if k == 1 else "are"
    return (
        f"For text, {counted(k, 'neuron')} {are} enough: {language} with probability {_share(found.probability[k])}"
        f"{_perplexity(found, k)} ({texts}){level if best != k else ', the most of all that were tried'}.{this} "
        f"{measured}"
    )


def _share(of: Interval) -> str:
    return f"{of.value:.2f} [{of.low:.2f}, {of.high:.2f}]"


def _perplexity(found: TextChoice, k: int) -> str:
    """Perplexity of text in the target language, beside the unmodified model's; empty where it was not measured."""
    if not {0, k} <= found.perplexity.keys():
        return ""
    return f", perplexity {found.perplexity[k].value:,.0f} (unmodified: {found.perplexity[0].value:,.0f})"


def unknown_words(experiment: Experiment) -> str:
    """How the number of neurons that is best for text is found where it is not known."""
    target = theme.name(experiment.target)
    if not text_choice.is_measured(experiment):
        return (
            "How many neurons are best for text is known of set-mean at strength 1 with the best neurons by the usual "
            "score; for this setting, What if measures the perplexity of text for every number of neurons."
        )
    command = f"python -m core reproduce --model {experiment.model} --targets {experiment.target}"
    return (
        f"How many neurons are best for text in {target} is not measured for this model: {command} --out DIR does, as "
        "Choice of k. Name its folder on the page Reproduction, and the number stands here."
    )
