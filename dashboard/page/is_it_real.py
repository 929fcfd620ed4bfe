"""Is it more than what is free? The intervention beside every free rival, and what the space became."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

import pandas as pd
import streamlit as st

from core.analyses.rival_spaces import HEADLINE, POST, PRE, RivalSpace, RivalSpaces, of_rows
from core.analyses.rival_table import frame
from core.analyses.rival_verdict import SpaceComparison, best, described, intervention_of, verdict
from core.charts import palette
from core.charts.maps import language_map, window_of
from core.charts.palette import colours
from core.neurons.methods import METHODS
from core.neurons.selection import CONTROLS
from core.pipeline.result import Result
from core.progress import duration
from core.spaces.measured_space import ALL
from core.spaces.rivals import RAW, RIVALS
from core.spaces.space_measures import SPACE_MEASURES
from core.stats.units import counted
from dashboard.charts import is_it_real as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import earlier, map_view, waiting
from dashboard.state import page_state, session
from dashboard.text import frames, summary
from dashboard.work import free
from dashboard.work.derived import once
from dashboard.work.questions import ControlQuestion, RivalMapQuestion, RivalsQuestion

_LAYERS = {"best": "each at its best layer", "set": "all at the layer as set"}
_OF = {PRE: "the unmodified model", POST: "the intervention, on top"}
# Retrieval, which the first chart shows, and what says little alone; every other measure has a panel.
_IN_THE_TABLE_ALONE = ("top1", "top5", "mrr", "csls", "distance", "mining_f1", "anisotropy")
_ACROSS = 4  # panels beside each other
_COLOURS_SAY = {
    palette.NEEDS_NOTHING: "Orange rivals need nothing",
    palette.NEEDS_LANGUAGE: "light orange ones a sentence's language (own means: of all sentences at once)",
    palette.TRANSLATED: "those from translations learn from pairs of sentences",
    palette.ON_TOP: "Light blue rivals are fitted and applied under the intervention; hover to read what each needs",
}


def draw() -> None:
    """Draw the page."""
    theme.quiet(
        "An intervention is interesting where it beats what costs nothing: maps of embeddings that are fitted on the "
        "probe sentences of the unmodified model, without translations."
    )
    result = waiting.result_or_wait(session.experiment())
    asked = RivalsQuestion(session.experiment())
    spaces = None if result is None else free.stored(result, asked) or waiting.answer_or_wait(asked)
    if result is None or spaces is None:
        earlier.show()
        return
    _show(result, spaces)


def _show(result: Result, spaces: RivalSpaces) -> None:
    theme.ready()
    chosen = map_view.draw_chosen(
        result, "The verdict and the first chart are of their meanings, the rest of all sentences."
    )
    rows = map_view.meanings(chosen, result)
    shown = spaces if rows is None else of_rows(spaces, rows)
    against = free.against(shown)
    said = verdict(shown, against)
    with st.container(border=True):
        st.markdown(said)
    control = _control(result)
    _rivals(
        shown,
        against,
        control if control is None or rows is None else of_rows(control, rows),
        said if rows is None else f"{said} (Of the chosen sentences.)",
    )
    _became(spaces, control)
    _map(result, spaces)
    folder = st.expander("Every figure", key="every-figure", on_change="rerun")
    if folder.open:
        with folder:
            drawing.table(once(spaces, "frame", lambda: frame(spaces)), key="rivals-table")
    for note in spaces.notes:
        theme.quiet(f"Note: {note}")
    theme.quiet(summary.conditions(result))


def _control(result: Result) -> RivalSpaces | None:
    """The random control where it is known; else offer to compute it."""
    experiment = result.plan.experiment
    if experiment.control != "none" or experiment.strength == 0:
        return None
    asked = ControlQuestion(replace(session.experiment(), control="random"))
    known = free.control(result)
    if known is None and page_state.get("control"):
        known = waiting.answer_or_wait(asked)
    elif known is None:
        seconds = waiting.expected(asked)
        if seconds is not None and st.button(
            f"Add the random control (about {duration(seconds)})", icon=":material/casino:", key="add-control"
        ):
            page_state.put("control", "1")
            st.rerun()
    return known


def _rivals(spaces: RivalSpaces, against: tuple[SpaceComparison, ...], control: RivalSpaces | None, said: str) -> None:
    target = theme.name(spaces.plan.target)
    st.header(summary.question(target), anchor=False)
    with st.container(horizontal=True):
        layers = page_state.choice("Rivals", list(_LAYERS), "layers", lambda name: _LAYERS[name])
        of = page_state.choice("Applied to", [PRE, POST], "of", lambda name: _OF[name])
    rows = rival_frame(spaces, against, control, at_best=layers == "best", space=of)
    chart = charts.rivals(rows)
    alt = f"Top-1 from {target} of the intervention and of every free rival, best first, with 95% intervals."
    drawing.chart(chart, key="rivals", alt=alt, data=rows)
    earlier.keep(f"{said} (Rivals {_LAYERS[layers]}, of {_OF[of]}.)", chart, alt)
    theme.quiet(
        f"Mean top-1 over {counted(len(spaces.plan.candidates), 'candidate language')}, {target} as the query, n = "
        f"{intervention_of(spaces).measured.value(HEADLINE, spaces.plan.target).n:,}; lines are 95% "
        "intervals (bootstrap over sentences). ★ finds more than the intervention, ▼ less: the paired interval leaves "
        "out zero and Wilcoxon's signed ranks give p < 0.05 after Holm's correction over all measured spaces. "
        f"Rivals are fitted on {spaces.n_probe:,} probe rows; a best layer is chosen on probe rows that the rival was "
        f"not fitted on{_best_of(of)}. {_needs(spaces)} when it is applied. {colours_explained(set(rows['kind']))}"
    )


def _best_of(space: str) -> str:
    """Whose best layer a rival stands at, where that is not the model that it is applied to."""
    return ", as the best of the unmodified model, also on top of the intervention" if space == POST else ""


def _needs(spaces: RivalSpaces) -> str:
    """What the intervention needs of a sentence."""
    if METHODS[spaces.plan.experiment.method].by_source is None:
        return "An intervention by this method needs nothing to be known of a sentence"
    return "An intervention by this method needs the language of a sentence"


def colours_explained(kinds: Set[str]) -> str:
    """What the colours of the rivals that are drawn say, in a sentence."""
    said = [words for kind, words in _COLOURS_SAY.items() if kind in kinds]
    return f"{'; '.join(said)}." if said else ""


def rival_frame(
    spaces: RivalSpaces, against: tuple[SpaceComparison, ...], control: RivalSpaces | None, *, at_best: bool, space: str
) -> pd.DataFrame:
    """The table that the bars are drawn from: one row a space.

    Parameters
    ----------
    at_best : bool
        Each rival at the layer that was chosen for it; else at the plan's.
    space : {"pre", "post"}
        The rivals of the unmodified space, or those on top of the intervention.
    """
    minus = {id(row.space): row for row in against}
    intervention, before = intervention_of(spaces), spaces.find(RAW.name, PRE)
    chosen = [(intervention, palette.INTERVENTION), (before, palette.BEFORE)]
    chosen += [
        (other, _kind(other))
        for other in spaces.spaces
        if other is not intervention
        and other is not before
        and other.space == space
        and (other.chosen if at_best else other.layer == spaces.plan.layer)
    ]
    if control is not None:
        chosen.append((intervention_of(control), palette.CONTROL))
    rows = [_bar(spaces, of, kind, minus.get(id(of))) for of, kind in chosen if of is not None]
    return pd.DataFrame(rows).sort_values("value", ascending=False, ignore_index=True)


def _kind(space: RivalSpace) -> str:
    if space.space == POST:
        return palette.ON_TOP
    if space.rival.supervised:
        return palette.TRANSLATED
    return palette.NEEDS_NOTHING if space.rival.in_class else palette.NEEDS_LANGUAGE


def _bar(spaces: RivalSpaces, space: RivalSpace, kind: str, against: SpaceComparison | None) -> dict[str, object]:
    drawn = CONTROLS[spaces.plan.experiment.control].draw is not None
    own = "The intervention, on random neurons" if drawn else "The intervention"
    names = {palette.INTERVENTION: own, palette.BEFORE: "Before", palette.CONTROL: "Random neurons"}
    name = names.get(kind) or ("Another layer, as it is" if space.rival is RAW else space.rival.title)
    value = space.measured.value(HEADLINE, spaces.plan.target)
    needs = space.rival.needs(spaces.n_probe)
    return {
        "name": f"{name}, layer {space.layer}",
        "kind": kind,
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "n": value.n,
        "mark": "" if against is None else {-1: "★", 0: "", 1: "▼"}[against.sign],
        "needs": f"fitted: {needs['fitting']}; applied: {needs['applied']}",
        "difference": None if against is None else -against.difference.value,
        "p": None if against is None else against.p,
    }


def _became(spaces: RivalSpaces, control: RivalSpaces | None) -> None:
    st.header("What the space became", anchor=False)
    shown = shown_spaces(spaces, control)
    names = panels()
    for start in range(0, len(names), _ACROSS):
        for column, name in zip(st.columns(_ACROSS), names[start : start + _ACROSS], strict=False):
            measure, rows = SPACE_MEASURES[name], panel_frame(shown, name)
            with column:
                drawing.chart(
                    charts.panel(rows, measure.title, measure.unit),
                    key=f"space-{name}",
                    alt=f"{measure.title} before, after, at random, and of the best free rival. {measure.about}",
                    data=rows,
                )
    others = f" {charts.BEST.capitalize()}: {described(shown[charts.BEST])}." if charts.BEST in shown else ""
    own = [name.capitalize() for name in shown if name != charts.BEST]
    where = f"{', '.join(own)}: layer {spaces.plan.layer}.{others}"
    by_chance = "The red tick is the value where rows are permuted, so that nothing corresponds."
    about = " ".join(f"{SPACE_MEASURES[name].title}: {SPACE_MEASURES[name].about}" for name in names)
    theme.quiet(f"Over all pairs of languages. {where} Lines are 95% intervals over sentences. {by_chance}")
    with st.expander("What these measures say"):
        st.text(about)


def panels() -> tuple[str, ...]:
    """Names of the measures that have a panel each, in the table's order."""
    return tuple(name for name in SPACE_MEASURES if name not in _IN_THE_TABLE_ALONE)


