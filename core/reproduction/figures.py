"""The report's figures: from its tables to charts, and from charts to files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from core.languages import describe

Tables = Mapping[str, pd.DataFrame]
PRE, POST, FREE, GREY, INK = "#98a2b3", "#4c6ef5", "#f08c00", "#c3c8d1", "#343a40"
PALETTE = (
    "#4477aa", "#ee6677", "#228833", "#e0a800", "#66ccee", "#aa3377", "#ee7733", "#009988",
    "#8866dd", "#99aa22", "#cc6699", "#7a8794", "#b15928", "#33bbaa", "#dd4444", "#5566ee",
    "#77bb55", "#c58cff", "#b0893b", "#3f9fd6", "#e58fb1", "#6b6fa8",
)  # fmt: skip
_SPACES = alt.Scale(domain=["before", "after", "random"], range=[PRE, POST, FREE])
_WORDS = {"pre": "before", "post": "after", "mixed": "mixed"}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        Of its files.
    chart : object
        An Altair chart.
    caption : str
        What it shows.
    bitmap : bool
        Whether the report holds it as PNG: a map of thousands of points.
    """

    name: str
    chart: Any
    caption: str
    bitmap: bool = False


def figures(item: str, tables: Tables) -> list[Figure]:
    """The figures of an item, from its tables."""
    return _FIGURES[item](tables) if item in _FIGURES else []


def svg(figure: Figure) -> bytes:
    """As SVG on white."""
    return str(vl_convert.vegalite_to_svg(_spec(figure), show_warnings=False)).encode()


def png(figure: Figure) -> bytes:
    """As PNG on white, at twice its size."""
    return bytes(vl_convert.vegalite_to_png(_spec(figure), scale=2.0, show_warnings=False))


def _spec(figure: Figure) -> dict[str, Any]:
    spec: dict[str, Any] = figure.chart.to_dict()
    spec["background"] = "white"
    spec["config"] = {"font": "sans-serif", "view": {"stroke": None}, "axis": {"gridColor": "#e9ecef"}}
    return spec


def named(codes: pd.Series) -> pd.Series:
    """English names of languages."""
    return codes.map({code: describe(code).english for code in codes.unique()})


def _here(frame: pd.DataFrame, metric: str = "cosine") -> pd.DataFrame:
    """One metric at the plan's layer."""
    last = frame.loc[frame["metric"] == "centred", "layer"].iloc[0]
    return frame[(frame["metric"] == metric) & (frame["layer"] == last)]


