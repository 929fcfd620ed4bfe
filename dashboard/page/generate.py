"""What does the model write?"""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses import kept_texts
from core.analyses.kept_texts import BothSides
from core.analyses.texts import as_message, check_generates
from core.corpora.validation import lines_of
from core.errors import AskError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.inference.perplexity import STRIDE, WINDOW, Perplexity
from core.inference.writing import Writing
from core.language import identification
from core.pipeline.run import Run
from core.progress import duration
from core.stats.units import counted
from dashboard.charts import generate as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import downloading, steering, text_choice, waiting
from dashboard.state import page_state, session
from dashboard.text import summary, text_quality
from dashboard.work import process
from dashboard.work.text_questions import PerplexityQuestion, Texts, TextsQuestion

_DRAWN = 24  # languages; the saved table has all
_AT_ONCE = 60.0  # seconds: texts that take longer are written only when the visitor presses the button
_MOST = 4000  # characters of a text to predict: it stands in the link
_TITLES = ("Before: without the intervention", "After: with the intervention")
_STYLE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;padding:.6rem .8rem;margin-bottom:.5rem;border-radius:.5rem;"
    "background:#7d879a1f;line-height:1.55;min-height:2.8rem"
)


@dataclass
class _TextRequests:
    """Whether this visitor has asked for texts, the question that they stopped since, and the text to predict last."""

    asked: bool = False
    stopped: TextsQuestion | PerplexityQuestion | None = None
    predicted: PerplexityQuestion | None = None


def draw() -> None:
    """Draw the page."""
    theme.quiet("The same prompt and the same seed, with and without the intervention of the sidebar.")
    experiment: Experiment = session.experiment()
    try:
        plan = process.engine().answer_known(experiment, _plan)
    except AskError as error:
        if not _draw_packed(experiment, error):
            waiting.refusal(error)
        return
    assert plan is not None  # a plan needs no computing
    target, among = plan.target, plan.corpus.languages
    question = TextsQuestion(experiment, _writing())
    text_choice.draw(plan)
    busy = _answer(question, "Write", lambda texts: _show_texts(question.writing, texts, target, among))
    st.header("Does it still predict real text?", anchor=False)
    perplexity_question = PerplexityQuestion(experiment, _text_to_predict(plan))
    if perplexity_question.texts:
        busy |= _answer(perplexity_question, "Measure perplexity", _show_perplexity)
    else:
        theme.quiet("Paste a text above to measure how well the model predicts it.")
    if not busy:
        theme.ready()
    steering.draw(experiment)
    theme.quiet(_conditions(plan, question.writing))


def _draw_packed(experiment: Experiment, lacking: AskError) -> bool:
    """Show what a pack has of a setting that cannot write here; return whether there is anything."""
    kept = process.engine().answer_elsewhere(experiment, kept_texts.kept)
    if kept is None or not kept.texts:
        return False
    theme.quiet(f"From a pack, not from this machine: {process.engine().origin(kept)}.")
    names = {str(number): _asked(both) for number, both in enumerate(kept.texts)}
    both = kept.texts[int(page_state.pick("Written from", list(names), "packed", lambda name: names[name]))]
    _show_texts(both.writing, Texts(both.pre, both.post, both.perplexities), kept.target, kept.languages)
    message = "The prompt was put to the model as a user's message in its chat template. " if both.as_message else ""
    theme.quiet(f"{message}{in_words(experiment)}; the same sampling on both sides.")
    theme.quiet(f"More cannot be written here: {lacking.why}.")
    theme.ready()
    return True


def _asked(both: BothSides) -> str:
    """What texts were written from, in a line."""
    writing = both.writing
    sampling = f"temperature {writing.temperature:g}, top-p {writing.top_p:g}, seed {writing.seed}"
    return f"{writing.prompt or 'nothing'} ({writing.samples} texts of {writing.tokens} tokens, {sampling})"


def _plan(run: Run) -> Plan:
    check_generates(run)
    return run.plan


