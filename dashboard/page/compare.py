"""Two settings side by side on every measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import streamlit as st

from core import access
from core.analyses.chosen_pairs import ChosenSentences, ranks_of
from core.analyses.paired_settings import PairedMeasure, can_be_paired, compare_rows, verdict
from core.analyses.paired_settings import compare as paired
from core.charts.maps import language_map, window_of
from core.charts.palette import colours
from core.errors import AskError
from core.experiment.settings import Experiment
from core.experiment.title import in_words
from core.neurons.scores import SCORES
from core.pipeline.measure_table import MEASURES
from core.pipeline.result import Result
from core.stats.units import counted
from dashboard.charts import compare as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import map_view, waiting
from dashboard.state import kept as kept_settings
from dashboard.state import link, navigation, page_state, session
from dashboard.state.kept import KeptSetting
from dashboard.text import frames, summary
from dashboard.work import process
from dashboard.work.questions import FiguresQuestion, RanksQuestion, SentenceValuesQuestion


def draw() -> None:
    """Draw the page."""
    theme.quiet("Keep a setting, change the controls, and see both on every measure.")
    current = session.experiment()
    kept, problems = kept_settings.read()
    for message in problems:
        theme.problem(message)
    at = kept_settings.chosen(kept)
    with st.container(horizontal=True):
        carried = link.carries(current)
        if st.button(
            "Keep this setting",
            type="secondary" if kept else "primary",
            icon=":material/keep:",
            disabled=not carried,
            help=None if carried else "It is kept in the link, and no link names a file of this machine.",
        ):
            _keep(current, kept)
        if kept and st.button("Swap the two", icon=":material/swap_horiz:", disabled=not carried):
            swapped, place = kept_settings.with_in_place(kept, kept_settings.as_kept(current), at)
            navigation.go("compare", kept[at].experiment, **kept_settings.view(swapped, place, kept[at]))
    if not kept:
        _suggest(current)
        return
    at = _choose(kept, at)
    other = kept[at].experiment
    if other == current:
        theme.quiet("Both settings are the same. Change one in the sidebar.")
    first = _known_or_wait(current)  # one after the other: a visitor waits for one thing at a time
    # Where both are the same it is asked for once: what a page waits for has one place on it.
    second = first if first is None or other == current else _known_or_wait(other)
    if first is None or second is None:
        return
    of_a = of_b = None
    comes = can_be_paired(first.plan, second.plan) and all(map(_can_be_paired_here, (current, other)))
    if comes:
        values = {one: waiting.answer_or_wait(SentenceValuesQuestion(one)) for one in dict.fromkeys((current, other))}
        of_a, of_b = values[current], values[other]
    chosen, rows = None, paired(first, second, of_a, of_b)
    if of_a is not None and of_b is not None:
        mapped = first if first.maps or not second.maps else second  # a sweep's setting has no map
        chosen = map_view.draw_chosen(mapped, "The verdict and the measures are of their meanings, the bars of them.")
        if chosen is not None and (meanings := map_view.meanings(chosen, first)) is not None:
            rows = compare_rows(first, of_a, of_b, meanings)
    _show(first, second, rows, kept[at], chosen, comes)
    _all_kept(first, kept)


def _known(experiment: Experiment) -> Result | None:
    """The result if it is known; without its map where a sweep has kept the measures alone."""
    result: Result | None = process.known(experiment)
    return result if result is not None else process.known(FiguresQuestion(experiment))


def _known_or_wait(experiment: Experiment) -> Result | None:
    """The result if it is known, at least without its map; else draw the progress or the problem, and return None.

    Figures are known before their map, and also where another seed has drawn one. The page waits for the map, unless
    the model would have to embed everything again for it, or it will not come.
    """
    known = _known(experiment)
    if known is not None and not known.maps and (access.reads_only() or _embeds(experiment)):
        return known
    result = waiting.result_or_wait(experiment)
    return result if result is not None or waiting.waits(experiment) else known


def _can_be_paired_here(experiment: Experiment) -> bool:
    """Whether measures sentence by sentence are known, or can be: a pack has none, and its model may not be here."""
    try:
        known = process.jobs().result(SentenceValuesQuestion(experiment))
    except AskError:
        return False
    return known is not None or not access.reads_only()


def _embeds(experiment: Experiment) -> bool:
    """Whether the model has to embed sentences before an experiment's map is drawn."""
    try:
        expected = process.engine().estimate(experiment)
    except AskError:  # the model is not on this machine
        return True
    return any(expected[step] > 0 for step in ("embed_pre", "embed_post"))