def shown_spaces(spaces: RivalSpaces, control: RivalSpaces | None) -> dict[str, RivalSpace]:
    """The spaces of the small multiples, by what they are called: before, after, random and the best free one."""
    before, top = spaces.find(RAW.name, PRE), best(spaces)
    found = {
        "before": before,
        "after": intervention_of(spaces),
        "random": None if control is None else intervention_of(control),
        charts.BEST: top,
    }
    return {name: space for name, space in found.items() if space is not None}


def panel_frame(shown: Mapping[str, RivalSpace], name: str) -> pd.DataFrame:
    """One measure of several spaces, over all pairs: ``space, value, low, high, permuted, n``."""
    rows = []
    for title, space in shown.items():
        value = space.measured.value(name, ALL)
        rows.append(
            {
                "space": title,
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "permuted": value.permuted,
                "n": value.n,
            }
        )
    return pd.DataFrame(rows)


def _map(result: Result, spaces: RivalSpaces) -> None:
    st.header("The map of any rival", anchor=False)
    if not page_state.switch("Show maps", "maps"):
        return
    measured = {name: space for name, space in spaces.by_rival(PRE).items() if name != RAW.name}
    if not measured:
        theme.quiet("No rival was measured; the notes below say why.")
        return
    choices, top = list(measured), best(spaces)
    default = top.rival.name if top is not None and top.rival.name in choices else choices[0]
    name = page_state.pick("Rival", choices, "rival", lambda rival: RIVALS[rival].title, default)
    experiment = session.experiment()
    shown = (intervention_of(spaces), measured[name])
    planes = []
    for space in shown:  # one after the other: a visitor waits for one thing at a time
        plane = waiting.answer_or_wait(RivalMapQuestion(experiment, space.rival.name, space.space, space.layer))
        if plane is None:
            return
        planes.append(plane)
    titles = ("The intervention", "From translations" if RIVALS[name].supervised else "Free")
    for column, space, plane, title in zip(st.columns(2), shown, planes, titles, strict=True):
        points = frames.map_frame(replace(result, maps=tuple((part, part) for part in plane)), 0, [])
        with column:
            st.markdown(f"**{title}:** {described(space)}")
            drawing.chart(
                language_map(points, colours(result.plan.languages), window_of(points)),
                key=f"map-{space.space}",
                alt=f"Map of {described(space)}.",
                data=points,
            )
    theme.quiet(
        "Each map is a UMAP of its own (cosine, fixed seed): shapes can be compared, places cannot."
        f"{frames.drawn_words(result, points)}"
    )
