"""Whether translations are found, how certain that is, and what the model gives without an intervention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses import translation_ranks
from core.analyses.retrieval_table import by_candidate
from core.analyses.translation_ranks import Ranks
from core.experiment.settings import Experiment
from core.pipeline.result import Result
from core.progress import duration
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.similarity import COMPARISONS, COSINE, explained
from core.stats.intervals import bootstrap
from dashboard.charts import present as drawing
from dashboard.charts import retrieval as charts
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import page_state, session
from dashboard.work import process
from dashboard.work.questions import RanksAsked

_DIRECTIONS = {"from": "from {}", "to": "to {}"}
_SURE = 0.05


def draw() -> None:
    """Draw the page."""
    theme.quiet("How often translations are found, before and after, and whether the difference is real.")
    result = waiting.result_or_wait(session.experiment())
    if result is None:
        return
    ranks = waiting.answer_or_wait(RanksAsked(session.experiment()))
    if ranks is not None:
        _show(result, *ranks)


def _show(result: Result, pre: Ranks, post: Ranks) -> None:
    st.html('<div data-testid="result-ready"></div>')
    target = theme.name(result.plan.target)
    with st.container(horizontal=True):
        direction = page_state.choice(
            "Direction", list(_DIRECTIONS), "direction", lambda d: _DIRECTIONS[d].format(target)
        )
        metric = page_state.choice(
            "Compared by", list(COMPARISONS), "metric", lambda name: COMPARISONS[name].title, explained()
        )
        measure = page_state.choice("Measure", list(RANK_MEASURES), "measure", hint=measures_explained())
    rows = candidate_frame(pre, post, metric, direction, measure)
    with st.container(border=True):
        st.markdown(verdict(rows, measure))
    drawing.chart(
        charts.bars(by_space(rows), measure),
        key="retrieval-bars",
        alt=f"{measure} by candidate language before and after, with 95% intervals; stars mark significant changes.",
        data=rows,
    )
    theme.quiet(_explained(measure, len(rows)))
    _free(result, pre, post, direction, measure)
    _matrix(result)


def measures_explained() -> str:
    """Every measure, a sentence each."""
    return " ".join(f"{name[0].upper()}{name[1:]}: {measure.about}." for name, measure in RANK_MEASURES.items())


def candidate_frame(pre: Ranks, post: Ranks, metric: str, direction: str, measure: str) -> pd.DataFrame:
    """The table of `by_candidate` with one more column, the language's ``name``."""
    rows = by_candidate(pre, post, metric, direction, measure)
    rows.insert(1, "name", rows["candidate"].map(theme.name))
    return rows


def verdict(rows: pd.DataFrame, measure: str) -> str:
    """Markdown that says in how many languages the change is significant."""
    sure = rows["p"] < _SURE
    better, worse = int((sure & (rows["change"] > 0)).sum()), int((sure & (rows["change"] < 0)).sum())
    change = RANK_MEASURES[measure].unit.text
    return (
        f"Of **{len(rows)}** languages, **{better}** improve and **{worse}** worsen by more than chance; the other "
        f"{len(rows) - better - worse} do not change significantly. On average, {measure} goes from "
        f"**{change(rows['pre'].mean())}** to **{change(rows['post'].mean())}**."
    )


def by_space(rows: pd.DataFrame) -> pd.DataFrame:
    """The table that the bars are drawn from: one row a candidate and space."""
    parts = []
    for space, name in (("before", "pre"), ("after", "post")):
        part = rows[["name", "n"]].assign(
            space=space, value=rows[name], low=rows[f"{name}_low"], high=rows[f"{name}_high"]
        )
        sure = (rows["p"] < _SURE) & (space == "after")
        part["mark"] = np.where(sure & (rows["change"] > 0), "★", np.where(sure, "▼", ""))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _explained(measure: str, languages: int) -> str:
    test = (
        "the paired bootstrap interval of the change leaves out zero"
        if not RANK_MEASURES[measure].hits
        else f"McNemar's exact test on sentences fixed and broken gives p < {_SURE} after Holm's correction for "
        f"{languages} languages"
    )
    return f"Lines are 95% intervals (bootstrap over sentences, seed 0). ★ better, ▼ worse: {test}."


def _free(result: Result, pre: Ranks, post: Ranks, direction: str, measure: str) -> None:
    """Draw the gain next to the baselines that need no intervention, and next to the control."""
    st.subheader("Is it more than what is free?", anchor=False)
    layer = result.best_layer[0]
    at_best = process.engine().answer_known(
        session.experiment(), lambda run: translation_ranks.target_ranks(run, None, layer)
    )
    control = _control()
    other_comparisons = [comparison for comparison in COMPARISONS.values() if comparison is not COSINE]
    sides: list[tuple[str, str, Ranks | None, str]] = [
        ("The intervention", "after, cosine", post, COSINE.name),
        ("Nothing", "before, cosine", pre, COSINE.name),
        *(
            (f"Free: {comparison.noun}", f"before, {comparison.title}", pre, comparison.name)
            for comparison in other_comparisons
        ),
        ("Free: another layer", f"before, layer {layer}, cosine", at_best, COSINE.name),
        *(
            (f"The intervention, {comparison.title}", f"after, {comparison.title}", post, comparison.name)
            for comparison in other_comparisons
        ),
        ("Control: random neurons", "after, the same values on neurons drawn at random", control, COSINE.name),
    ]
    frame = free_frame(
        [(row_title, how, side, metric) for row_title, how, side, metric in sides if side is not None],
        direction,
        measure,
    )
    st.markdown(free_verdict(frame, measure))
    plain, signed = (st.column_config.NumberColumn(format=form) for form in ("%.3f", "%+.3f"))
    columns = {
        measure: plain,
        "low": plain,
        "high": plain,
        "ahead": signed,
        "ahead, low": signed,
        "ahead, high": signed,
    }
    drawing.table(frame, key="free", column_config=columns)
    theme.quiet(
        f"Means over candidate languages; the layer is the best of the unmodified model for this target ({layer}). "
        "Ahead: by how much the intervention finds more than this row, on the same sentences. Low and high are "
        "the ends of 95% intervals (bootstrap over sentences, seed 0)."
    )
    if control is None:
        _offer_control()