def _keep(current: Experiment, kept: list[KeptSetting]) -> None:
    """Keep the present setting beside those that are kept; the oldest makes room."""
    own = next((one for one in kept if one.experiment == current), kept_settings.as_kept(current))
    others = [one for one in kept if one is not own][-(kept_settings.MOST - 1) :]
    kept_settings.write([*others, own], len(others))
    session.visitor().generation += 1  # the list of B would else keep its place, where another setting is by now
    st.rerun()


def _suggest(current: Experiment) -> None:
    """Offer settings to compare with, where none is kept."""
    theme.ready()
    offered = {title: other for title, other in suggestions(current).items() if link.carries(other)}
    if access.reads_only():  # what is not known would be refused
        offered = {title: other for title, other in offered.items() if _known(other) is not None}
    theme.quiet(
        "Nothing is kept yet. Keep the present setting, then change it: the two stand here side by side."
        f"{' Or compare it with' if offered else ''}"
    )
    with st.container(horizontal=True):
        for title, other in offered.items():
            if st.button(title, key=f"compare-{title}"):
                kept_settings.write([KeptSetting(other)])
                st.rerun()


def _choose(kept: list[KeptSetting], at: int) -> int:
    """Draw the kept settings: which is B, their names, and how to let go of one."""
    if len(kept) > 1:
        places = [str(place) for place in range(len(kept))]
        at = int(page_state.pick("B", places, "at", lambda place: kept[int(place)].title, default="0"))
    with st.expander("Name or remove what is kept"):
        for place, one in enumerate(kept):
            left, right = st.columns([5, 1], vertical_alignment="bottom")
            key = f"{hash(one.experiment)}"
            name = left.text_input(
                theme.plain(in_words(one.experiment)), one.name, max_chars=60, key=page_state.key(f"name-{key}")
            )
            if name.strip() != one.name:
                kept_settings.write([*kept[:place], KeptSetting(one.experiment, name.strip()), *kept[place + 1 :]], at)
                st.rerun()
            if right.button("Remove", key=f"remove-{key}", icon=":material/delete:"):
                kept_settings.write([*kept[:place], *kept[place + 1 :]], at - (place < at))
                session.visitor().generation += 1  # as where one is kept
                st.rerun()
    return at