def _experts(tables: Tables) -> list[Figure]:
    frame = tables["experts"]
    frame = frame.assign(language=named(frame["target"]))
    sites = frame[frame["measure"] == "experts at site"].assign(share=lambda f: f["value"] / f["n"])
    layers = (
        alt.Chart(sites)
        .mark_line(point=True)
        .encode(
            x=alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("share:Q", title="share of the site's neurons", axis=alt.Axis(format="%")),
            color=alt.Color("site:N", title=None, scale=alt.Scale(range=list(PALETTE))),
        )
        .properties(width=210, height=150)
        .facet(facet=alt.Facet("language:N", title=None), columns=3)
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


def _retrieval(tables: Tables) -> list[Figure]:
    rows = _here(tables["retrieval"])
    rows = rows[rows["control"] == "none"]
    made = []
    for target, of_target in rows.groupby("target", sort=False):
        name = describe(str(target)).english
        bars = of_target[of_target["query"] == target]
        made.append(
            Figure(
                f"retrieval_{target}",
                space_bars(bars.assign(label=named(bars["candidate"])), "top-1"),
                f"Top-1 with {name} as the query, by candidate language; Wilson 95% intervals, n = {bars['n'].iloc[0]:,}.",
            )
        )
        wide = of_target.pivot_table(index=["query", "candidate"], columns="space", values="top1", sort=False)
        change = (wide["post"] - wide["pre"]).rename("change").reset_index()
        made.append(
            Figure(f"change_{target}", _matrix(change), f"Change of top-1 for every ordered pair; target {name}.")
        )
    made.append(Figure("free", _free(tables["gains"]), _FREE_CAPTION))
    return made


_FREE_CAPTION = (
    "Mean top-1 with the target as the query, by how sentences are compared: raw cosine, mean-centred, CSLS, and the "
    "layer at which the unmodified model is best. 95% bootstrap intervals over sentences."
)


def space_bars(frame: pd.DataFrame, title: str, form: str = "%") -> Any:
    """Bars before and after by label: a frame with ``label, space, top1, low, high``."""
    frame = frame.assign(space=frame["space"].map(_WORDS))
    base = alt.Chart(frame).encode(
        y=alt.Y("label:N", title=None, sort=alt.EncodingSortField("top1", op="max", order="descending")),
        yOffset=alt.YOffset("space:N", sort=["before", "after"]),
    )
    bars = base.mark_bar().encode(
        x=alt.X("top1:Q", title=title, axis=alt.Axis(format=form), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("space:N", title=None, scale=alt.Scale(domain=["before", "after"], range=[PRE, POST])),
    )
    lines = base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q")
    return (bars + lines).properties(width=520, height=26 * frame["label"].nunique() + 20)


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
    last = gains.loc[gains["metric"] == "centred", "layer"].iloc[0]
    part = gains[(gains["view"] == "target as query") & (gains["control"] == "none")]
    labels = {"cosine": "raw", "centred": "centred", "csls": "CSLS"}
    way = [
        labels[metric] if layer == last else "best layer"
        for metric, layer in zip(part["metric"], part["layer"], strict=True)
    ]
    part = part.assign(way=way, language=named(part["target"]))
    long = pd.concat(
        [
            part[["language", "way"]].assign(
                space=_WORDS[s], value=part[s], low=part[f"{s}_low"], high=part[f"{s}_high"]
            )
            for s in ("pre", "post")
        ]
    )
    order = ["raw", "centred", "CSLS", "best layer"]
    base = alt.Chart().encode(
        x=alt.X("way:N", title=None, sort=order, axis=alt.Axis(labelAngle=-30)),
        xOffset=alt.XOffset("space:N", sort=["before", "after"]),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("value:Q", title="mean top-1", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("space:N", title=None, scale=alt.Scale(domain=["before", "after"], range=[PRE, POST])),
    )
    lines = base.mark_rule(color=INK).encode(y="low:Q", y2="high:Q")
    return (
        alt.layer(bars, lines, data=long)
        .properties(width=170, height=170)
        .facet(facet=alt.Facet("language:N", title=None, sort=list(dict.fromkeys(part["language"]))), columns=3)
    )


def _distances(tables: Tables) -> list[Figure]:
    frame = tables["distances"]
    mean = frame[(frame["target"] == "mean") & (frame["control"] == "none")].assign(
        space=lambda f: f["space"].map(_WORDS),
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
        color=alt.Color("space:N", title=None, scale=alt.Scale(domain=["before", "after"], range=[PRE, POST])),
    )
    lines = base.mark_rule(color=INK).encode(y="low:Q", y2="high:Q")
    chart = (bars + lines).properties(width=420, height=220)
    return [
        Figure("distances", chart, "Cosine distances, mean over targets; lines are one standard error over targets.")
    ]


def _projection(tables: Tables) -> list[Figure]:
    made = []
    for target, frame in tables["projection"].groupby("target", sort=False):
        codes = list(dict.fromkeys(frame["language"]))
        colours = alt.Scale(
            domain=[describe(code).english for code in codes],
            range=[PALETTE[number % len(PALETTE)] for number in range(len(codes))],
        )
        shown = frame[["space", "language", "x", "y"]].assign(
            language=named(frame["language"]),
            space=frame["space"].map(_WORDS),
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
                    "space:N", title=None, scale=alt.Scale(domain=["before", "after"], range=["circle", "cross"])
                ),
            )
            .properties(width=620, height=520)
        )
        name = describe(str(target)).english
        made.append(Figure(f"projection_{target}", chart, f"Joint UMAP of both spaces; target {name}.", bitmap=True))
    return made


def _correlations(tables: Tables) -> list[Figure]:
    points, found = tables["correlation_points"], tables["correlations"]
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
            y=alt.Y(f"{up}:Q", title=titles[1], scale=alt.Scale(zero=False)),
            color=alt.Color("label:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=1)),
        )
        line = base.transform_regression(across, up, groupby=["label"]).mark_line(strokeWidth=1.5)
        charts.append((base.mark_circle(size=36, opacity=0.8) + line).properties(width=260, height=230))
    chart = alt.hconcat(*charts).resolve_scale(color="independent")
    return [Figure("correlations", chart, "Over candidate languages, by target. Grey: not significant (Holm, .05).")]


def _similarity(tables: Tables) -> list[Figure]:
    frame = _here(tables["similarity"])
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
    return [Figure("similarity", chart, "Gain by similarity of the candidate to the target; bars are means.")]


def _control(tables: Tables) -> list[Figure]:
    gains = _here(tables["gains"])
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
        color=alt.Color("space:N", title=None, scale=_SPACES),
    )
    lines = base.mark_rule(color=INK).encode(y="low:Q", y2="high:Q")
    chart = (bars + lines).properties(width=480, height=220)
    return [Figure("control", chart, "Experts and random neurons; target as the query. 95% bootstrap intervals.")]


