"""Where in the model does it happen?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.chosen_pairs import ChosenSentences, by_layer
from core.experiment.settings import Experiment
from core.neurons.experts import by_site
from core.neurons.methods import METHODS
from core.pipeline.before_after import ways
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.spaces.similarity import COSINE, Comparison
from core.stats.intervals import wilson
from core.stats.units import counted, listed
from dashboard.charts import layers as charts
from dashboard.charts import present as drawing
from dashboard.charts import theme
from dashboard.page import earlier, map_view, waiting
from dashboard.state import page_state, session
from dashboard.text import summary
from dashboard.work import process

_WORTH = 0.03  # a share: smaller changes count as neither gain nor loss
_TINY = (
    20.0  # largest over smallest distance: beyond this ratio a linear axis would show the small ones as one flat line
)
_UNKNOWN = (
    "These are the target's experts: which neurons are written to in their place, or beside them, is not known here."
)


def draw() -> None:
    """Draw the page."""
    theme.quiet("Retrieval and distance at every layer, and where the neurons sit that are written to.")
    experiment: Experiment = session.experiment()
    result = waiting.result_or_wait(experiment)
    if result is None:
        earlier.show()
    else:
        _show(result)


def _show(result: Result) -> None:
    theme.ready()
    target = theme.name(result.plan.target)
    measure = page_state.choice(
        "Embeddings",
        list(ways()),
        "embeddings",
        _title,
        " ".join(f"{by.title[0].upper()}{by.title[1:]}: {by.about}, which needs no intervention." for by in _free()),
    )
    chosen = map_view.draw_chosen(
        result, "The verdict and the first chart are of their pairs with the target's, the rest of all sentences."
    )
    shown, n_pairs = _of_chosen(result, chosen)
    said = verdict(shown, measure, chosen if n_pairs is not None else None)
    with st.container(border=True):
        st.markdown(said)
    _retrieval(shown, measure, target, n_pairs, said)
    _distance(result, target)
    _neurons(result)
    theme.quiet(summary.conditions(result))


def _free() -> list[Comparison]:
    """The ways of comparing beside the plain one."""
    return [by for by in ways().values() if by is not COSINE]


def _title(measure: str) -> str:
    by = ways()[measure]
    return "as they are" if by is COSINE else by.title


def _of_chosen(result: Result, chosen: ChosenSentences | None) -> tuple[Result, int | None]:
    """The result with top-1 at every layer of the chosen pairs alone, and how many they are; None for all."""
    if chosen is None:
        return result, None
    rows = process.known_beside(result.plan.experiment, lambda run: by_layer(run, chosen))
    if rows is None or not rows["n"].all():
        theme.quiet("Layers of chosen sentences need the embeddings, which are not on this machine: all are shown.")
        return result, None
    changed = {str(name): rows[name].to_numpy() for name in rows if name not in ("layer", "n")}
    return replace(result, layers=result.layers.assign(**changed)), int(rows["n"].iloc[0])


def _retrieval(result: Result, measure: str, target: str, n_pairs: int | None, said: str) -> None:
    st.header(summary.question(target), anchor=False)
    rows = lines_frame(result.layers, measure)
    best = best_before(result.layers, measure)
    chart = charts.lines(rows, result.plan.layer, best, title="top-1", share=True)
    alt = (
        f"Top-1 retrieval from {target} at every layer, before and after the intervention, on embeddings "
        f"{_title(measure)}."
    )
    drawing.chart(chart, key="top1-by-layer", alt=alt, data=rows)
    earlier.keep(f"{said} (Embeddings {_title(measure)}.)", chart, alt)
    if n_pairs is not None:
        theme.quiet(f"Mean top-1 over {n_pairs:,} chosen pairs, {target} as the query, among all candidates.")
        return
    n, candidates = int(result.from_target["n"].max()), len(result.plan.candidates)
    theme.quiet(
        f"Mean top-1 over {counted(candidates, 'candidate language')}, {target} as the query, {n:,} sentences each; no "
        "interval is drawn, the Retrieval page has them. Layer 0 is the embeddings, the last stands after the final "
        "norm."
    )


def _distance(result: Result, target: str) -> None:
    st.header(f"How far are translations from the {target} sentence?", anchor=False)
    rows = lines_frame(result.layers, "distance")
    positive = rows.loc[rows["value"] > 0, "value"]
    wide = len(positive) > 0 and float(positive.max() / positive.min()) > _TINY
    scales = ["log", "linear"] if wide else ["linear", "log"]
    scale = page_state.choice("Axis of the distance", scales, "axis", str.capitalize) if len(positive) else "linear"
    log = scale == "log"
    drawn = rows[rows["value"] > 0] if log else rows
    drawing.chart(
        charts.lines(drawn, result.plan.layer, title="cosine distance", share=False, log=log),
        key="distance-by-layer",
        alt=f"Cosine distance between translations and {target} at every layer, before and after.",
        data=rows,
    )
    axis = (
        "The axis is logarithmic, since distances differ widely between layers: equal steps are equal factors. "
        if log
        else ""
    )
    left_out = len(rows) - len(drawn)
    lost = f"{counted(left_out, 'distance')} of zero or below cannot be drawn on it. " if left_out else ""
    theme.quiet(
        f"Mean cosine distance of a sentence to its translation, pairs with {target} only, embeddings as they are. "
        f"{axis}{lost}A small distance alone says little: where all sentences are close, so are wrong ones."
    )


def _neurons(result: Result) -> None:
    plan = result.plan
    st.header("Where the neurons sit that are written to", anchor=False)
    written = _written(result)
    neurons = result.experts.neurons if written is None else written
    rows = neurons_frame(result, neurons)
    sites = list(dict.fromkeys(rows["site"]))
    drawing.chart(
        charts.neurons(rows, plan.outline.n_layers, sites),
        key="neurons-by-block",
        alt=f"Number of {'experts' if written is None else 'neurons that are written to'} in each block, by site, "
        "between the layers on either side of it.",
        data=rows,
    )
    read = (
        f"{counted(len(neurons), 'neuron')}. The bar between layers 0 and 1 is block 0, and so on: a neuron of block L "
        "changes the hidden state L + 1 and those after it."
    )
    if written is None:
        theme.quiet(f"{read} {_UNKNOWN}")
    else:
        theme.quiet(f"{read} {_untouched(rows)}{_control(result)}")


def _untouched(rows: pd.DataFrame) -> str:
    first = int(rows.loc[rows["experts"] > 0, "block"].min())
    layers = "Layer 0 comes" if first == 0 else f"Layers 0 to {first} come"
    return f"{layers} before the first of them and cannot change. "


def _control(result: Result) -> str:
    if result.plan.experiment.control == "none":
        return ""
    return "This is a control: these neurons are drawn at random, and stand in for the experts."


def _written(result: Result) -> np.ndarray | None:
    """Neurons that are written to: the experts, those of other languages too by some methods, or a control's.

    None where they are others than the experts, and not known on this machine.
    """
    experiment = result.plan.experiment
    if experiment.control == "none" and not METHODS[experiment.method].source_experts:
        return result.experts.neurons

    def read_neurons(run: Run) -> np.ndarray:
        return run.stages.intervention(run.stages.experts()).neurons

    return process.known_beside(experiment, read_neurons)


def lines_frame(layers: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One row a layer and space: ``layer, space, value``; ``measure``: a column of `Result.layers` without its end."""
    parts = [
        pd.DataFrame({"layer": layers["layer"], "space": space, "value": layers[f"{measure}_{end}"]})
        for space, end in (("before", "pre"), ("after", "post"))
    ]
    return pd.concat(parts, ignore_index=True)


