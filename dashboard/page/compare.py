"""Two settings side by side on every measure."""

from __future__ import annotations

from dataclasses import fields, replace
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.maps import language_map, window_of
from core.charts.palette import colours
from core.experiment.settings import Experiment
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.stats.intervals import wilson
from dashboard.charts import compare as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import link, page_state, session
from dashboard.text import frames, summary


def draw() -> None:
    """Draw the page."""
    theme.quiet("Keep a setting, change the controls, and see both on every measure.")
    current, kept = session.experiment(), _kept()
    with st.container(horizontal=True):
        if st.button("Keep this setting", type="primary" if kept is None else "secondary", icon=":material/keep:"):
            page_state.put("with", urlencode(link.to_query(current)))
            st.rerun()
        if kept is not None and st.button("Swap the two", icon=":material/swap_horiz:"):
            session.go("compare", kept, **{"with": urlencode(link.to_query(current))})
    if kept is None:
        st.html('<div data-testid="result-ready"></div>')
        theme.quiet(
            "Nothing is kept yet. Keep the setting on the left, then change it: the two stand here side by side. Or "
            "compare it with"
        )
        with st.container(horizontal=True):
            for title, other in suggestions(current).items():
                if st.button(title, key=f"compare-{title}"):
                    page_state.put("with", urlencode(link.to_query(other)))
                    st.rerun()
        return
    if kept == current:
        theme.quiet("Both settings are the same. Change one on the left.")
    first = waiting.result_or_wait(current)  # one after the other: a visitor waits for one thing at a time
    second = waiting.result_or_wait(kept) if first is not None else None
    if first is not None and second is not None:
        _show(first, second)


def suggestions(current: Experiment) -> dict[str, Experiment]:
    """Settings that the current one is most often compared with, by title."""
    suggested = {
        "the same on random neurons": replace(current, control="random"),
        "half the strength": replace(current, strength=current.strength / 2),
        "a quarter of the neurons": replace(current, experts=max(1, current.experts // 4)),
        "Linear-AcT": replace(current, method="linear-act"),
        "no intervention": replace(current, strength=0.0),
    }
    return {title: suggestion for title, suggestion in suggested.items() if suggestion != current}


def _kept() -> Experiment | None:
    text = page_state.get("with")
    if not text:
        return None
    experiment, problems = link.from_query(dict(parse_qsl(text)))
    for problem in problems:
        theme.problem(problem)
    return experiment


def _show(a: Result, b: Result) -> None:
    st.html('<div data-testid="result-ready"></div>')
    st.subheader("What differs", anchor=False)
    differing = differences(a, b)
    if differing.empty:
        theme.quiet("Nothing.")
    else:
        drawing.table(differing, key="differences")
    for warning in warnings(a, b):
        theme.problem(warning)
    st.subheader("Every measure", anchor=False)
    drawing.table(measure_frame(a, b), key="measures")
    theme.quiet(f"A is the setting on the left, B the kept one. {experts_shared(a, b)}")
    bars = bar_frame(a, b)
    if len(bars):
        st.subheader("By candidate language, after", anchor=False)
        drawing.chart(
            charts.bars(bars),
            key="compare-bars",
            alt="Top-1 after, by candidate language, for both settings.",
            data=bars,
        )
        theme.quiet("Lines are 95% intervals (Wilson); languages that both settings look for translations in.")
    _maps(a, b)


def _maps(a: Result, b: Result) -> None:
    st.subheader("Maps, after", anchor=False)
    for column, name, result in zip(st.columns(2), ("A", "B"), (a, b), strict=True):
        spaces = [frames.map_frame(result, space, []) for space in (0, 1)]
        with column:
            drawing.chart(
                language_map(spaces[1], colours(result.plan.languages), window_of(pd.concat(spaces)), spaces[0]),
                key=f"compare-map-{name}",
                alt=f"Map of setting {name} after its intervention.",
                data=spaces[1],
            )
    theme.quiet("Each map is a UMAP of its own: shapes can be compared, places cannot. Grey: before.")


def differences(a: Result, b: Result) -> pd.DataFrame:
    """The settings that differ between the two experiments, as they were used: ``setting, A, B``."""
    settings_a, settings_b = a.plan.describe(), b.plan.describe()
    names = [field.name for field in fields(Experiment)]
    rows = [
        (name.replace("_", " "), _in_words(settings_a[name]), _in_words(settings_b[name]))
        for name in names
        if settings_a[name] != settings_b[name]
    ]
    return pd.DataFrame(rows, columns=["setting", "A", "B"])


def _in_words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else "default" if value is None else str(value)


def warnings(a: Result, b: Result) -> list[str]:
    """Reasons why the numbers of the two settings must not be compared."""
    messages = []
    if a.plan.corpus.digest != b.plan.corpus.digest:
        messages.append("The sentences differ: retrieval and distance of the two are not of the same texts.")
    sizes = [max(map(len, result.plan.groups)) for result in (a, b)]
    if sizes[0] != sizes[1]:
        messages.append(
            f"A looks among {sizes[0]:,} candidates, B among {sizes[1]:,}: among fewer, a translation is found more "
            "easily."
        )
    if set(a.plan.languages) != set(b.plan.languages):
        messages.append("The languages differ: means over candidates are not over the same languages.")
    elif a.plan.target != b.plan.target:
        messages.append("The targets differ: measures from the target have different queries.")
    return messages


def measure_frame(a: Result, b: Result) -> pd.DataFrame:
    """One row a measure: ``measure, A before, A after, B before, B after, A - B after``."""
    rows = []
    for measure in MEASURES.values():
        first, second = measure.read(a), measure.read(b)
        rows.append((measure.titled(), first.pre, first.post, second.pre, second.post, first.post - second.post))
    for name, value_a, value_b in (
        ("Experts", float(len(a.experts.neurons)), float(len(b.experts.neurons))),
        ("Mean score of the experts", float(a.experts.scores.mean()), float(b.experts.scores.mean())),
    ):
        rows.append((name, np.nan, value_a, np.nan, value_b, value_a - value_b))
    columns = ["measure", "A before", "A after", "B before", "B after", "A - B, after"]
    return pd.DataFrame(rows, columns=columns).round(4)


def experts_shared(a: Result, b: Result) -> str:
    """How many experts the two have in common, in words."""
    plan_a, plan_b = a.plan, b.plan
    if plan_a.resolved != plan_b.resolved or plan_a.experiment.neurons != plan_b.experiment.neurons:
        return "The models differ, so their experts cannot be held against each other."
    common = len(np.intersect1d(a.experts.neurons, b.experts.neurons))
    smaller = min(len(a.experts.neurons), len(b.experts.neurons))
    return f"The two share {common:,} experts ({summary.percent(common / smaller)} of the smaller set)."


def bar_frame(a: Result, b: Result) -> pd.DataFrame:
    """Top-1 after, in the candidate languages of both: ``name, setting, top1, low, high, n``."""
    parts = []
    common = set(a.plan.candidates) & set(b.plan.candidates)
    for name, result in (("A", a), ("B", b)):
        rows = result.from_target[result.from_target["candidate"].isin(common)]
        rate, n = rows["top1_post"].to_numpy(dtype=np.float64), rows["n"].to_numpy()
        low, high = wilson(rate, n)
        parts.append(
            pd.DataFrame(
                {
                    "name": rows["candidate"].map(theme.name).to_numpy(),
                    "setting": name,
                    "top1": rate,
                    "low": low,
                    "high": high,
                    "n": n,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
