"""Does it help a task? A classifier trained on one language and tested on all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from core import access
from core.analyses import transfer_table
from core.analyses.profit import COEFFICIENTS, KINDS, LIKENESSES, SOURCE, Profit, sentence, unknown
from core.analyses.transfer import ALL, CENTRED, Settings, Space, Transfer
from core.analyses.transfer_rows import Task, task
from core.errors import AskError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS
from core.neurons.selection import CONTROLS
from core.pipeline.before_after import SPACE_TITLES
from core.spaces.rivals import RIVALS
from core.stats.intervals import Interval
from core.stats.significance import LEVEL
from core.stats.units import counted
from dashboard.charts import layers as layer_charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.charts import transfer as charts
from dashboard.page import earlier, waiting
from dashboard.state import page_state, session
from dashboard.work import process
from dashboard.work.transfer_questions import ProfitQuestion, TransferQuestion

_BESIDE = {"centring": "centring alone", "all": "all that is free"}
_SPACES = {("pre", None): "before", ("post", None): "after", ("pre", CENTRED): "before, own means"}
_COEFFICIENTS = dict(zip(COEFFICIENTS, ("Pearson's r", "Spearman's rank", "partial r"), strict=True))


def draw() -> None:
    """Draw the page."""
    theme.quiet(
        "A classifier learns the labels of sentences in one language, and is tested on sentences in all others: before "
        "the intervention, after it, and with what is free."
    )
    try:
        bound = process.engine().plan(session.experiment())
        rows = task(bound)
    except AskError as error:
        waiting.refusal(error)
        theme.ready()
        return
    train, rivals, view = _controls(bound, rows)
    found = waiting.answer_or_wait(TransferQuestion(session.experiment(), Settings((train,), None, rivals)))
    if found is None:
        earlier.show()
        return
    _lesson(found, train, bound)
    _VIEWS[view][1](bound, found, train)
    theme.quiet(conditions(bound, found))
    for note in bound.notes:
        theme.quiet(note)


def _controls(bound: Plan, rows: Task) -> tuple[str, tuple[str, ...], str]:
    """Draw the page's own controls: the language trained on, which rivals, and what is shown."""
    codes = [code for code in rows.languages if code in rows.train.languages]
    with st.container(horizontal=True):
        train = page_state.pick("Trained on", codes, "train", theme.name, "en" if "en" in codes else bound.target)
        beside = page_state.choice(
            "Beside the intervention",
            list(_BESIDE),
            "beside",
            _BESIDE.__getitem__,
            "Centring subtracts each language's mean. The other maps are fitted on the probe sentences, which are "
            "embedded first.",
        )
        view = page_state.choice("Show", list(_VIEWS), "show", lambda name: _VIEWS[name][0])
    return train, (CENTRED,) if beside == "centring" else tuple(RIVALS), view


def _lesson(found: Transfer, train: str, bound: Plan) -> None:
    """Draw the one sentence to take from it, and the random control's figure where it is known."""
    said = transfer_table.lesson(found, train, bound.layer)
    with st.container(border=True):
        if said is None:
            st.markdown("There is no other language to test on.")
            theme.ready()
            return
        st.markdown(f"**{transfer_table.sentence(said)}**")
        if control := _control(train, bound.layer):
            st.markdown(
                f"The same values on neurons drawn at random give {_percent(control)} "
                f"(95% interval {control.low:.1%} to {control.high:.1%})."
            )
    theme.ready()


def _control(train: str, layer: int) -> Interval | None:
    """The mean accuracy after the same experiment on random neurons; None where it is not known."""
    experiment = session.experiment()
    if experiment.control != "none" or experiment.strength == 0:
        return None
    asked = TransferQuestion(replace(experiment, control="random"), Settings((train,), None, ()))
    found: Transfer | None = asked.known(process.engine())
    return None if found is None else transfer_table.mean_of(found, train, Space("post", layer))