def neurons_frame(result: Result, written: np.ndarray) -> pd.DataFrame:
    """One row a site: ``block, site, experts, width, share``."""
    return by_site(result.plan.outline.neurons, written).rename(columns={"layer": "block"})


def best_before(layers: pd.DataFrame, measure: str) -> int:
    """The layer at which the unmodified model retrieves best; the first of equals."""
    return int(layers["layer"].to_numpy()[layers[f"{measure}_pre"].to_numpy().argmax()])


def verdict(result: Result, measure: str, chosen: ChosenSentences | None = None) -> str:
    """Where the intervention helps and where it harms, and whether it beats every layer of the unmodified model.

    Parameters
    ----------
    chosen : ChosenSentences, optional
        The sentences whose pairs the result's layers are of; all unless given.
    """
    if result.plan.experiment.strength == 0:
        return "At **strength 0** the model is left exactly as it is: before and after are one line."
    pre, post = (result.layers[f"{measure}_{end}"].to_numpy(dtype=np.float64) for end in ("pre", "post"))
    n = _meanings(result, chosen)
    of = f"{n:,} sentences" if chosen is None else f"the chosen pairs of {counted(n, 'meaning')}"
    worth = least_change(pre, post, n)
    helped = _where(np.flatnonzero(post - pre >= worth), pre, post, "helps")
    harmed = _where(np.flatnonzero(pre - post >= worth), pre, post, "harms")
    best, best_after = int(pre.argmax()), int(post.argmax())
    gain, enough = post[best_after] - pre[best], float(least_change(pre[[best]], post[[best_after]], n)[0])
    beats = (
        f"**{100 * gain:.1f} points more** than the unmodified model gives at any layer"
        if gain >= enough
        else f"**{-100 * gain:.1f} points less** than that"
        if gain <= -enough
        else f"**no more** than that, to within {100 * enough:.0f} points"
    )
    return (
        f"Counting changes of 3 points or more that {of} tell from chance, the intervention {helped}, and "
        f"{harmed}. "
        f"Without any intervention, layer {best} finds most: "
        f"{summary.percent(pre[best])}. With it, the best is layer {best_after} with "
        f"{summary.percent(post[best_after])}: {beats}."
    )