def free_frame(sides: Sequence[tuple[str, str, Ranks, str]], direction: str, measure: str) -> pd.DataFrame:
    """One row a side ``(what, how, ranks, metric)``, the intervention first: its mean over candidate languages.

    Columns ``what, how``, the measure's name, ``low, high``; ``ahead``, by how much the first row is above this one,
    with its paired interval. No intervals where candidates have different numbers of sentences.
    """
    value, rows = RANK_MEASURES[measure].value, []
    first: np.ndarray | None = None
    for what, how, side, metric in sides:
        by_language = [value(side.of(code, metric, direction)) for code in dict.fromkeys(c for _, c in side.candidates)]
        row: dict[str, object] = {"what": what, "how": how, measure: float(np.mean([v.mean() for v in by_language]))}
        if len({len(values) for values in by_language}) == 1:
            by_sentence = np.mean(
                by_language, axis=0
            )  # mean over languages: the bootstrap draws a sentence in all languages together
            interval = bootstrap(by_sentence)
            row |= {"low": interval.low, "high": interval.high}
            first = by_sentence if first is None else first
            gain = bootstrap(first - by_sentence)
            row |= {"ahead": gain.value, "ahead, low": gain.low, "ahead, high": gain.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=["what", "how", measure, "low", "high", "ahead", "ahead, low", "ahead, high"])


def free_verdict(frame: pd.DataFrame, measure: str) -> str:
    """Markdown that says whether the intervention beats the best baseline that needs no intervention."""
    free = frame[frame["what"].str.startswith("Free")]
    best = free.iloc[int(free[measure].to_numpy().argmax())]
    name, gain = str(best["what"]).removeprefix("Free: "), best["ahead"]
    sentence = (
        f"Of what is free, **{name}** ({best['how']}) finds most: **{best[measure]:.3f}**. The intervention gives "
    )
    if gain != gain:
        return f"{sentence}{frame.iloc[0][measure]:.3f}."
    if best["ahead, low"] <= 0 <= best["ahead, high"]:
        return f"{sentence}{frame.iloc[0][measure]:.3f}: **no difference that chance would not make**."
    return (
        f"{sentence}{frame.iloc[0][measure]:.3f}: **{abs(gain):.3f} {'more' if gain > 0 else 'less'}**, beyond chance."
    )


def _control() -> Ranks | None:
    """The ranks after the same experiment on random neurons; None where not known or not comparable."""
    experiment = session.experiment()
    if experiment.control != "none" or experiment.strength == 0:
        return None
    ranks = process.engine().answer_known(replace(experiment, control="random"), translation_ranks.both)
    return None if ranks is None else ranks[1]


def _offer_control() -> None:
    experiment = session.experiment()
    if experiment.control == "none" and experiment.strength != 0:
        _offer(replace(experiment, control="random"))


@st.fragment(run_every=1.0)
def _offer(control: Experiment) -> None:
    question = RanksAsked(control)
    job = process.jobs().touch(session.visitor().name, question)
    if job is not None and job.state == "done":
        st.rerun()
    if job is not None and job.active:
        snapshot = job.snapshot
        st.progress(min(snapshot.fraction, 1.0), f"Random control: {snapshot.stage}")
        if st.button("Stop the control"):
            process.jobs().stop(question)
        return
    if job is not None and job.state == "failed":
        theme.problem(f"The random control failed: {job.error}")
    seconds = question.estimate(process.engine())
    if st.button(f"Compute the random control (about {duration(seconds)})", icon=":material/casino:"):
        title = f"Random control of {theme.name(control.target)}, {control.experts:,} neurons"
        process.jobs().submit(session.visitor().name, question, background=True, title=title)
        st.rerun()


def _matrix(result: Result) -> None:
    st.subheader("Every language to every other", anchor=False)
    pairs = matrix_frame(result)
    drawing.chart(
        charts.matrix(pairs, [theme.name(code) for code in result.plan.languages]),
        key="matrix",
        alt="Change of top-1 retrieval for every ordered pair of languages.",
        data=pairs,
    )
    theme.quiet(
        "Change of top-1 by cosine, after minus before: rows are the languages of the queries, columns those of the "
        "candidates, numbers are percentage points. Green: found more often, purple: less often."
    )


def matrix_frame(result: Result) -> pd.DataFrame:
    """One row an ordered pair: ``query, candidate, n, pre, post, change``, in names; groups of a pair are averaged."""
    pairs = result.pairs.groupby(["query", "candidate"], as_index=False).agg(
        n=("n", "sum"), pre=("top1_pre", "mean"), post=("top1_post", "mean")
    )
    return pairs.assign(
        query=pairs["query"].map(theme.name),
        candidate=pairs["candidate"].map(theme.name),
        change=pairs["post"] - pairs["pre"],
    )
