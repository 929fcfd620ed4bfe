"""A sentence that the visitor types: its neighbours before and after, its place on the map, the experts by token."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import access
from core.analyses.own_sentence import LONGEST, NEIGHBOURS, NearSentence, OwnSentence, place
from core.charts.maps import language_map, window_of
from core.charts.palette import colours
from core.errors import AskError
from core.language.identification import probabilities, unknown
from core.pipeline.result import Result
from core.stats.units import counted
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import page_state, session
from dashboard.text import frames
from dashboard.text.tokens import coloured
from dashboard.work.questions import OwnSentenceQuestion

_IDENTIFIED = "identified"


def draw(result: Result) -> None:
    """Draw the field, and what is found of the sentence; no field where nothing is computed, unless by a link's."""
    if access.reads_only() and not page_state.get("own"):
        return
    languages = result.plan.languages
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Your own sentence",
            page_state.get("own"),
            max_chars=LONGEST,
            key=page_state.key("own"),
            placeholder="Any sentence, in any language",
        ).strip()
        page_state.put("own", text)
        # Text in a language that the classifier does not know would be taken for another.
        default = result.plan.target if unknown(languages) else _IDENTIFIED
        chosen = page_state.pick("Written in", (_IDENTIFIED, *languages), "own-in", _title, default)
    if not text:
        return
    # A method that goes by a sentence's language does nothing to one that is taken for the target's.
    language = chosen if chosen in languages else identified(text, languages) or result.plan.target
    if chosen == _IDENTIFIED:
        theme.quiet(f"Taken for {theme.name(language)}.{_unknown_words(languages)}")
    found: OwnSentence | None = waiting.answer_or_wait(OwnSentenceQuestion(session.experiment(), text, language))
    if found is None:
        return
    st.html(coloured(found.tokens, found.responses))
    if found.tokens:
        one = len(result.experts.neurons) == 1
        its = "its" if one else "their"
        theme.quiet(
            f"Blue: the {counted(len(result.experts.neurons), 'expert')} respond{'s' * one} towards {its} mean on "
            f"{theme.name(result.plan.target)} (1); orange: away from it, below {its} mean on other probe languages "
            f"(0). In the unmodified model; mean over {counted(len(found.tokens), 'token')}: "
            f"{float(found.responses.mean()):.2f}."
        )
    _neighbours(result, found)
    _maps(result, found, text)


def identified(text: str, languages: Sequence[str]) -> str | None:
    """Which of the languages a text is in; None where that cannot be said."""
    try:
        return next(iter(probabilities(text, languages)), None)
    except AskError:  # the classifier knows none of them
        return None


def _unknown_words(languages: Sequence[str]) -> str:
    """Which languages nothing is taken for, as a sentence after a space; empty where there are none."""
    names = ", ".join(map(theme.name, unknown(languages)))
    return f" The classifier does not know {names}: choose such a language by hand." if names else ""


def _title(language: str) -> str:
    return "the language it is in" if language == _IDENTIFIED else theme.name(language)


def _neighbours(result: Result, found: OwnSentence) -> None:
    for column, title, near in zip(st.columns(2), ("Before", "After"), found.near, strict=True):
        with column:
            st.markdown(f"**{title}** · nearest in all languages")
            st.html(near_html(result, near))
    theme.quiet(
        f"The {NEIGHBOURS} nearest of all evaluation sentences by cosine similarity, at layer {result.plan.layer}. "
        "Their languages say whether the space is sorted by language or by meaning."
    )


def near_html(result: Result, near: Sequence[NearSentence]) -> str:
    """HTML list of the nearest sentences, each with its language; every text is escaped."""
    items = []
    for rank, one in enumerate(near, start=1):
        texts = result.plan.groups[one.group].texts
        english = texts["en"][one.row] if one.language != "en" and "en" in texts else ""
        meaning = html.escape(f"{theme.name(one.language)}{': ' if english else ''}{english}")
        items.append(
            f'<li><span class="ln-rank">{rank}</span><div><span dir="auto">'
            f"{html.escape(texts[one.language][one.row])}</span><small>{meaning}</small></div>"
            f'<span class="ln-sim">{one.similarity:.3f}</span></li>'
        )
    return f'<ol class="ln-near">{"".join(items)}</ol>'


def _maps(result: Result, found: OwnSentence, text: str) -> None:
    languages = [group.languages for group in result.plan.groups]
    spaces = [frames.map_frame(result, space, []) for space in (0, 1)]
    window = window_of(pd.concat(spaces))
    for number, (column, title) in enumerate(zip(st.columns(2), ("Before", "After"), strict=True)):
        at = place(found.near[number], [pair[number] for pair in result.maps], languages)
        own = None if at is None else pd.DataFrame({"x": [at[0]], "y": [at[1]], "text": [text]})
        with column:
            st.markdown(f"**{title}** · your sentence is the star")
            drawing.chart(
                language_map(
                    spaces[number], colours(result.plan.languages), window, spaces[0] if number else None, own=own
                ),
                key=f"own-map-{number}",
                alt=f"Map of the sentences {title.lower()}, with your sentence as a star.",
                data=spaces[number],
            )
    theme.quiet(
        "A map is not fitted again for one sentence: the star lies amid its nearest sentences, the nearer the more."
        f"{frames.drawn_words(result, spaces[0])}"
    )