def _meanings(result: Result, chosen: ChosenSentences | None) -> int:
    """How many rows top-1 from the target is of; the pairs of one row stand or fall together, so they count once."""
    plan = result.plan
    return sum(
        len(group) if chosen is None else int(chosen.meanings[number].sum())
        for number, group in enumerate(plan.groups)
        if plan.target in group.languages
    )


def least_change(pre: np.ndarray, post: np.ndarray, n: int) -> np.ndarray:
    """The smallest change of a share that counts: 3 points, or what a 95% interval of the difference needs to leave 0.

    The interval is that of two independent samples of n sentences, which is wide for shares of the same sentences: so
    no change counts that a paired interval would not count.

    References
    ----------
    Newcombe (1998). Statistics in Medicine 17, 873-890: method 10, from the Wilson intervals of both.
    """
    (pre_low, pre_high), (post_low, post_high) = (wilson(share, n) for share in (pre, post))
    rises = np.hypot(post - post_low, pre_high - pre)
    falls = np.hypot(post_high - post, pre - pre_low)
    least: np.ndarray = np.maximum(np.where(post >= pre, rises, falls), _WORTH)
    return least


def _where(layers: np.ndarray, pre: np.ndarray, post: np.ndarray, verb: str) -> str:
    if not layers.size:
        return f"**{verb} nowhere**"
    most = int(layers[np.abs(post - pre)[layers].argmax()])
    where = f"layer{'s' if len(layers) > 1 else ''} {spans(layers.tolist())}"
    largest = f"most at {most}: " if len(layers) > 1 else ""
    return f"**{verb} at {where}** ({largest}{summary.percent(pre[most])} to {summary.percent(post[most])})"


def spans(layers: Sequence[int]) -> str:
    """Ascending numbers in words: ``0, 2 to 5 and 9``."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return listed(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
