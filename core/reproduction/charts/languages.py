"""Charts of retrieval, distances, maps, correlations and the random control."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd

from core.language.codes import describe
from core.reproduction.charts.base import (
    FREE,
    GREY,
    INK,
    PALETTE,
    POST,
    PRE,
    SPACES,
    WORDS,
    Figure,
    Tables,
    named,
    space_bars,
)
from core.reproduction.comparison import here
from core.spaces.similarity import COMPARISONS

_CROSS = "M-1,-1L1,1M-1,1L1,-1"
_WITH_RANDOM = alt.Scale(domain=["before", "after", "random"], range=[PRE, POST, FREE])


_FREE_CAPTION = (
    "Mean top-1 with the target as the query, by how sentences are compared; best layer: by cosine, at the layer where "
    "the unmodified model is best. 95% bootstrap intervals over sentences."
)


def retrieval(tables: Tables) -> list[Figure]:
    """Bars and matrix of change a target, and what is free."""
    rows = here(tables["retrieval"])
    rows = rows[rows["control"] == "none"]
    made = []
    for target, of_target in rows.groupby("target", sort=False):
        name = describe(str(target)).english
        bars = of_target[of_target["query"] == target]
        made.append(
            Figure(
                f"retrieval_{target}",
                space_bars(bars.assign(label=named(bars["candidate"])), "top-1"),
                f"Top-1, {name} as the query, by candidate language; Wilson 95% intervals, n = {bars['n'].iloc[0]:,}.",
            )
        )
        wide = of_target.pivot_table(index=["query", "candidate"], columns="space", values="top1", sort=False)
        change = (wide["post"] - wide["pre"]).rename("change").reset_index()
        made.append(
            Figure(f"change_{target}", _matrix(change), f"Change of top-1 for every ordered pair; target {name}.")
        )
    made.append(Figure("free", _free(tables["gains"]), _FREE_CAPTION))
    return made


def _matrix(change: pd.DataFrame) -> Any:
    order = [describe(code).english for code in dict.fromkeys(change["query"])]
    most = max(0.05, float(change["change"].abs().max()))
    shown = change.assign(query=named(change["query"]), candidate=named(change["candidate"]))
    return (
        alt.Chart(shown)
        .mark_rect()
        .encode(
            x=alt.X("candidate:N", sort=order, title="found in", axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("query:N", sort=order, title="query"),
            color=alt.Color(
                "change:Q",
                title="change",
                legend=alt.Legend(format="+.0%"),
                scale=alt.Scale(scheme="purplegreen", domain=[-most, most], domainMid=0),
            ),
        )
        .properties(width=22 * len(order) + 40, height=22 * len(order) + 40)
    )


def _free(gains: pd.DataFrame) -> Any:
    part = gains[(gains["view"] == "target as query") & (gains["control"] == "none")]
    last = part["layer"].iloc[0]
    way = [
        COMPARISONS[metric].title if layer == last else "best layer"
        for metric, layer in zip(part["metric"], part["layer"], strict=True)
    ]
    part = part.assign(way=way, language=named(part["target"]))
    long = pd.concat(
        [
            part[["language", "way"]].assign(
                space=WORDS[s], value=part[s], low=part[f"{s}_low"], high=part[f"{s}_high"]
            )
            for s in ("pre", "post")
        ]
    )
    order = [*(by.title for by in COMPARISONS.values()), "best layer"]
    base = alt.Chart().encode(
        x=alt.X("way:N", title=None, sort=order, axis=alt.Axis(labelAngle=-30)),
        xOffset=alt.XOffset("space:N", sort=["before", "after"]),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", title="mean top-1", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("space:N", title=None, scale=SPACES),
    )
    lines = base.mark_rule(color=INK).encode(y="low:Q", y2="high:Q")
    return (
        alt.layer(bars, lines, data=long)
        .properties(width=170, height=170)
        .facet(facet=alt.Facet("language:N", title=None, sort=list(dict.fromkeys(part["language"]))), columns=3)
        .resolve_axis(x="independent")
    )


def distances(tables: Tables) -> list[Figure]:
    """Distances, mean over targets."""
    frame = here(tables["distances"])
    mean = frame[(frame["target"] == "mean") & (frame["control"] == "none")].assign(
        space=lambda f: f["space"].map(WORDS),
        low=lambda f: f["value"] - f["standard_error"],
        high=lambda f: f["value"] + f["standard_error"],
    )
    order = list(dict.fromkeys(mean["distance"]))
    base = alt.Chart(mean).encode(
        x=alt.X("distance:N", sort=order, title=None, axis=alt.Axis(labelAngle=-20)),
        xOffset=alt.XOffset("space:N", sort=["before", "after"]),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", title="cosine distance"),
        color=alt.Color("space:N", title=None, scale=SPACES),
    )
    lines = base.mark_rule(color=INK).encode(y="low:Q", y2="high:Q")
    chart = (bars + lines).properties(width=420, height=220)
    return [
        Figure("distances", chart, "Cosine distances, mean over targets; lines are one standard error over targets.")
    ]


def projection(tables: Tables) -> list[Figure]:
    """A map a target."""
    made = []
    for target, frame in tables["projection"].groupby("target", sort=False):
        codes = list(dict.fromkeys(frame["language"]))
        colours = alt.Scale(
            domain=[describe(code).english for code in codes],
            range=[PALETTE[number % len(PALETTE)] for number in range(len(codes))],
        )
        shown = frame[["space", "language", "x", "y"]].assign(
            language=named(frame["language"]),
            space=frame["space"].map(WORDS),
            x=frame["x"].round(3),
            y=frame["y"].round(3),
        )
        chart = (
            alt.Chart(shown)
            .mark_point(size=9, opacity=0.55, strokeWidth=1)
            .encode(
                x=alt.X("x:Q", axis=None),
                y=alt.Y("y:Q", axis=None, scale=alt.Scale(zero=False)),
                color=alt.Color("language:N", title=None, scale=colours),
                shape=alt.Shape(
                    "space:N", title=None, scale=alt.Scale(domain=["before", "after"], range=["circle", _CROSS])
                ),
            )
            .properties(width=620, height=520)
        )
        name = describe(str(target)).english
        made.append(Figure(f"projection_{target}", chart, f"Joint UMAP of both spaces; target {name}.", bitmap=True))
    return made


def correlations(tables: Tables) -> list[Figure]:
    """Three scatter plots."""
    points, found = here(tables["correlation_points"]), here(tables["correlations"])
    charts = []
    for y, space, across, up, titles in (
        ("accuracy", "pre", "distance_pre", "top1_pre", ("distance, before", "top-1, before")),
        ("accuracy", "post", "distance_post", "top1_post", ("distance, after", "top-1, after")),
        ("gain", "change", "change_of_distance", "gain", ("change of distance", "gain")),
    ):
        shown = points.assign(
            gain=points["top1_post"] - points["top1_pre"],
            change_of_distance=points["distance_post"] - points["distance_pre"],
        ).merge(found[(found["y"] == y) & (found["space"] == space)][["target", "r", "significant"]], on="target")
        label = [
            f"{name}, r = {r:.2f}" if math.isfinite(r) else f"{name}, no r"
            for name, r in zip(named(shown["target"]), shown["r"], strict=True)
        ]
        shown = shown.assign(label=label)
        grey = dict(zip(shown["label"], shown["significant"], strict=True))
        scale = alt.Scale(
            domain=list(grey),
            range=[PALETTE[n % len(PALETTE)] if sure else GREY for n, sure in enumerate(grey.values())],
        )
        base = alt.Chart(shown).encode(
            x=alt.X(f"{across}:Q", title=titles[0], scale=alt.Scale(zero=False)),
            y=alt.Y(f"{up}:Q", title=titles[1], scale=alt.Scale(zero=False, domain=_span(shown[up]))),
            color=alt.Color("label:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=1)),
        )
        line = base.transform_regression(across, up, groupby=["label"]).mark_line(strokeWidth=1.5, clip=True)
        charts.append((base.mark_circle(size=36, opacity=0.8) + line).properties(width=260, height=230))
    chart = alt.hconcat(*charts).resolve_scale(color="independent")
    return [Figure("correlations", chart, "Over candidate languages, by target. Grey: not significant (Holm, .05).")]


def _span(values: pd.Series) -> list[float]:
    """The values' range with a little room: a fitted line must not widen the axis to where nothing can be."""
    low, high = float(values.min()), float(values.max())
    room = 0.05 * max(high - low, 0.1)
    return [low - room, high + room]


