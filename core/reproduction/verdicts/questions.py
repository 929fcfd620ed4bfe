"""What was found on questions beyond the paper: what is free, which languages profit, what else does better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from core.language.codes import english_name
from core.reproduction.tables import Tables, at_plan_layer
from core.reproduction.verdicts.verdict import Verdict
from core.spaces.rivals import RAW
from core.spaces.similarity import CENTRED, COMPARISONS, COSINE
from core.stats import paired
from core.stats.intervals import Interval
from core.stats.significance import LEVEL


def _perplexity(tables: Tables) -> Verdict | None:
    frame = tables["choice_of_k"]
    part = frame[frame["measure"] == "perplexity"]
    if part.empty:
        return None
    listed = []
    for target, rows in part.groupby("target", sort=False):
        by_k = rows.set_index("k")["value"]
        listed.append(
            f"{english_name(str(target))} " + ", ".join(f"{value:,.0f} at {k:,}" for k, value in by_k.items())
        )
    return Verdict(
        "choice_of_k",
        "What k costs the model in its own language: perplexity on target-language sentences (k = 0: unmodified).",
        "",
        "; ".join(listed) + ".",
    )


def _rivals(tables: Tables) -> Verdict:
    rows = tables["rivals"]
    rows = rows[rows["corpus"] == "multi-parallel"]
    parts, beaten, lost = [], 0, 0
    for target, part in rows.groupby("target", sort=False):
        intervention = part[part["difference"].isna()].iloc[0]
        free = _contenders(part, int(intervention["layer"]))
        nothing = free[free["applied"] == "nothing"]
        best, in_class = (some.iloc[int(some["top1_target"].to_numpy().argmax())] for some in (free, nothing))
        beaten += bool(best["difference_low"] > 0 and best["p"] < LEVEL)
        lost += bool(best["difference_high"] < 0 and best["p"] < LEVEL)
        needs_nothing = ", which needs nothing to be known of a sentence"
        if best["applied"] != "nothing":
            needs_nothing = (
                f", and {_rival(in_class)}, the best of the {len(nothing)} that need nothing to be known of it"
            )
        parts.append(
            f"{english_name(str(target))} {intervention['top1_target']:.3f}, against {_rival(best)}, the best of "
            f"{len(free)} on these rows{needs_nothing}"
        )
    return Verdict(
        "rivals",
        "Does the intervention beat maps that are fitted on the probe sentences without translations?",
        "",
        f"It beats the best of them significantly for {beaten} of {len(parts)} targets, and falls short of it for "
        f"{lost}. Top-1 with the target as the query: {'; '.join(parts)}.",
    )


def _contenders(part: pd.DataFrame, layer: int) -> pd.DataFrame:
    """Each free rival's row at the layer that was chosen on the probe rows, else at the plan's."""
    free = part[(part["space"] == "pre") & ~part["supervised"] & (part["chosen"] | (part["layer"] == layer))]
    free = free.sort_values("chosen", ascending=False, kind="stable").drop_duplicates("name")
    selected: pd.DataFrame = free[~((free["name"] == RAW.name) & (free["layer"] == layer))]  # where it starts from
    return selected


def _rival(row: pd.Series) -> str:
    """A rival with its figures: ``.947 by whitening at layer 11 (+.360, 95% +.330 to +.390)``."""
    change = f"{-row['difference']:+.3f}, 95% {-row['difference_high']:+.3f} to {-row['difference_low']:+.3f}"
    return f"{row['top1_target']:.3f} by {row['name']} at layer {int(row['layer'])} ({change})"


def _free(tables: Tables) -> Verdict:
    gains = tables["gains"]
    gains = gains[(gains["view"] == "target as query") & (gains["control"] == "none")]
    parts, above, below = [], 0, 0
    for target, part in gains.groupby("target", sort=False):
        plain = part.iloc[0]  # see `core.reproduction.measures.ways`
        signs = [_lead(row) for row in part.iloc[1:].to_dict("records")]
        above, below = above + (set(signs) == {1}), below + (-1 in signs)
        listed = ", ".join(
            f"{_way(row, plain['layer'])} {row['pre']:.3f} -> {row['post']:.3f}" for row in part.to_dict("records")
        )
        parts.append(f"{english_name(str(target))}: {listed}")
    nouns = ", ".join(by.noun for by in COMPARISONS.values() if by is not COSINE)
    # the unmodified model's best layer may be the plan's, which is no other one
    elsewhere = sum(part["layer"].nunique() > 1 for _, part in gains.groupby("target", sort=False))
    of = f" (for {elsewhere} of {len(parts)} targets)" if elsewhere < len(parts) else ""
    other = f", and another layer of the unmodified model, the best on these rows{of}" if elsewhere else ""
    return Verdict(
        "retrieval",
        "Does the intervention beat mean-centring, CSLS and other layers?",
        "",
        f"Without an intervention: {nouns}{other}. The "
        f"intervention is significantly above all of these for {above} of {len(parts)} targets, and below one of them "
        f"for {below} (paired, Holm). Whitening and other maps fitted on probe sentences are not among these. "
        f"{'; '.join(parts)}.",
    )


def _lead(row: Mapping[Any, Any]) -> int:
    """Whether what leads in a row is above (1) or below (-1) what it is compared with; 0 where unsure."""
    return paired.sign(Interval(row["lead"], row["lead_low"], row["lead_high"], int(row["n"])), row["lead_p"])


def _way(row: Mapping[Any, Any], layer: int) -> str:
    """Name how a row's sentences are compared: by its way of comparing at the plan's ``layer``, else by the layer."""
    return COMPARISONS[row["metric"]].title if row["layer"] == layer else f"layer {row['layer']}"


def _added(tables: Tables) -> Verdict:
    gains = tables["gains"]
    gains = gains[(gains["view"] == "target as query") & (gains["control"] == "none")]
    gains = gains[gains["metric"] == CENTRED.name]
    rose, fell = gains[gains["gain_low"] > 0], gains[gains["gain_high"] < 0]

    def names(part: pd.DataFrame) -> str:
        return (
            ", ".join(f"{english_name(r['target'])} ({r['gain']:+.3f})" for r in part.to_dict("records")) or "no target"
        )

    return Verdict(
        "retrieval",
        "Does the intervention add to mean-centring?",
        "",
        f"Centred top-1, target as the query, rises significantly for {names(rose)} and falls for {names(fell)}.",
    )


def _similarity(tables: Tables) -> Verdict | None:
    frame = at_plan_layer(tables["similarity"])
    frame = frame[frame["similarity"].notna()]
    if frame.empty:
        return None
    means = frame.groupby("similarity")["gain"].agg(["mean", "size"])
    listed = ", ".join(
        f"{int(float(str(s)))}: {row['mean']:+.3f} (n = {int(row['size'])})" for s, row in means.iterrows()
    )
    top = frame.iloc[int(frame["gain"].to_numpy().argmax())]
    return Verdict(
        "similarity",
        "Which languages profit?",
        "",
        f"Mean gain by similarity to the target (a point each for the same script, family and branch): {listed}. Most: "
        f"{english_name(top['candidate'])} from {english_name(top['target'])} ({top['gain']:+.3f}). "
        f"{_by_syntax(tables)}",
    )


def _by_syntax(tables: Tables) -> str:
    by_target = at_plan_layer(tables["similarity_correlations"])
    by_target = by_target[(by_target["y"] == "gain") & (by_target["x"] == "syntax") & by_target["r"].notna()]
    if by_target.empty:
        return "Similarity of syntax is not known here (lang2vec is not installed)."
    listed = ", ".join(
        f"{english_name(row['target'])} {row['r']:+.2f} (95% {row['low']:+.2f} to {row['high']:+.2f})"
        for row in by_target.to_dict("records")
    )
    return f"Correlation of the gain with similarity of syntax: {listed}."


def _transfer(tables: Tables) -> Verdict:
    rows = tables["transfer_lessons"]
    claim = "Does the intervention help a task in other languages?"
    if "gain" not in rows:  # kept from a report of an earlier version
        return Verdict("transfer", claim, "", " ".join(rows["sentence"]))
    rose, fell = int((rows["gain_low"] > 0).sum()), int((rows["gain_high"] < 0).sum())
    text = (
        f"Mean accuracy in the languages that a classifier was not trained on rises significantly for {rose} of "
        f"{len(rows)} pairs of target and training language, and falls for {fell}."
    )
    free = rows[rows["free"].notna()] if "free" in rows else rows.iloc[:0]
    if len(free):
        signs = [_lead(row) for row in free.to_dict("records")]
        text += (
            " The best free map of the unmodified model on these rows, of those that need no more than the "
            f"intervention, is significantly above it for {signs.count(1)} of {len(signs)}, and below it for "
            f"{signs.count(-1)}."
        )
    return Verdict("transfer", claim, "", f"{text} {'; '.join(_task(row) for row in rows.to_dict('records'))}.")


def _task(row: Mapping[Any, Any]) -> str:
    """One target and training language, with the best that is free."""
    free = f", free {row['accuracy']:.3f} by {row['free']}" if isinstance(row.get("free"), str) else ""
    return (
        f"{english_name(row['target'])}, trained on {english_name(row['train'])}: {row['before']:.3f} -> "
        f"{row['after']:.3f} ({row['gain']:+.3f}, 95% {row['gain_low']:+.3f} to {row['gain_high']:+.3f}){free}"
    )


def _methods(tables: Tables) -> Verdict:
    frame = tables["methods"]
    changed = frame[frame["control"] == "none"]
    best = changed.iloc[int(changed["top1"].to_numpy().argmax())]
    centred = changed.iloc[int(changed["centred"].to_numpy().argmax())]
    paper = changed[(changed["method"] == "set-mean") & (changed["score"] == "auroc")].iloc[0]
    return Verdict(
        "methods",
        "Do other methods or scores do better?",
        "",
        f"{english_name(paper['target'])}: set-mean on AUROC experts gives {paper['top1']:.3f} (centred: "
        f"{paper['centred']:.3f}). "
        f"Best: {best['method']} on {best['score']} experts, {best['top1']:.3f}; best when centred: "
        f"{centred['method']} on {centred['score']} experts, {centred['centred']:.3f}.",
    )


QUESTIONS: tuple[tuple[tuple[str, ...], Callable[[Tables], Verdict | None]], ...] = (
    (("choice_of_k",), _perplexity),
    (("rivals",), _rivals),
    (("gains",), _free),
    (("gains",), _added),
    (("similarity", "similarity_correlations"), _similarity),
    (("transfer_lessons",), _transfer),
    (("methods",), _methods),
)
"""The questions: the tables that each needs, and what answers it by them."""