def _writing() -> Writing:
    """Draw the controls and return what they are set to; the link holds all of it."""
    prompt = st.text_area(
        "Prompt",
        page_state.get("prompt"),
        key=page_state.key("prompt"),
        placeholder=summary.EMPTY_PROMPT,
        max_chars=1000,
        height=80,
    )
    page_state.put("prompt", prompt)
    columns = st.columns(5)
    tokens = page_state.whole_number(columns[0], "Tokens", "tokens", 40, 1, 200)
    samples = page_state.whole_number(columns[1], "Texts a side", "samples", 1, 1, 8)
    temperature = _number(columns[2], "Temperature", "temperature", 1.0, 0.0, 2.0)
    top_p = _number(columns[3], "Top-p", "top-p", 0.9, 0.05, 1.0)
    seed = page_state.whole_number(columns[4], "Seed", "seed", 0, 0, 9999)
    live = st.toggle(
        "Write again when a control is moved",
        page_state.get("live", "on") == "on",
        key=page_state.key("live"),
        help="The number of neurons, the strength, the prompt: whatever changes after the first text is written at "
        "once, as far as that takes less than a minute.",
    )
    page_state.put("live", "on" if live else "off", "on")
    return Writing(prompt, tokens, samples, temperature, top_p, seed)


def _number(
    place: st.delta_generator.DeltaGenerator, label: str, name: str, default: float, low: float, high: float
) -> float:
    from_link = page_state.finite(name, default)
    start = from_link if low <= from_link <= high else default
    number = round(float(place.number_input(label, low, high, start, 0.05, format="%.2f", key=page_state.key(name))), 4)
    page_state.put(name, f"{number:g}", f"{default:g}")
    return number


def _text_to_predict(plan: Plan) -> tuple[str, ...]:
    target = theme.name(plan.target)
    group = next(group for group in plan.groups if plan.target in group.languages)
    default = "\n".join(group.texts[plan.target][:5])[:_MOST]
    text = st.text_area(
        f"Text to predict, one paragraph a line (at first: evaluation sentences in {target})",
        page_state.get("text", default),
        key=f"{page_state.key('text')}-{hash(default)}",  # as long as nobody changes it, it follows the sentences
        max_chars=_MOST,
        height=140,
    )
    page_state.put("text", text, default)
    return lines_of(text)


def _answer(question: TextsQuestion | PerplexityQuestion, label: str, show: Callable[[Any], None]) -> bool:
    """Show the answer, its progress, or a button to begin; return whether it is being computed."""
    jobs = process.jobs()
    kind = type(question).__name__
    try:
        answer = jobs.result(question)
    except AskError as error:
        waiting.refusal(error)
        return False
    if answer is not None:
        show(answer)
        return False
    job = jobs.find(question)
    if job is not None and job.active and session.visitor().name in job.seen:
        _follow(question)
        return True
    if isinstance(question, TextsQuestion) and jobs.was_stopped(session.visitor().name, question):
        session.visitor().part(_TextRequests).stopped = question
    if job is not None and job.state == "failed":
        if isinstance(job.error, AskError):
            waiting.refusal(job.error)
        else:
            waiting.wrong(str(job.error))
    if isinstance(question, TextsQuestion):
        partial = question.known_before(process.engine())
        if partial is not None:
            _columns(question.writing, partial)
    try:
        if not downloading.may_begin(question):
            return False
        seconds = jobs.backend.estimate(question)["answer"]
    except AskError as error:
        waiting.refusal(error)
        return False
    if _goes_along(question, seconds) and (job is None or job.state != "failed"):
        waiting.settle(question)
        if not _submitted(question):
            return False
        _follow(question)
        return True
    if st.button(label, type="primary", icon=":material/play_arrow:", key=f"ask-{kind}"):
        if not _submitted(question):
            return False
        writes = session.visitor().part(_TextRequests)
        if isinstance(question, TextsQuestion):
            writes.asked, writes.stopped = True, None
        else:
            writes.predicted = question
        st.rerun()
    theme.quiet(f"About {duration(max(seconds, 1))}. It is kept: the next time it opens at once.")
    return False