def similarity(tables: Tables) -> list[Figure]:
    """Gain by similarity."""
    frame = here(tables["similarity"])
    frame = frame[frame["similarity"].notna()].assign(language=lambda f: named(f["target"]))
    if frame.empty:
        return []
    base = alt.Chart(frame).encode(
        x=alt.X("similarity:O", title="similarity to the target: script, family, branch", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("gain:Q", title="gain in top-1", axis=alt.Axis(format="+.0%")),
    )
    dots = base.mark_circle(size=42, opacity=0.7).encode(
        xOffset=alt.XOffset("language:N"), color=alt.Color("language:N", title="target", scale=alt.Scale(range=PALETTE))
    )
    mean = base.mark_tick(color=INK, thickness=2, size=60).encode(y="mean(gain):Q")
    chart = (dots + mean).properties(width=440, height=240)
    made = [Figure("similarity", chart, "Gain by similarity of the candidate to the target; bars are means.")]
    if "syntax" in frame and frame["syntax"].notna().any():
        points = base.mark_circle(size=42, opacity=0.7).encode(
            x=alt.X("syntax:Q", title="cosine similarity of syntactic features", scale=alt.Scale(zero=False)),
            color=alt.Color("language:N", title="target", scale=alt.Scale(range=PALETTE)),
        )
        said = "Gain by similarity of the candidate's syntax to the target's (URIEL, through lang2vec)."
        made.append(Figure("similarity_syntax", points.properties(width=440, height=240), said))
    return made


def control(tables: Tables) -> list[Figure]:
    """Experts beside random neurons."""
    gains = here(tables["gains"])
    gains = gains[gains["view"] == "target as query"]
    pre = gains[gains["control"] == "none"].assign(space="before", value=lambda f: f["pre"])
    shown = pd.concat(
        [
            pre.assign(low=pre["pre_low"], high=pre["pre_high"]),
            *(
                part.assign(space=word, value=part["post"], low=part["post_low"], high=part["post_high"])
                for control, word in (("none", "after"), ("random", "random"))
                for part in [gains[gains["control"] == control]]
            ),
        ]
    ).assign(language=lambda f: named(f["target"]))
    base = alt.Chart(shown).encode(
        x=alt.X("language:N", title=None, sort=None, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("space:N", sort=["before", "after", "random"]),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", title="mean top-1", axis=alt.Axis(format="%")),
        color=alt.Color("space:N", title=None, scale=_WITH_RANDOM),
    )
    lines = base.mark_rule(color=INK).encode(y="low:Q", y2="high:Q")
    chart = (bars + lines).properties(width=480, height=220)
    return [Figure("control", chart, "Experts and random neurons; target as the query. 95% bootstrap intervals.")]
