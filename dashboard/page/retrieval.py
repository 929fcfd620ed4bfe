"""Whether translations are found, how certain that is, and what the model gives without an intervention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from core import access
from core.analyses import translation_ranks
from core.analyses.chosen_pairs import ChosenSentences, meanings_of, ranks_of
from core.analyses.retrieval_table import by_candidate
from core.analyses.rival_spaces import HEADLINE
from core.analyses.rival_verdict import best as best_rival
from core.analyses.rival_verdict import contenders, described
from core.analyses.translation_ranks import Ranks
from core.experiment.settings import Experiment
from core.neurons.selection import CONTROLS
from core.pipeline.result import Result
from core.spaces.retrieval import RANK_MEASURES
from core.spaces.similarity import COMPARISONS, COSINE, explained
from core.stats import paired
from core.stats.intervals import Interval, bootstrap_ratio
from core.stats.significance import LEVEL, holm, signed_ranks
from core.stats.units import counted
from dashboard.charts import present as drawing
from dashboard.charts import retrieval as charts
from dashboard.charts import theme
from dashboard.page import background, earlier, map_view, waiting
from dashboard.state import page_state, session
from dashboard.work import free, process
from dashboard.work.questions import RanksQuestion

_DIRECTIONS = {"from": "from {}", "to": "to {}"}


def draw() -> None:
    """Draw the page."""
    theme.quiet("How often translations are found, before and after, and whether the difference is real.")
    known = waiting.ranks_or_wait(session.experiment())
    if known is None:
        earlier.show()
        return
    _show(*known)


def _show(result: Result, pre: Ranks, post: Ranks) -> None:
    theme.ready()
    target = theme.name(result.plan.target)
    chosen = map_view.draw_chosen(result, f"Here: each of them with its {target} translation, among all candidates.")
    with st.container(horizontal=True):
        direction = page_state.choice(
            "Direction", list(_DIRECTIONS), "direction", lambda d: _DIRECTIONS[d].format(target)
        )
        metric = page_state.choice(
            "Compared by", list(COMPARISONS), "metric", lambda name: COMPARISONS[name].title, explained()
        )
        measure = page_state.choice("Measure", list(RANK_MEASURES), "measure", hint=measures_explained())
    before, after = (_of_chosen(side, result, chosen) for side in (pre, post))
    rows = candidate_frame(before, after, metric, direction, measure)
    with st.container(border=True):
        st.markdown(verdict(rows, measure))
    chart = charts.bars(by_space(rows), measure)
    alt = f"{measure} by candidate language before and after, with 95% intervals; stars mark significant changes."
    drawing.chart(chart, key="retrieval-bars", alt=alt, data=rows)
    if chosen is None:
        how = f"{_DIRECTIONS[direction].format(target)}, {COMPARISONS[metric].title}"
        earlier.keep(f"{verdict(rows, measure)} ({how})", chart, alt)
    theme.quiet(_explained(measure, len(rows)))
    _free(result, pre, post, direction, measure, chosen)
    _matrix(result, chosen)


def _of_chosen(ranks: Ranks, result: Result, chosen: ChosenSentences | None) -> Ranks:
    """The ranks of the chosen sentences; of all where none are chosen."""
    return ranks if chosen is None else ranks_of(ranks, result.plan.target, chosen)


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
    sure = rows["p"] < LEVEL
    better, worse = int((sure & (rows["change"] > 0)).sum()), int((sure & (rows["change"] < 0)).sum())
    text, n = RANK_MEASURES[measure].unit.text, rows["n"]
    sentences = counted(int(n.max()), "sentence") if n.min() == n.max() else f"{n.min():,} to {n.max():,} sentences"
    many = len(rows) > 1
    return (
        f"Of {counted(len(rows), 'language')}, **{better}** {_verb(better, 'improve')} and **{worse}** "
        f"{_verb(worse, 'worsen')} by more than chance, and {len(rows) - better - worse} by no more than chance. "
        f"{'On average, ' if many else 'There '}{measure} goes from **{text(rows['pre'].mean())}** to "
        f"**{text(rows['post'].mean())}** ({sentences}{' each' if many else ''})."
    )


def _verb(n: int, verb: str) -> str:
    return f"{verb}s" if n == 1 else verb


def by_space(rows: pd.DataFrame) -> pd.DataFrame:
    """The table that the bars are drawn from: one row a candidate and space."""
    parts = []
    for space, name in (("before", "pre"), ("after", "post")):
        part = rows[["name", "n"]].assign(
            space=space, value=rows[name], low=rows[f"{name}_low"], high=rows[f"{name}_high"]
        )
        sure = (rows["p"] < LEVEL) & (space == "after")
        part["mark"] = np.where(sure & (rows["change"] > 0), "★", np.where(sure, "▼", ""))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _explained(measure: str, languages: int) -> str:
    hits = RANK_MEASURES[measure].hits
    test = "McNemar's exact test on sentences fixed and broken" if hits else "Wilcoxon's signed ranks of the changes"
    return (
        f"Lines are 95% intervals (bootstrap over sentences, seed 0). ★ better, ▼ worse: {test} gives p < {LEVEL} "
        f"after Holm's correction for {counted(languages, 'language')}."
    )


def _free(
    result: Result, pre: Ranks, post: Ranks, direction: str, measure: str, chosen: ChosenSentences | None
) -> None:
    """Draw the gain next to the baselines that need no intervention, and next to the control."""
    st.header("Is it more than what is free?", anchor=False)
    layer = result.best_layer[0]
    at_best = None
    if layer != result.plan.layer:  # else it is what stands there already: before, by cosine
        at_best = process.known_beside(
            session.experiment(), lambda run: translation_ranks.target_ranks(run, None, layer)
        )
    asked = _control_asked()
    working = asked is not None and waiting.waits(asked)  # before it is looked up: it may end in between
    found = None if asked is None else process.known_beside(asked.experiment, translation_ranks.both)
    control = None if found is None else found[1]
    before, after, at_best, control = (
        side and _of_chosen(side, result, chosen) for side in (pre, post, at_best, control)
    )
    subject = _subject(result.plan.experiment)
    other_comparisons = [comparison for comparison in COMPARISONS.values() if comparison is not COSINE]
    sides: list[tuple[str, str, Ranks | None, str]] = [
        (subject, "after, cosine", after, COSINE.name),
        ("Nothing", "before, cosine", before, COSINE.name),
        *(
            (f"Free: {comparison.noun}", f"before, {comparison.title}", before, comparison.name)
            for comparison in other_comparisons
        ),
        ("Free: another layer", f"before, layer {layer}, cosine", at_best, COSINE.name),
        *(
            (f"{subject}, {comparison.title}", f"after, {comparison.title}", after, comparison.name)
            for comparison in other_comparisons
        ),
        ("Control: random neurons", "after, the same values on neurons drawn at random", control, COSINE.name),
    ]
    frame = free_frame(
        [(row_title, how, side, metric) for row_title, how, side, metric in sides if side is not None],
        direction,
        measure,
        None if chosen is None else meanings_of(pre, result.plan.target, chosen),
    )
    # the other page measures all sentences, with the target as the query
    told = chosen is None and direction == "from" and measure == next(iter(RANK_MEASURES))
    st.markdown(f"{free_verdict(frame, measure)} {_beyond(result, told)}")
    _free_table(frame, measure, None if at_best is None else layer, chosen is None)
    if asked is not None and control is None:
        _offer_control(asked, working)


def _subject(experiment: Experiment) -> str:
    """What is held against the baselines: at strength 0 there is no intervention, and a control is none."""
    if experiment.strength == 0:
        return "The model as it is"
    return "The intervention" if CONTROLS[experiment.control].draw is None else "The control"


def _free_table(frame: pd.DataFrame, measure: str, layer: int | None, of_all: bool) -> None:
    """Draw the baselines of `free_frame`; ``layer`` is the best unmodified one, where its ranks are known."""
    plain, signed = (st.column_config.NumberColumn(format=form) for form in ("%.3f", "%+.3f"))
    columns = {
        measure: plain,
        "low": plain,
        "high": plain,
        "ahead": signed,
        "ahead, low": signed,
        "ahead, high": signed,
        "p": st.column_config.NumberColumn(format="%.2g"),
    }
    drawing.table(frame, key="free", column_config=columns)
    means, drawn = ("candidate languages", "sentences") if of_all else ("the chosen pairs", "meanings")
    best = (
        ""
        if layer is None
        else (f" Layer {layer} is the unmodified model's best for this target, chosen on these rows, which favours it.")
    )
    theme.quiet(
        f"Means over {means}.{best} Ahead: by how much the intervention finds more than this row, on the same "
        f"sentences. Low and high are the ends of 95% intervals (bootstrap over {drawn}, seed 0); p: Wilcoxon's "
        "signed ranks, corrected by Holm over all rows."
    )


def free_frame(
    sides: Sequence[tuple[str, str, Ranks, str]], direction: str, measure: str, meanings: np.ndarray | None = None
) -> pd.DataFrame:
    """One row a side ``(what, how, ranks, metric)``, the intervention first: its mean over candidate languages.

    Columns ``what, how``, the measure's name, ``low, high``; ``ahead``, by how much the first row is above this one,
    with its paired interval; ``p``, Wilcoxon's signed ranks, corrected by Holm over all rows. No intervals where
    candidates have different numbers of sentences.

    Parameters
    ----------
    meanings : ndarray of int, (n_pairs,), optional
        Where pairs were chosen, the meaning of each (see `core.analyses.chosen_pairs.meanings_of`). A row is then the
        mean over pairs, and its intervals draw meanings, each with all its pairs.
    """
    value, rows = RANK_MEASURES[measure].value, []
    first: np.ndarray | None = None
    for what, how, side, metric in sides:
        by_language = [value(side.of(code, metric, direction)) for code in dict.fromkeys(c for _, c in side.candidates)]
        row: dict[str, object] = {"what": what, "how": how, measure: float(np.mean([v.mean() for v in by_language]))}
        values = weights = None
        if meanings is not None:
            by_pair, (_, of) = np.concatenate(side.found[metric, direction]), np.unique(meanings, return_inverse=True)
            values, weights = np.bincount(of, value(by_pair)), np.bincount(of).astype(float)
            row[measure] = float(values.sum() / weights.sum())
        elif len({len(values) for values in by_language}) == 1:
            # mean over languages: the bootstrap draws a sentence in all languages together
            values = np.mean(by_language, axis=0)
            weights = np.ones(len(values))
        if values is not None and weights is not None:
            interval = bootstrap_ratio(values, weights)
            row |= {"low": interval.low, "high": interval.high}
            is_first, first = first is None, values if first is None else first
            gain = bootstrap_ratio(first - values, weights)
            row |= {"ahead": gain.value, "ahead, low": gain.low, "ahead, high": gain.high}
            row["p"] = np.nan if is_first else signed_ranks(first - values, gain.value)
        rows.append(row)
    columns = ["what", "how", measure, "low", "high", "ahead", "ahead, low", "ahead, high", "p"]
    frame = pd.DataFrame(rows, columns=columns)
    tested = frame["p"].notna()
    frame.loc[tested, "p"] = holm(frame.loc[tested, "p"].to_numpy(dtype=np.float64))
    return frame


def free_verdict(frame: pd.DataFrame, measure: str) -> str:
    """Markdown that says whether the intervention beats the best of these baselines that need no intervention."""
    beside = frame[frame["what"].str.startswith("Free")]
    best = beside.iloc[int(beside[measure].to_numpy().argmax())]
    name, gain = str(best["what"]).removeprefix("Free: "), best["ahead"]
    sentence = (
        f"Of these {len(beside)} that are free, **{name}** ({best['how']}) finds most: **{best[measure]:.3f}**. "
        f"{frame.iloc[0]['what']} gives {frame.iloc[0][measure]:.3f}"
    )
    if gain != gain:
        return f"{sentence}."
    interval = Interval(gain, best["ahead, low"], best["ahead, high"], 0)
    if paired.sign(interval, best["p"]) == 0:
        return f"{sentence}: **no difference that chance would not make**."
    return f"{sentence}: **{abs(gain):.3f} {'more' if gain > 0 else 'less'}**, beyond chance."


def _beyond(result: Result, told: bool) -> str:
    """What is free and not in the table; with the best of it where it is known and ``told``, by the same measure."""
    spaces = free.known(result) if told else None
    top = None if spaces is None else best_rival(spaces)
    if spaces is None or top is None:
        return "Maps fitted on probe sentences, such as whitening, are not among these: the page Is it real? has them."
    value = top.measured.value(HEADLINE, spaces.plan.target)
    return (
        f"Of the {len(contenders(spaces))} on the page Is it real?, **{described(top)}** finds most: "
        f"**{value.value:.3f}** [{value.low:.3f}, {value.high:.3f}]."
    )


def _control_asked() -> RanksQuestion | None:
    """The ranks of the same experiment on random neurons; None where they could not be compared."""
    experiment = session.experiment()
    if experiment.control != "none" or experiment.strength == 0:
        return None
    return RanksQuestion(replace(experiment, control="random"))


def _offer_control(asked: RanksQuestion, working: bool) -> None:
    if access.reads_only():
        return
    control = asked.experiment
    offer = background.Offer(
        asked,
        key="control",
        title=f"Random control of {theme.name(control.target)}, {control.experts:,} neurons",
        start="Compute the random control",
        stop="Stop the control",
        doing="Random control",
        icon="casino",
    )
    st.fragment(background.draw, run_every=background.EVERY if working else None)(offer, working)


def _matrix(result: Result, chosen: ChosenSentences | None) -> None:
    st.header("Every language to every other", anchor=False)
    pairs = matrix_frame(result)
    drawing.chart(
        charts.matrix(pairs, [theme.name(code) for code in result.plan.languages]),
        key="matrix",
        alt="Change of top-1 retrieval for every ordered pair of languages.",
        data=pairs,
    )
    theme.quiet(
        ("" if chosen is None else "Of all sentences, not of the chosen ones. ")
        + "Change of top-1 by cosine, after minus before: rows are the languages of the queries, columns those of the "
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