def _submitted(question: TextsQuestion | PerplexityQuestion) -> bool:
    """Have it computed; draw the refusal and return False where the queue is full."""
    try:
        process.jobs().submit(session.visitor().name, question)
    except AskError as error:
        waiting.refusal(error)
        return False
    return True


def _goes_along(question: TextsQuestion | PerplexityQuestion, seconds: float) -> bool:
    """Whether moving a control writes the texts again: only after this visitor has asked for some.

    Not while a text is predicted, which they asked for since: writing would withdraw that.
    """
    writes = session.visitor().part(_TextRequests)
    if writes.predicted is not None and waiting.waits(writes.predicted):
        return False
    return (
        isinstance(question, TextsQuestion)
        and page_state.get("live", "on") == "on"
        and writes.asked
        and writes.stopped != question
        and seconds <= _AT_ONCE
    )


@st.fragment(run_every=0.5)
def _follow(question: TextsQuestion | PerplexityQuestion) -> None:
    """Show the part of the answer that is written so far."""
    jobs = process.jobs()
    job = jobs.touch(session.visitor().name, question)
    if job is None or not job.active:
        st.rerun()
    snapshot = job.snapshot
    st.progress(
        min(snapshot.fraction, 1.0), snapshot.stage.capitalize() if job.state == "running" else waiting.place(job)
    )
    partial = job.progress.partial if job.progress is not None else None
    if isinstance(question, TextsQuestion):
        _columns(question.writing, partial if isinstance(partial, Texts) else Texts())
    if st.button("Stop", icon=":material/stop_circle:", key=f"stop-{type(question).__name__}"):
        jobs.leave(session.visitor().name)
        session.visitor().part(_TextRequests).stopped = question
        st.rerun()


def _columns(writing: Writing, texts: Texts) -> list[st.delta_generator.DeltaGenerator]:
    """Draw both sides' texts next to each other and return the two columns."""
    columns = list(st.columns(2, gap="large"))
    for column, title, side in zip(columns, _TITLES, (texts.pre, texts.post), strict=True):
        column.markdown(f"**{title}**")
        column.html("".join(markup(writing.prompt, text) for text in side or ("…",)))
    return columns


def markup(prompt: str, text: str) -> str:
    """HTML of a text. The text is escaped, since a model may write markup; its own letters set its direction."""
    prompt_html = f'<span style="opacity:.8">{html.escape(prompt)}</span>' if prompt else ""
    return f'<div dir="auto" data-testid="written" style="{_STYLE}">{prompt_html}{html.escape(text)}</div>'


def _show_texts(writing: Writing, texts: Texts, target: str, among: tuple[str, ...]) -> None:
    columns = _columns(writing, texts)
    strange = identification.unknown(among)
    for column, side, predicted in zip(columns, (texts.pre, texts.post), texts.perplexities, strict=True):
        with column:
            if target in strange:
                theme.quiet(f"The language classifier does not know {theme.name(target)}.")
            else:
                share = identification.share(side, target, among)
                spread = "" if math.isnan(share.low) else f"95% interval {share.low:.2f} to {share.high:.2f}, "
                st.metric(
                    f"Probability of {theme.name(target)}",
                    summary.percent(share.value),
                    help=f"Mean over {counted(share.n, 'text')}, by a language classifier (py3langid).",
                )
                theme.quiet(f"{spread}n = {counted(share.n, 'text')}")
            theme.quiet(text_quality.measured(side, predicted))
    if warning := text_quality.warning(texts.pre, texts.post):
        theme.problem(warning)
    rows = both_frame(texts, target, among)
    drawn = likeliest(rows, target, _DRAWN)
    if len(rows):
        st.markdown("**Which language is it?**")
        drawing.chart(
            charts.language_bars(drawn),
            key="languages",
            alt=f"Probability of each of {drawn['language'].nunique()} languages of the text, without and with the "
            f"intervention; {theme.name(target)}, the target, stands first.",
            data=rows,
        )
    left_out = rows["language"].nunique() - drawn["language"].nunique()
    fewer = f" The {_DRAWN} likeliest are drawn, the saved table has {left_out} more." if left_out else ""
    missing = f" It does not know {', '.join(map(theme.name, strange))}." if strange else ""
    several = "; mean over the texts of a side, interval by bootstrap over texts" if len(texts.pre) > 1 else ""
    theme.quiet(
        f"Languages by the classifier py3langid, among the {len(among)} of the corpus{several}; the target first. "
        f"Short texts are easily mistaken.{fewer}{missing}"
    )