def suggestions(current: Experiment) -> dict[str, Experiment]:
    """Settings that the current one is most often compared with, by title."""
    if current.strength == 0:  # whatever else is set, the model is as it is
        return {"the intervention": replace(current, strength=1.0)}
    suggested = {
        "the same on random neurons": replace(current, control="random"),
        "half the strength": replace(current, strength=current.strength / 2),
        **(
            {"a quarter of the neurons": replace(current, experts=max(1, current.experts // 4))}
            if current.k_counts
            else {}
        ),
        "Linear-AcT": replace(current, method="linear-act"),
        "no intervention": replace(current, strength=0.0),
    }
    return {title: suggestion for title, suggestion in suggested.items() if suggestion != current}


def _show(
    a: Result, b: Result, rows: Sequence[PairedMeasure], kept: KeptSetting, chosen: ChosenSentences | None, comes: bool
) -> None:
    titles = {"A": kept_settings.as_kept(session.experiment()).title, "B": kept.title}
    theme.ready()
    with st.container(border=True):
        st.markdown(verdict(a, b, rows, with_free=chosen is None, comes=comes))
        st.text("\n".join(f"{name}: {title}" for name, title in titles.items()))
    for warning in warnings(a, b):
        theme.problem(warning)
    st.header("What differs", anchor=False)
    differing = differences(a, b)
    if differing.empty:
        theme.quiet("Nothing.")
    else:
        drawing.table(differing, key="differences")
    st.header("Every measure, after", anchor=False)
    drawing.table(text_frame(rows), key="measures", saved=measure_frame(a, b, rows) if chosen is None else None)
    theme.quiet(
        "A is the present setting, B the kept one. The interval is of A - B, 95%, paired: by drawing sentences for "
        "both together. Better: the interval leaves out zero, and Wilcoxon's signed ranks give p < 0.05 after Holm's "
        "correction over all measures. A distance is better where it is smaller, which a collapsed space makes it too. "
        f"{experts_shared(a, b)}"
    )
    bars = bar_frame(a, b) if chosen is None else chosen_bars(a, b, chosen)
    if len(bars):
        st.header("By candidate language, after", anchor=False)
        drawing.chart(
            charts.bars(bars),
            key="compare-bars",
            alt="Top-1 after, by candidate language, for both settings.",
            data=bars,
        )
        theme.quiet("Lines are 95% intervals (Wilson); languages that both settings look for translations in.")
    if a.maps and b.maps:
        _maps(a, b, titles)
    else:
        theme.quiet("The measures alone are known; the maps are drawn once both settings are opened on Explore.")


def _maps(a: Result, b: Result, titles: Mapping[str, str]) -> None:
    st.header("Maps", anchor=False)
    columns = st.columns(2, vertical_alignment="bottom")  # titles of several lines would set the maps off each other
    for column, (name, title), result in zip(columns, titles.items(), (a, b), strict=True):
        spaces = [frames.map_frame(result, space, []) for space in (0, 1)]
        with column:
            theme.heading(f"{name}: {title}")
            hues = colours(result.plan.languages)
            drawing.chart(
                language_map(spaces[1], hues, window_of(pd.concat(spaces)), spaces[0], legend=True),
                key=f"compare-map-{name}",
                alt=f"Map of setting {name} after its intervention, over the space before in grey.",
                data=spaces[1],
            )
            if drawn := frames.drawn_words(result, spaces[1]).strip():
                theme.quiet(drawn)
    theme.quiet(
        "Coloured crosses: after. Grey dots: before, laid out alike on both maps where model, layer, sentences and "
        "seed are the same; each map has a scale of its own. Where one of these differs, shapes can be compared, "
        "places cannot."
    )


def _all_kept(present: Result, kept: Sequence[KeptSetting]) -> None:
    """All kept settings side by side, where there are several; what is not computed is said to be so."""
    if len(kept) < 2:
        return
    st.header("All kept settings, after", anchor=False)
    drawing.table(kept_frame(present, kept, _known), key="kept")


def kept_frame(
    present: Result, kept: Sequence[KeptSetting], known: Callable[[Experiment], Result | None]
) -> pd.DataFrame:
    """One row a setting, the present one first: its name, and every measure after as people read it."""
    rows = [("A (the present setting)", present), *((one.title, known(one.experiment)) for one in kept)]
    return pd.DataFrame(
        [
            {
                "setting": title,
                **{
                    measure.titled(): "not computed" if result is None else measure.unit.text(measure.read(result).post)
                    for measure in MEASURES.values()
                },
            }
            for title, result in rows
        ]
    )


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


_BETTER = {1: "A", -1: "B", 0: "may be level"}


def _in_words(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_in_words, value))
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


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


def measure_frame(a: Result, b: Result, rows: Sequence[PairedMeasure]) -> pd.DataFrame:
    """One row a measure, and two on the experts: both settings, their difference, its interval, which is better, p."""
    measured = []
    for row in rows:
        first, second, interval = row.measure.read(a), row.measure.read(b), row.difference
        low, high = (np.nan, np.nan) if interval is None else (interval.low, interval.high)
        values = first.pre, first.post, second.pre, second.post, first.post - second.post, low, high
        measured.append((row.measure.titled(), *values, _BETTER[row.winner] if interval else "", row.p))
    for name, value_a, value_b in (
        ("Experts", float(len(a.experts.neurons)), float(len(b.experts.neurons))),
        ("Mean score of the experts", float(a.experts.scores.mean()), float(b.experts.scores.mean())),
    ):
        measured.append((name, np.nan, value_a, np.nan, value_b, value_a - value_b, np.nan, np.nan, "", np.nan))
    columns = ["measure", "A before", "A after", "B before", "B after", "A - B, after", "low", "high", "better", "p"]
    return pd.DataFrame(measured, columns=columns)


def text_frame(rows: Sequence[PairedMeasure]) -> pd.DataFrame:
    """The same after the interventions, as people read it: ``measure, A, B, better, A - B, 95%, p``."""
    return pd.DataFrame([_in_text(row) for row in rows])


def _in_text(row: PairedMeasure) -> dict[str, str]:
    unit, interval = row.measure.unit, row.difference
    write = unit.change_text
    ends = "" if interval is None else f"{write(interval.low)} to {write(interval.high)}"
    return {
        "measure": row.measure.titled(),
        "A": unit.text(row.first),
        "B": unit.text(row.second),
        "better": "" if interval is None else _BETTER[row.winner],
        "A - B": write(row.first - row.second),
        "95%": ends,
        "p": "" if interval is None else f"{row.p:.2g}",
    }


def experts_shared(a: Result, b: Result) -> str:
    """How many experts the two have in common, in words."""
    plan_a, plan_b = a.plan, b.plan
    if plan_a.resolved.digest != plan_b.resolved.digest or plan_a.experiment.neurons != plan_b.experiment.neurons:
        return "The models differ, so their experts cannot be held against each other."
    common = len(np.intersect1d(a.experts.neurons, b.experts.neurons))
    smaller = min(len(a.experts.neurons), len(b.experts.neurons))
    scores = (f"{result.experts.scores.mean():.3f} ({SCORES[result.plan.experiment.score].title})" for result in (a, b))
    of_a, of_b = scores
    return (
        f"The two share {counted(common, 'expert')} ({summary.percent(common / smaller)} of the smaller set). All "
        f"experts of A score {of_a} on average, those of B {of_b}."
    )


def chosen_bars(a: Result, b: Result, chosen: ChosenSentences) -> pd.DataFrame:
    """The columns of `bar_frame`, of chosen pairs alone; empty where the ranks of one setting are not known."""
    parts = []
    for name, result in (("A", a), ("B", b)):
        ranks = map_view.known(result, RanksQuestion(result.plan.experiment))
        if ranks is None:
            return bar_frame(a, b).iloc[:0]
        after = ranks_of(ranks[1], result.plan.target, chosen)
        codes = list(dict.fromkeys(code for _, code in after.candidates))
        hits = [after.of(code) == 1 for code in codes]
        rate, n = np.array([hit.mean() for hit in hits]), np.array([len(hit) for hit in hits])
        parts.append(frames.share_rows(rate, n, name=[theme.name(code) for code in codes], setting=name))
    return pd.concat(parts, ignore_index=True)


def bar_frame(a: Result, b: Result) -> pd.DataFrame:
    """Top-1 after, in the candidate languages of both: ``name, setting, top1, low, high, n``."""
    parts = []
    common = set(a.plan.candidates) & set(b.plan.candidates)
    for name, result in (("A", a), ("B", b)):
        rows = result.from_target[result.from_target["candidate"].isin(common)]
        rate, n = rows["top1_post"].to_numpy(dtype=np.float64), rows["n"].to_numpy()
        parts.append(frames.share_rows(rate, n, name=rows["candidate"].map(theme.name).to_numpy(), setting=name))
    return pd.concat(parts, ignore_index=True)
