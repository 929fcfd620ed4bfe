"""The guided tour: some stops on as many pages, with the numbers of the setting that is shown; fit for a short demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import streamlit as st

from core import access
from core.analyses.rival_verdict import verdict
from core.errors import AskError
from core.experiment import rows
from core.experiment.settings import Experiment
from core.language import families
from core.language.codes import canonical
from core.neurons.interventions import TOKENS
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS
from core.pipeline.before_after import Change
from core.pipeline.result import Result
from core.stats.units import listed
from dashboard.charts import theme
from dashboard.state import navigation, page_state, presentation, session
from dashboard.text import story_clock, summary
from dashboard.work import free, process
from dashboard.work.questions import RanksQuestion


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
        "deed": method.in_words(_targets(experiment), experiment.strength or 1.0, _held(experiment))
        if experiment.control == "none"
        else f"treated as the experts of {_targets(experiment)} would be",
        "formula": method.formula,
        "tokens": TOKENS[experiment.tokens].title,
        "motion": "Move the scrubber and see where the languages go."
        if experiment.strength
        else "At strength 0 none of them moves: raise the strength, and see where the languages go.",
        "who": "These neurons" if experiment.control == "none" else "As many random neurons",
        "own": "" if access.reads_only() else " Type a sentence of your own, in any language, and see the same.",
        "state": "the last hidden state" if experiment.layer == "last" else f"hidden state {experiment.layer}",
        "neuron": "one output of a linear map inside a block's MLP"
        if experiment.neurons == ("mlp",)
        else "one output of a part of a block",
    }


def _targets(experiment: Experiment) -> str:
    """The target in words, with those that are named beside it: languages, families. It may be one of these."""

    def named(one: str) -> str:
        if one.casefold() == "all":
            return "all languages"
        if one.casefold() in families.NAMES:
            return f"all {one.title()} languages"
        try:
            return theme.name(canonical(one))
        except AskError:  # the page says what is wrong with it
            return theme.plain(one)

    def means_target(one: str) -> bool:
        try:
            return experiment.target in rows.meant(one, (experiment.target,))
        except AskError:
            return False

    beside = experiment.targets or ()
    own = () if any(map(means_target, beside)) else (experiment.target,)
    return listed(map(named, (*own, *beside)))


def _held(experiment: Experiment) -> str:
    """What experts of several languages are held at, as `Plan.held` says it of a plan."""
    return "their own languages' averages" if experiment.targets and experiment.held_at == "own" else ""


def _experts(result: Result) -> str:
    plan, score = result.plan, SCORES[result.plan.experiment.score].title
    mean = f"**{result.experts.scores.mean():.3f}**"
    which = f"Here: **{len(result.experts.neurons):,}** of {plan.outline.neurons.total:,} neurons, "
    if plan.targets:
        named = listed(map(theme.name, plan.targets))
        return f"{which}each an expert of one of {named}, with a mean {score} for its language of {mean}."
    if plan.imported is not None or plan.experiment.select == "all":
        return f"{which}however well they tell {theme.name(plan.target)}: their mean {score} for it is {mean}."
    return f"{which}which tell {theme.name(plan.target)} from the other languages with a mean {score} of {mean}."


def _changed(result: Result) -> str:
    return summary.summary(result) if result.plan.experiment.strength == 0 else summary.changed(result)


def _real(result: Result) -> str:
    spaces = free.known(result)
    if spaces is not None:
        return f"Here: {verdict(spaces, free.against(spaces))}"
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
    at_end = Change(float(last["top1_pre"]), float(last["top1_post"]))
    found = f"**{summary.percent(best.pre)}** without help (after: {summary.percent(best.post)})"
    if layer == int(last["layer"]):
        return f"Here: the last layer, {layer}, is the unmodified model's best, with {found}."
    end = (
        "at its end the model finds no fewer that so many sentences would show"
        if summary.overlap(result, best.pre, at_end.pre)
        else "towards its end the model finds fewer again"
    )
    return (
        f"Here: at layer {layer} the model finds {found}; at the last, {summary.percent(at_end.pre)} before and "
        f"{summary.percent(at_end.post)} after: {end}."
    )


def _one_sentence(result: Result) -> str:
    """How many of the target's sentences are fixed and broken in the language that the page opens with."""
    target, others = result.plan.target, result.plan.candidates
    try:
        ranks = process.jobs().result(RanksQuestion(result.plan.experiment))
    except AskError:
        ranks = None
    if ranks is None or not others:
        return "The lists at the end of the page hold every sentence that was fixed, and every one that was broken."
    other = "en" if "en" in others else others[0]
    before, after = (side.of(other) == 1 for side in ranks)
    return (
        f"Here: of {len(before):,} {theme.name(target)} sentences, **{int((~before & after).sum()):,}** find their "
        f"{theme.name(other)} translation only with the intervention, and **{int((before & ~after).sum()):,}** only "
        "without it. Both lists are at the end of the page; a click opens a sentence."
    )


def _written(result: Result) -> str:
    plan, k = result.plan, f"**{len(result.experts.neurons):,}**"
    if not plan.outline.generates:
        return "Here: this model reads sentences and writes no text. A decoder, such as the embedded Gemma 3, does."
    if plan.experiment.strength == 0:
        return "Here: at **strength 0** both sides write the same. Raise the strength, and compare."
    control = CONTROLS[plan.experiment.control]
    experts = f"experts of {listed(map(theme.name, plan.targets or (plan.target,)))}"
    if plan.imported is not None or plan.experiment.select == "all":
        experts = "neurons"
    held = experts if control.draw is None else control.title
    return (
        f"Here: *Write* lets the model go on twice, as it is and with the intervention on {k} {held}. Text that "
        "repeats itself is marked; fewer neurons may write better."
    )


