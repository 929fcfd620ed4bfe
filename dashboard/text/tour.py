"""The guided tour: five stops on as many pages, with the numbers of the setting that is shown; fit for a short demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import streamlit as st

from core.experiment.settings import Experiment
from core.neurons.interventions import METHODS, TOKENS
from core.neurons.scores import SCORES
from core.pipeline.result import Result
from dashboard.charts import theme
from dashboard.state import page_state, presentation, session
from dashboard.text import summary
from dashboard.work import process


@dataclass(frozen=True)
class _Stop:
    page: str
    title: str
    plain: str  # for everybody; `words` fill it
    measured: Callable[[Result], str]  # the same in this setting's numbers, as Markdown
    exact: str  # shown on demand; `words` fill it too
    view: Mapping[str, str] = field(default_factory=dict)  # of its page, where that is not the usual one


def words(experiment: Experiment) -> dict[str, str]:
    """The words that fill the tour's texts, from the setting's score and intervention."""
    score, method = SCORES[experiment.score], METHODS[experiment.method]
    return {
        "score": score.title,
        "about": score.about,
        "reading": score.reading,
        "deed": method.deed.format(theme.name(experiment.target)),
        "formula": method.formula,
        "tokens": TOKENS[experiment.tokens].title,
    }


def _experts(result: Result) -> str:
    plan, score = result.plan, SCORES[result.plan.experiment.score].title
    return (
        f"Here: **{len(result.experts.neurons):,}** of {plan.outline.neurons.total:,} neurons, which tell "
        f"{theme.name(plan.target)} from the other languages with a mean {score} of "
        f"**{result.experts.scores.mean():.3f}**."
    )


def _changed(result: Result) -> str:
    return summary.summary(result).split("\n\n")[0]


def _real(result: Result) -> str:
    layer, best = result.best_layer
    return (
        f"Here: **{summary.percent(result.target_top1.pre)}** before and "
        f"**{summary.percent(result.target_top1.post)}** after; "
        f"without any intervention, **{summary.percent(result.centred.pre)}** after subtracting each language's "
        f"mean, and **{summary.percent(best.pre)}** at layer {layer}."
    )


def _layers(result: Result) -> str:
    layer, best = result.best_layer
    last = result.layers.iloc[-1]
    return (
        f"Here: at layer {layer} the model finds **{summary.percent(best.pre)}** without help (after: "
        f"{summary.percent(best.post)}); at the last, {summary.percent(float(last['top1_pre']))} before and "
        f"{summary.percent(float(last['top1_post']))} after."
    )


_STOPS = (
    _Stop(
        "experts",
        "What are experts?",
        "Some neurons answer to one language and to no other. We find them by showing the model the same sentences in "
        "many languages and asking of every single neuron: how well does it tell this language from the rest?",
        _experts,
        "A neuron is one output of a linear map inside a block's MLP. Its response to a sentence is its mean output "
        "over the tokens. Its expertise is the {score} of that response for the target language: {about}. {reading} "
        "The k best are the experts.",
    ),
    _Stop(
        "",
        "What changed?",
        "These neurons are {deed}, whatever sentence passes through, in any language. Each point is a sentence. Move "
        "the scrubber: languages that lay apart are drawn together.",
        _changed,
        "z' = {formula} at {tokens}, with strength s; means and medians are of the neuron's responses to probe "
        "sentences. Embeddings are means of the last hidden state over tokens. One UMAP is fitted to both spaces "
        "jointly, so that a place means the same before and after.",
        {"maps": "in motion"},
    ),
    _Stop(
        "retrieval",
        "Is it real?",
        "Closer is not yet better. The test: does a sentence find its own translation among all candidates? And is the "
        "gain more than what costs nothing: subtracting each language's mean, or reading another layer?",
        _real,
        "Top-1: the nearest candidate by cosine similarity is the translation. Intervals are 95% bootstrap over "
        "sentences, changes are tested by McNemar's test with Holm's correction, and a control puts the same values on "
        "neurons drawn at random.",
    ),
    _Stop(
        "layers",
        "Where does it happen?",
        "The model aligns languages by itself, in its middle layers, and takes them apart again towards its end, where "
        "it must write in one of them. The intervention acts against that last step.",
        _layers,
        "Hidden state 0 is the input embedding; the last comes after the final norm.",
    ),
    _Stop(
        "what-if",
        "What if?",
        "More neurons, less strength, another language: every setting is a link that can be sent to somebody. What has "
        "been computed opens at once; what has not says how long it will take.",
        lambda _: "Choose a cell to open its setting, or change anything on the left.",
        "A change of neurons or strength computes the space after it alone: responses, expertise and the space before "
        "are kept.",
    ),
)


def pages() -> tuple[str, ...]:
    """Paths of the pages that the tour goes to, in its order."""
    return tuple(stop.page for stop in _STOPS)


def stop() -> int:
    """Number of the stop that the visitor is at, from 1; 0 for none."""
    return presentation.stop(len(_STOPS))


def draw() -> None:
    """Draw the card of the current stop above the page, or offer the tour to a visitor who followed no link."""
    number = stop()
    if number:
        _card(number)
    elif presentation.arrived_by_no_link():
        _offer()


def _offer() -> None:
    with st.container(border=True, key="tour-offer"):
        text, start, close = st.columns([6, 1.4, 1.2], vertical_alignment="center")
        text.markdown("**New here?** Five stops, five minutes: what experts are, what changes, and is it real?")
        if start.button("Take the tour", type="primary", width="stretch"):
            _go(1)
        if close.button("No, thanks", width="stretch"):
            presentation.decline_tour()
            st.rerun()


def _card(number: int) -> None:
    stop = _STOPS[number - 1]
    with st.container(border=True, key="tour"):
        st.markdown(f"#### {number} of {len(_STOPS)} · {stop.title}")
        phrases = words(session.experiment())
        st.markdown(stop.plain.format_map(phrases))
        result = process.jobs().peek(session.experiment())
        if result is not None:
            st.markdown(stop.measured(result))
        with st.container(horizontal=True):
            if st.button("Back", disabled=number == 1, icon=":material/arrow_back:"):
                _go(number - 1)
            if number < len(_STOPS):
                if st.button("Next", type="primary", icon=":material/arrow_forward:"):
                    _go(number + 1)
            elif st.button("Finish", type="primary"):
                _end()
            with st.popover("In exact terms"):
                st.text(stop.exact.format_map(phrases))
            if number < len(_STOPS) and st.button("End the tour", type="tertiary"):
                _end()


def _go(number: int) -> None:
    presentation.set_stop(number)
    path, view = _STOPS[number - 1].page, _STOPS[number - 1].view
    if view:
        page_state.prepare(path, view)
    if path == session.visitor().page:
        st.rerun()
    session.switch(path)


def _end() -> None:
    presentation.set_stop(0)
    st.rerun()
