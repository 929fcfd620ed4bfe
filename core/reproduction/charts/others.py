"""Charts of the experts, pairs with English, the choice of k, paraphrases and methods."""

from __future__ import annotations

import math
from collections.abc import Callable

import altair as alt

from core.reproduction.charts.base import FREE, INK, PALETTE, POST, Figure, Tables, named, space_bars
from core.reproduction.comparison import here


def experts(tables: Tables) -> list[Figure]:
    """Where the experts are, and what they share."""
    frame = tables["experts"]
    frame = frame.assign(language=named(frame["target"]))
    sites = frame[frame["measure"] == "experts at site"].assign(share=lambda f: f["value"] / f["n"])
    layers = (
        alt.Chart(sites)
        .mark_line(point=True)
        .encode(
            x=alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("share:Q", title="share of the site's neurons", axis=alt.Axis(format="%")),
            color=alt.Color("site:N", title=None, scale=alt.Scale(range=list(PALETTE))),
        )
        .properties(width=210, height=150)
        .facet(facet=alt.Facet("language:N", title=None, sort=list(dict.fromkeys(frame["language"]))), columns=3)
        .resolve_axis(x="independent")
    )
    shared = frame[frame["measure"] == "shared"].assign(
        share=lambda f: f["value"] / f["k"], other_language=lambda f: named(f["other"])
    )
    base = alt.Chart(shared).encode(
        x=alt.X("other_language:N", title=None, sort=None, axis=alt.Axis(labelAngle=-30)),
        y=alt.Y("language:N", title=None, sort=None),
    )
    scale = alt.Scale(scheme="blues", domain=[0, 1])
    overlap = base.mark_rect().encode(
        color=alt.Color("share:Q", title="shared", scale=scale)
    ) + base.mark_text().encode(
        text=alt.Text("value:Q", format=",.0f"),
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value(INK)),
    )
    return [
        Figure(
            "experts_layers", layers, "Where the experts are: the share of each site's neurons that are among them."
        ),
        Figure(
            "experts_overlap", overlap.properties(width=320, height=240), "Neurons that two languages' experts share."
        ),
    ]


def with_english(name: str, title: str) -> Callable[[Tables], list[Figure]]:
    """Bars in both directions, for one corpus of pairs."""

    def draw(tables: Tables) -> list[Figure]:
        frame = here(tables[name])
        arrow = named(frame["query"]) + " → " + named(frame["candidate"])
        return [
            Figure(
                name, space_bars(frame.assign(label=arrow), "top-1"), f"{title}, both directions; Wilson 95% intervals."
            )
        ]

    return draw


def choice_of_k(tables: Tables) -> list[Figure]:
    """Text and perplexity against k."""
    frame = tables["choice_of_k"].assign(language=lambda f: named(f["target"]))
    made = []
    for measure, title, scale in (
        ("probability", "probability of the target language", alt.Scale(domain=[0, 1])),
        ("perplexity", "perplexity", alt.Scale(type="log")),
    ):
        part = frame[(frame["measure"] == measure) & frame[["value", "low", "high"]].map(math.isfinite).all(axis=1)]
        if part.empty:
            continue
        base = alt.Chart(part).encode(
            x=alt.X("k:O", title="experts (0: unmodified)", axis=alt.Axis(labelAngle=0)),
            color=alt.Color("language:N", title=None, scale=alt.Scale(range=list(PALETTE))),
        )
        line = base.mark_line(point=True).encode(y=alt.Y("value:Q", title=title, scale=scale))
        band = base.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q")
        n = int(part["n"].max())
        made.append(
            Figure(
                f"choice_of_k_{measure}",
                (line + band).properties(width=480, height=240),
                f"{title.capitalize()} against the number of experts; n = {n} texts, 95% bootstrap intervals.",
            )
        )
    return made


def paraphrase(tables: Tables) -> list[Figure]:
    """Bars by language, by raw cosine."""
    frame = here(tables["paraphrase"]).assign(
        language=lambda f: named(f["target"]),
        neurons=lambda f: f["control"].map({"none": "experts", "random": "random"}),
    )
    order = ["pre", "post", "mixed"]
    base = alt.Chart().encode(x=alt.X("comparison:N", title=None, sort=order, axis=alt.Axis(labelAngle=0)))
    bars = base.mark_bar().encode(
        y=alt.Y("top1:Q", title="top-1", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("neurons:N", title=None, scale=alt.Scale(domain=["experts", "random"], range=[POST, FREE])),
        xOffset="neurons:N",
    )
    lines = base.mark_rule(color=INK).encode(y="low:Q", y2="high:Q", xOffset="neurons:N")
    chart = (
        alt.layer(bars, lines, data=frame)
        .properties(width=170, height=170)
        .facet(facet=alt.Facet("language:N", title=None, sort=list(dict.fromkeys(frame["language"]))), columns=3)
        .resolve_axis(x="independent")
    )
    return [
        Figure(
            "paraphrase",
            chart,
            "Paraphrase retrieval by raw cosine before, after, and from before to after. Wilson intervals.",
        )
    ]


def methods(tables: Tables) -> list[Figure]:
    """Bars by method."""
    frame = tables["methods"]
    words = {"none": "", "random": ", random neurons", "unmodified": ""}
    label = frame["method"] + ", " + frame["score"] + frame["control"].map(words)
    frame = frame.assign(label=label.where(frame["control"] != "unmodified", "unmodified"))
    base = alt.Chart(frame).encode(y=alt.Y("label:N", title=None, sort="-x", axis=alt.Axis(labelLimit=260)))
    scale = alt.Scale(domain=[0, 1])
    bars = base.mark_bar(color=POST).encode(
        x=alt.X("top1:Q", title="mean top-1", axis=alt.Axis(format="%"), scale=scale)
    )
    lines = base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q")
    ticks = base.mark_tick(color=FREE, thickness=3, size=16).encode(x="centred:Q")
    chart = (bars + lines + ticks).properties(width=460, height=24 * len(frame) + 20)
    name, n = named(frame["target"]).iloc[0], int(frame["n"].iloc[0])
    said = (
        f"Methods and scores on one target, {name}, n = {n:,} sentences. Bars: raw cosine with 95% bootstrap intervals"
    )
    return [Figure("methods", chart, f"{said}; orange: mean-centred.")]