def _with_english(name: str, title: str) -> Callable[[Tables], list[Figure]]:
    def draw(tables: Tables) -> list[Figure]:
        frame = _here(tables[name])
        arrow = named(frame["query"]) + " → " + named(frame["candidate"])
        return [
            Figure(
                name, space_bars(frame.assign(label=arrow), "top-1"), f"{title}, both directions; Wilson 95% intervals."
            )
        ]

    return draw


def _choice_of_k(tables: Tables) -> list[Figure]:
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


def _paraphrase(tables: Tables) -> list[Figure]:
    frame = tables["paraphrase"].assign(
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
        .facet(facet=alt.Facet("language:N", title=None), columns=3)
    )
    return [
        Figure("paraphrase", chart, "Paraphrase retrieval before, after, and from before to after. Wilson intervals.")
    ]


def _methods(tables: Tables) -> list[Figure]:
    frame = tables["methods"].assign(label=lambda f: f["method"] + ", " + f["score"])
    base = alt.Chart(frame).encode(y=alt.Y("label:N", title=None, sort="-x", axis=alt.Axis(labelLimit=260)))
    scale = alt.Scale(domain=[0, 1])
    bars = base.mark_bar(color=POST).encode(
        x=alt.X("top1:Q", title="mean top-1", axis=alt.Axis(format="%"), scale=scale)
    )
    lines = base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q")
    ticks = base.mark_tick(color=FREE, thickness=3, size=16).encode(x="centred:Q")
    chart = (bars + lines + ticks).properties(width=460, height=24 * len(frame) + 20)
    return [Figure("methods", chart, "Methods and scores on one target. Bars: raw cosine; orange: mean-centred.")]


_FIGURES: Mapping[str, Callable[[Tables], list[Figure]]] = {
    "experts": _experts,
    "retrieval": _retrieval,
    "distances": _distances,
    "projection": _projection,
    "correlations": _correlations,
    "similarity": _similarity,
    "control": _control,
    "tatoeba": _with_english("tatoeba", "Tatoeba"),
    "bucc": _with_english("bucc", "BUCC"),
    "choice_of_k": _choice_of_k,
    "paraphrase": _paraphrase,
    "methods": _methods,
}