def _by_language(_: Plan, found: Transfer, train: str) -> None:
    st.header("In which language?", anchor=False)
    rows = bars_frame(found, train)
    majority = transfer_table.majority(found)
    chart = charts.bars(rows, majority.value)
    alt = f"Accuracy in each language of a classifier trained on {theme.name(train)}, before, after and centred."
    drawing.chart(chart, key="transfer-by-language", alt=alt, data=rows)
    earlier.keep(f"A classifier trained on {theme.name(train)}.", chart, alt)
    theme.quiet(
        f"Lines are 95% intervals (Wilson). ★ better, ▼ worse than before: McNemar's exact test on the same sentences "
        f"gives p < {LEVEL} after Holm's correction for {counted(len(found.task.languages), 'language')}. The "
        f"dashed line gives every sentence the most frequent label ({found.task.majority}): {_percent(majority)}. "
        f"{theme.name(train)} itself is what is possible where nothing has to be carried over."
    )
    _means(found, train)


def bars_frame(found: Transfer, train: str) -> pd.DataFrame:
    """One row a language tested on and space that is drawn: ``test, name, space, accuracy, low, high, n, mark``."""
    frame = transfer_table.table(found)
    frame = frame[frame["train"] == train]
    names = [_SPACES.get((side, rival), "") for side, rival in zip(frame["space"], frame["rival"], strict=True)]
    frame = frame.assign(space=names)
    frame = frame[frame["space"] != ""]
    sure = frame["p_holm"] < LEVEL
    mark = np.where(sure & (frame["gain"] > 0), "★", np.where(sure, "▼", ""))
    return frame.assign(name=frame["test"].map(theme.name), mark=mark)[
        ["test", "name", "space", "accuracy", "low", "high", "n", "mark"]
    ].reset_index(drop=True)


def _means(found: Transfer, train: str) -> None:
    st.header("Is it more than what is free?", anchor=False)
    frame = means_frame(found, train)
    plain, signed = (st.column_config.NumberColumn(format=form) for form in ("%.3f", "%+.3f"))
    formats = dict.fromkeys(("accuracy", "low", "high"), plain)
    formats |= dict.fromkeys(("gain", "gain low", "gain high"), signed)
    drawing.table(frame, key="transfer-means", column_config=formats)
    theme.quiet(
        f"Means over the languages other than {theme.name(train)}; low and high are the ends of 95% intervals "
        "(bootstrap over sentences). The gain is over the unmodified model as it is, on the same sentences. A map that "
        "needs nothing when applied needs as little as the intervention; what learns from translations is a class of "
        "its own."
    )
    for note in found.notes:
        theme.quiet(note)


def means_frame(found: Transfer, train: str) -> pd.DataFrame:
    """One row a space, the best first: its free map, accuracy, gain and their intervals, and what the map needs."""
    frame = transfer_table.means(found)
    frame = frame[frame["train"] == train].sort_values("accuracy", ascending=False, kind="stable")
    return pd.DataFrame(
        {
            "space": frame["space"].map(SPACE_TITLES),
            "free map": ["" if name is None else RIVALS[name].title for name in frame["rival"]],
            "accuracy": frame["accuracy"],
            "low": frame["low"],
            "high": frame["high"],
            "gain": frame["gain"],
            "gain low": frame["gain_low"],
            "gain high": frame["gain_high"],
            "needs when applied": ["" if name is None else RIVALS[name].when_applied for name in frame["rival"]],
            "languages": frame["languages"],
            "n": frame["n"],
        }
    ).reset_index(drop=True)


def _by_layer(bound: Plan, _: Transfer, train: str) -> None:
    st.header("At which layer?", anchor=False)
    found = waiting.answer_or_wait(TransferQuestion(session.experiment(), Settings((train,), ALL, (CENTRED,))))
    if found is None:
        return
    embeddings = page_state.choice("Embeddings", ["as they are", "own means"], "embeddings")
    rows = layers_frame(found, train, CENTRED if embeddings == "own means" else None)
    before = rows[rows["space"] == "before"]
    best = int(before["layer"].to_numpy()[before["value"].to_numpy().argmax()])
    drawing.chart(
        layer_charts.lines(rows, bound.layer, best, title="accuracy", share=True),
        key="transfer-by-layer",
        alt=f"Mean accuracy in the other languages at every layer, trained on {theme.name(train)}, before and after.",
        data=rows,
    )
    said = transfer_table.lesson(found, train, best)
    theme.quiet(
        f"Mean over the languages other than {theme.name(train)}, embeddings {embeddings}. The best layer is chosen on "
        "these very sentences, which flatters it a little."
    )
    if said is not None:
        st.markdown(transfer_table.sentence(said))