_STOPS = (
    _Stop(
        "experts",
        "What are experts?",
        "Some neurons respond to one language unlike to all others. We find them by showing the model the same "
        "sentences in many languages and asking of every single neuron: how well does it tell this language from the "
        "rest?",
        _experts,
        "A neuron is {neuron}. Its response to a sentence is its output, pooled over "
        "the tokens. Its expertise is the {score} of that response for the target language: {about}. {reading} "
        "The best are the experts.",
    ),
    _Stop(
        "",
        "What changed?",
        "{who} are {deed}, whatever sentence passes through, in any language. Each point is a sentence. {motion}",
        _changed,
        "z' = {formula} at {tokens}, with strength s; means and medians are of the neuron's responses to probe "
        "sentences. Embeddings are made of {state}. One UMAP of the space before is "
        "held, and the space after laid out beside it, so that a place means the same in both.",
        {"maps": "in motion"},
    ),
    _Stop(
        "sentences",
        "What happens to one sentence?",
        "A point on the map is a sentence. Here is one, with those that the model takes for its nearest, before and "
        "after. The translation is marked.{own}",
        _one_sentence,
        "Neighbours are by cosine similarity of the embeddings among all candidate sentences of a language. Fixed: the "
        "translation's rank was above 1 and is 1; broken: the reverse. Your own sentence is embedded by the model in "
        "both spaces, and placed on the map at the mean of its nearest points.",
        {"query": "", "candidate": ""},
    ),
    _Stop(
        "is-it-real",
        "Is it real?",
        "Closer is not yet better. The test: does a sentence find its own translation among all candidates? And is the "
        "gain more than what costs nothing: another layer, or a map fitted on a few sentences without translations?",
        _real,
        "Top-1: the nearest candidate by cosine similarity is the translation. Intervals are 95% bootstrap over "
        "sentences, differences are tested by Wilcoxon's signed ranks with Holm's correction, and a control puts the "
        "same values on neurons drawn at random. Rivals are fitted on probe sentences, and so is their layer chosen.",
    ),
    _Stop(
        "layers",
        "Where does it happen?",
        "Sentences can be compared at every layer. A model may align languages by itself at some of them, and take "
        "them apart again at others. Where is that, and what does the intervention change there?",
        _layers,
        "Hidden state 0 is the input embedding; the last comes after the final norm.",
    ),
    _Stop(
        "generate",
        "What does it write?",
        "Neurons that recognise a language may also help to write it. Give the model the beginning of a text and let "
        "it go on, with and without the intervention: some settings switch its language, and some break its text.",
        _written,
        "Both sides write from the same prompt with the same seed. The probability of each language is a classifier's; "
        "repeated n-grams and the unmodified model's perplexity say whether it is still text.",
    ),
    _Stop(
        "what-if",
        "What if?",
        "More neurons, less strength, another language: every setting is a link that can be sent to somebody. What has "
        "been computed opens at once; what has not says how long it will take.",
        lambda _: "Choose a cell to open its setting, or change anything in the sidebar.",
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


@dataclass
class _Story:
    """The tour as it plays by itself for one visitor: whether it pauses, how many clocks ran, which was let play."""

    paused: bool = False
    clocks: int = 0
    begins: int = 0


def draw() -> None:
    """Draw the card of the current stop above the page, or offer the tour on the first, to who followed no link."""
    number = stop()
    if presentation.story() and not number:
        _go(1)
    if number:
        _card(number)
    elif presentation.arrived_by_no_link() and not session.visitor().page:
        _offer()


def _offer() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="tour-offer"):
        st.markdown(f"**New here?** {len(_STOPS)} stops, {len(_STOPS)} minutes.", width="content")
        if st.button("Take the tour", type="primary"):
            _go(1)
        if st.button("No, thanks", type="tertiary"):
            presentation.decline_tour()
            st.rerun()


def _card(number: int) -> None:
    stop = _STOPS[number - 1]
    phrases = words(session.experiment())
    with st.container(border=True, key="tour"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{number} of {len(_STOPS)} · {stop.title}**", width="stretch")
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
        left, right = st.columns(2)
        left.markdown(stop.plain.format_map(phrases))
        result = process.jobs().peek(session.experiment())
        if result is not None:
            right.markdown(stop.measured(result))
        if presentation.story():
            _play(number)


def seconds(number: int) -> float:
    """How long a stop stands where the tour plays by itself: to read its words aloud, and to look."""
    said = len(_STOPS[number - 1].plain.format_map(words(session.visitor().experiment or Experiment())).split())
    return (8 + said / 2.5) / (presentation.story() or 1.0)


def _play(number: int) -> None:
    """Go on by itself when the time of the stop is over and nothing is computed; pause where the visitor takes over.

    After the last stop it begins again, as on a screen in a hall.
    """
    story = session.visitor().part(_Story)
    if story.paused:
        if st.button("Play on", icon=":material/play_arrow:"):
            story.paused, story.begins = False, story.clocks
            st.rerun()
        return
    key = f"story-{number}-{story.clocks}"
    told = story_clock.draw(seconds(number), begins=story.begins == story.clocks, key=key)
    theme.quiet("It plays by itself; a touch pauses it.")
    if told is None:
        return
    story.clocks += 1
    if told == "touched":
        story.paused = True
        st.rerun()
    job = process.jobs().find(session.experiment())
    if job is None or not job.active:
        _go(number % len(_STOPS) + 1)
    st.rerun()


def _go(number: int) -> None:
    presentation.set_stop(number)
    path, view = _STOPS[number - 1].page, _STOPS[number - 1].view
    if view:
        page_state.prepare(path, view)
    navigation.switch(path)


def _end() -> None:
    presentation.set_stop(0)
    presentation.end_story()
    st.rerun()