def both_frame(texts: Texts, target: str, among: tuple[str, ...]) -> pd.DataFrame:
    """`language_frame` of both sides, one row a language and space, with ``space``: before or after."""
    sides = (("before", texts.pre), ("after", texts.post))
    return pd.concat([language_frame(side, target, among).assign(space=space) for space, side in sides])


def likeliest(rows: pd.DataFrame, target: str, most: int) -> pd.DataFrame:
    """The target's rows first, then those of the languages that are likeliest on either side, at most so many."""
    best = rows.groupby("language", sort=False)["probability"].max().sort_values(ascending=False, kind="stable")
    order = [code for code in best.index if code == target] + [code for code in best.index if code != target]
    place = {code: number for number, code in enumerate(order[:most])}
    drawn = rows[rows["language"].isin(place)]
    return drawn.sort_values("language", key=lambda codes: codes.map(place), kind="stable", ignore_index=True)


def language_frame(texts: tuple[str, ...], target: str, among: tuple[str, ...]) -> pd.DataFrame:
    """Mean probability of each language, likeliest first: ``language, name, probability, role, n``.

    Languages that the classifier does not know are left out.
    """
    strange = identification.unknown(among)
    if len(strange) == len(among):
        return pd.DataFrame(columns=["language", "name", "probability", "role", "n"])
    by_text = [identification.probabilities(text, among) for text in texts]
    means = {
        code: float(np.mean([probabilities.get(code, 0.0) for probabilities in by_text]))
        for code in among
        if code not in strange
    }
    codes = sorted(means, key=lambda code: -means[code])
    return pd.DataFrame(
        {
            "language": codes,
            "name": [theme.name(code) for code in codes],
            "probability": [means[code] for code in codes],
            "role": ["target" if code == target else "other" for code in codes],
            "n": len(texts),
        }
    )


def _show_perplexity(perplexities: tuple[Perplexity, Perplexity]) -> None:
    pre, post = perplexities
    columns = st.columns(3)
    columns[0].metric("Perplexity before", f"{pre.value:,.1f}", border=True)
    columns[1].metric("Perplexity after", f"{post.value:,.1f}", border=True)
    columns[2].metric("After / before", f"{post.value / pre.value:,.2f} ×", border=True)
    theme.quiet(
        f"How surprised the model is by each token of the text, lower is better: exp of the mean negative "
        f"log-likelihood of {counted(pre.n_tokens, 'token')} in {counted(pre.n_texts, 'paragraph')}, each read by "
        f"itself from its first token (BOS), in windows of at most {WINDOW:,} tokens with stride {STRIDE}. Above 1 ×, "
        "the intervention makes the text harder to predict."
    )


def _conditions(plan: Plan, writing: Writing) -> str:
    experiment, model = plan.experiment, plan.resolved
    message = "The prompt is put to the model as a user's message in its chat template. "
    return (message if as_message(plan, writing) else "") + (
        f"{experiment.model}, revision {model.revision}, {model.dtype} on {model.device}; "
        f"{in_words(experiment, without=('method',))}, method {experiment.method}; sampling with the temperature, "
        "top-p and seed above, the same on both sides."
    )