def layers_frame(found: Transfer, train: str, rival: str | None) -> pd.DataFrame:
    """One row a layer and space: ``layer, space, value, low, high``."""
    frame = transfer_table.means(found)
    same = np.array([name == rival for name in frame["rival"]]) & (frame["train"] == train).to_numpy()
    frame = frame[same]
    return pd.DataFrame(
        {
            "layer": frame["layer"],
            "space": frame["space"].map(SPACE_TITLES),
            "value": frame["accuracy"],
            "low": frame["low"],
            "high": frame["high"],
        }
    ).reset_index(drop=True)


def _matrix(_: Plan, __: Transfer, ___: str) -> None:
    st.header("From every language to every other", anchor=False)
    found = waiting.answer_or_wait(TransferQuestion(session.experiment(), Settings((ALL,), None, (CENTRED,))))
    if found is None:
        return
    beside = page_state.choice("Change by", ["the intervention", "own means"], "change")
    pairs = matrix_frame(found, Space("post", 0) if beside == "the intervention" else Space("pre", 0, CENTRED))
    drawing.chart(
        charts.matrix(pairs, [theme.name(code) for code in found.task.languages]),
        key="transfer-matrix",
        alt=f"Change of accuracy by {beside} for every language trained on and tested on.",
        data=pairs,
    )
    theme.quiet(
        f"Change of accuracy by {beside}, in percentage points: rows are the languages trained on, columns those "
        "tested on. Green: more sentences right, purple: fewer. The diagonal is the language itself."
    )


def matrix_frame(found: Transfer, space: Space) -> pd.DataFrame:
    """One row a language trained on and tested on: ``query, candidate, n, pre, post, change``, in names.

    ``space`` says which side and rival is ``post``, at whatever layer was measured.
    """
    rows = []
    for (train, other), hits in found.hits.items():
        if (other.side, other.rival) != (space.side, space.rival):
            continue
        before = found.hits[train, Space("pre", other.layer)]
        for code, right in hits.items():
            pre, post = float(before[code].mean()), float(right.mean())
            names = {"query": theme.name(train), "candidate": theme.name(code)}
            rows.append(names | {"n": len(right), "pre": pre, "post": post, "change": post - pre})
    return pd.DataFrame(rows)


def _who_profits(_: Plan, __: Transfer, train: str) -> None:
    st.header("Which languages profit?", anchor=False)
    answer: Profit | None = waiting.answer_or_wait(ProfitQuestion(session.experiment(), Settings((train,), None, ())))
    if answer is None:
        return
    with st.container(horizontal=True):
        kind = page_state.choice("Gain in", list(KINDS), "gain", KINDS.__getitem__)
        of_kind = answer.points[answer.points["kind"] == kind]
        known = [name for name in LIKENESSES if of_kind[name].notna().any()]
        likeness = page_state.choice("By", known, "likeness", lambda name: LIKENESSES[name].title, others=LIKENESSES)
    points = of_kind[of_kind[likeness].notna()]
    points = points.assign(name=points["language"].map(theme.name))
    source = theme.name(str(points["source"].iloc[0])) if len(points) else ""
    gained = f"gain in accuracy, trained on {source}" if kind == "transfer" else f"gain in top-1, {source} as the query"
    drawing.chart(
        charts.profit(points, likeness, _axis(likeness, source), gained),
        key="transfer-profit",
        alt=f"{gained.capitalize()}, by {LIKENESSES[likeness].title}, a point for each language.",
        data=points,
    )
    theme.quiet(f"{LIKENESSES[likeness].about} Lines: 95% intervals of the gain (paired bootstrap over sentences).")
    rows = answer.correlations[answer.correlations["kind"] == kind]
    st.markdown(sentence(rows[rows["likeness"] == likeness].iloc[0].to_dict()))
    if said := unknown(answer.points):
        theme.quiet(said)
    plain = st.column_config.NumberColumn(format="%.3f")
    columns = dict.fromkeys(("r", "low", "high", "p", "p, Holm"), plain)
    drawing.table(correlations_frame(answer.correlations, kind), key="transfer-correlations", column_config=columns)
    theme.quiet(
        "Correlations of the gain with each likeness over languages, with 95% percentile bootstrap intervals. The "
        "partial one holds fixed what the last column names; pre is the share right before. The p after Holm's "
        "correction is for all coefficients of this table. The target itself takes no part in likeness to the target; "
        "n counts languages."
    )
    columns_without = [name for name in LIKENESSES if points[name].isna().all()]
    shown = points.drop(columns=["kind", "source", "target", "language", *columns_without]).sort_values(
        "gain", ascending=False
    )
    shown = shown[["name", *(column for column in shown if column != "name")]]
    numbers = dict.fromkeys([*shown.columns[2:]], plain)
    drawing.table(shown, key="transfer-points", column_config=numbers)


def correlations_frame(correlations: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One row a likeness and coefficient: ``likeness, correlation, r, low, high, p, "p, Holm", n, held fixed``."""
    rows = []
    for row in correlations[correlations["kind"] == kind].to_dict("records"):
        if np.isnan(row["pearson"]):
            continue
        for name, title in _COEFFICIENTS.items():
            rows.append(
                {"likeness": LIKENESSES[row["likeness"]].title, "correlation": title, "r": row[name]}
                | {end: row[f"{name}_{end}"] for end in ("low", "high", "p")}
                | {"p, Holm": row[f"{name}_p_holm"]}
                | {"n": row["n"], "held fixed": row["held_fixed"] if name == "partial" else ""}
            )
    columns = ["likeness", "correlation", "r", "low", "high", "p", "p, Holm", "n", "held fixed"]
    return pd.DataFrame(rows, columns=columns)


def _axis(likeness: str, source: str) -> str:
    """The title of an axis: the likeness, and to which language."""
    way = LIKENESSES[likeness]
    return way.titled(source) if way.to == SOURCE else way.title


def conditions(bound: Plan, found: Transfer) -> str:
    """Data, neurons, settings and classifier of the page's figures, in one line."""
    experiment, rows = bound.experiment, found.task
    probe, control = access.titled(experiment.probe_corpus or experiment.corpus), CONTROLS[experiment.control]
    return (
        f"{bound.corpus.title}: {len(rows.classes)} labels ({', '.join(rows.classes)}); trained on {rows.n_train:,} "
        f"probe rows of one language, tested on {rows.n_test:,} evaluation rows of each. "
        f"{_count(experiment)} of {theme.name(bound.target)} from {probe}, "
        f"{METHODS[experiment.method].title.lower()} at strength {experiment.strength:g}"
        f"{'' if control.draw is None else f' on {control.title}'}, "
        f"{experiment.model}, layer {bound.layer} of {bound.outline.n_layers}, seed {experiment.seed}. Classifier: "
        "standardisation and multinomial logistic regression, C = 0.05."
    )


def _count(experiment: Experiment) -> str:
    """How many experts there are; just that word where what is set does not say it."""
    exact = experiment.select == "model" and experiment.min_score is None and not experiment.experts_from
    return counted(experiment.experts, "expert") if exact and not experiment.targets else "Experts"


def _percent(share: Interval) -> str:
    return f"{share.value:.1%}"


_VIEWS: dict[str, tuple[str, Callable[[Plan, Transfer, str], None]]] = {
    "languages": ("by language", _by_language),
    "layers": ("by layer", _by_layer),
    "matrix": ("every language", _matrix),
    "profit": ("who profits", _who_profits),
}
