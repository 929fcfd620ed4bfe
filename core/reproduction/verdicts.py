"""Verdicts on the paper's claims: whether each held, in sentences with the figures behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.language.codes import describe
from core.reproduction.tables import Tables, at_plan_layer, gains_by_candidate, mean_distances, top1_from_language
from core.spaces.rivals import RAW
from core.spaces.similarity import CENTRED, COMPARISONS, COSINE
from core.stats import paired
from core.stats.intervals import Interval
from core.stats.significance import holm

HELD, PARTLY, NOT = "held", "held in part", "did not hold"


@dataclass(frozen=True)
class Verdict:
    """One claim.

    Attributes
    ----------
    item : str
        The item whose tables it rests on.
    claim : str
        The published claim; for items beyond the paper, a question.
    state : str
        ``held``, ``held in part`` or ``did not hold``; empty beyond the paper.
    text : str
        What was measured.
    """

    item: str
    claim: str
    state: str
    text: str


def verdicts(tables: Tables) -> list[Verdict]:
    """List every verdict whose tables have been made."""
    return [
        verdict
        for needed, judge in _VERDICTS
        if all(name in tables for name in needed) and (verdict := judge(tables)) is not None
    ]


def graded(passed: int, of: int) -> str:
    """Grade a claim by whether it holds in all, some or none of the cases."""
    return HELD if passed == of else PARTLY if passed else NOT


def _name(code: str) -> str:
    return describe(code).english


def _experts(tables: Tables) -> Verdict:
    frame = tables["experts"]
    score = frame[frame["measure"] == "mean score"].set_index("target")["value"]
    listed = ", ".join(f"{_name(str(target))} {value:.3f}" for target, value in score.items())
    return Verdict(
        "experts",
        "Experts tell their language from all others: mean AUROC .83 to .99.",
        graded(int((score >= 0.825).sum()), len(score)),
        f"Mean AUROC of the {int(frame['k'].iloc[0]):,} experts: {listed}.",
    )


def _overlap(tables: Tables) -> Verdict | None:
    frame = tables["experts"]
    shared = frame[(frame["measure"] == "shared") & (frame["target"] != frame["other"])]
    if shared.empty:
        return None
    k, total = int(frame["k"].iloc[0]), int(frame["total"].iloc[0])
    share = shared["value"] / k
    return Verdict(
        "experts",
        "The top sets of two languages have essentially no neuron in common.",
        HELD if share.max() <= 0.01 else PARTLY if share.mean() <= 0.05 else NOT,
        f"Two languages share {share.mean():.1%} of their experts on average and {share.max():.1%} at most; sets drawn "
        f"at random would share {k / total:.1%}.",
    )


def _retrieval(tables: Tables) -> Verdict:
    gains = _of_target(tables["gains"])
    rose = int((gains["gain_low"] > 0).sum())
    by_candidate = gains_by_candidate(tables)
    listed = "; ".join(
        f"{_name(str(row.target))} {row.pre:.3f} -> {row.post:.3f} ({row.gain:+.3f}, 95% {row.gain_low:+.3f} to "
        f"{row.gain_high:+.3f}; {row.up} of {row.pairs} candidates rise, {row.down} fall)"
        for row in gains.itertuples()
    )
    return Verdict(
        "retrieval",
        "Retrieval with the target as the query improves: published median gains .005 (PolyLM) to .32 (Aya).",
        graded(rose, len(gains)),
        f"Mean top-1 over candidates: {listed}. Over all targets and candidates the median gain is "
        f"{by_candidate.median():+.3f}, the largest {by_candidate.max():+.3f}.",
    )


def _of_target(gains: pd.DataFrame, control: str = "none", view: str = "target as query") -> pd.DataFrame:
    """Cosine at the plan's layer."""
    gains = at_plan_layer(gains)
    selected: pd.DataFrame = gains[(gains["view"] == view) & (gains["control"] == control)]
    return selected


def _all_pairs(tables: Tables) -> Verdict | None:
    gains = _of_target(tables["gains"], view="without target")
    if gains.empty:
        return None
    listed = "; ".join(f"{_name(str(row.target))} {row.pre:.3f} -> {row.post:.3f}" for row in gains.itertuples())
    return Verdict(
        "retrieval",
        "Pairs that do not contain the target improve too.",
        graded(int((gains["gain_low"] > 0).sum()), len(gains)),
        f"Mean top-1 over all ordered pairs without the target: {listed}.",
    )


def _distances(tables: Tables) -> Verdict:
    wide = mean_distances(tables).pivot_table(index="distance", columns="space", values="value", sort=False)
    listed = ", ".join(f"{name} {row['pre']:.2f} -> {row['post']:.2f}" for name, row in wide.iterrows())
    return Verdict(
        "distances",
        "All four distances shrink, mean over targets.",
        graded(int((wide["post"] < wide["pre"]).sum()), len(wide)),
        f"Cosine distance: {listed}.",
    )


def _control(tables: Tables) -> Verdict | None:
    random = _of_target(tables["gains"], "random")
    if random.empty:
        return None
    experts = _of_target(tables["gains"]).set_index("target")
    gain_at_random = dict(zip(random["target"], random["gain"], strict=True))
    by_experts = {target: float(experts["gain"][target]) for target in gain_at_random}
    n_below = sum(gain_at_random[target] < by_experts[target] for target in gain_at_random)
    listed = "; ".join(f"{_name(t)} {gain_at_random[t]:+.3f} (experts {by_experts[t]:+.3f})" for t in gain_at_random)
    useless = random["gain_low"] <= 0
    return Verdict(
        "control",
        "The same values on random neurons do not help.",
        graded(int(useless.sum()), len(random)),
        f"Gain in mean top-1, target as the query: {listed}. Held where the gain is not significantly above zero; "
        f"it is below that of the experts for {n_below} of {len(random)} targets.",
    )


def _correlations(tables: Tables) -> Verdict:
    frame = at_plan_layer(tables["correlations"])
    parts = []
    n_negative = total = 0
    for y, space, words in (
        ("accuracy", "pre", "accuracy with distance, before"),
        ("accuracy", "post", "accuracy with distance, after"),
        ("gain", "change", "gain with change of distance"),
    ):
        part = frame[(frame["y"] == y) & (frame["space"] == space)]
        below = int(((part["r"] < 0) & part["significant"]).sum())
        n_negative, total = n_negative + below, total + len(part)
        listed = ", ".join("none" if row["r"] != row["r"] else f"{row['r']:+.2f}" for row in part.to_dict("records"))
        parts.append(f"{words}: r = {listed} (significantly negative for {below} of {len(part)})")
    return Verdict(
        "correlations",
        "Candidates that are nearer are found better, and those that come nearer gain more.",
        graded(n_negative, total),
        "Over candidate languages, by target, " + "; ".join(parts) + ".",
    )


def _with_english(name: str, title: str) -> Callable[[Tables], Verdict]:
    def judge(tables: Tables) -> Verdict:
        top1 = top1_from_language(tables[name]).unstack()
        frame = at_plan_layer(tables[name])
        tested = frame[(frame["space"] == "post") & (frame["query"] == frame["target"])]
        # In the table each language is adjusted by itself; here they are counted together.
        significant = set(tested.loc[holm(tested["p"].to_numpy(dtype=float)) < 0.05, "target"])
        rose = sum(bool(row["post"] > row["pre"] and target in significant) for target, row in top1.iterrows())
        fell = sum(bool(row["post"] < row["pre"] and target in significant) for target, row in top1.iterrows())
        listed = ", ".join(f"{_name(str(code))} {row['pre']:.3f} -> {row['post']:.3f}" for code, row in top1.iterrows())
        return Verdict(
            name,
            f"{title} retrieval with English improves.",
            graded(rose, len(top1)),
            f"Top-1 with the language as the query: {listed}; {rose} of {len(top1)} rise significantly, {fell} fall.",
        )

    return judge


def _choice_of_k(tables: Tables) -> Verdict | None:
    frame = tables["choice_of_k"]
    share = frame[frame["measure"] == "probability"]
    if share.empty:
        return None
    listed, rose = [], 0
    for target, part in share.groupby("target", sort=False):
        before, after = part[part["k"] == 0].iloc[0], part[part["k"] > 0]
        best = after.iloc[int(after["value"].to_numpy().argmax())]
        rose += bool(best["low"] > before["high"])
        listed.append(f"{_name(str(target))} {before['value']:.2f} -> {best['value']:.2f} at k = {int(best['k']):,}")
    return Verdict(
        "choice_of_k",
        "With enough experts the model writes in the target language.",
        graded(rose, share["target"].nunique()),
        "Mean probability of the target language in texts written from nothing, at the best k: "
        + "; ".join(listed)
        + ".",
    )


def _perplexity(tables: Tables) -> Verdict | None:
    frame = tables["choice_of_k"]
    part = frame[frame["measure"] == "perplexity"]
    if part.empty:
        return None
    listed = []
    for target, rows in part.groupby("target", sort=False):
        by_k = rows.set_index("k")["value"]
        listed.append(f"{_name(str(target))} " + ", ".join(f"{value:,.0f} at {k:,}" for k, value in by_k.items()))
    return Verdict(
        "choice_of_k",
        "What k costs the model in its own language: perplexity on target-language sentences (k = 0: unmodified).",
        "",
        "; ".join(listed) + ".",
    )


def _paraphrase(tables: Tables) -> Verdict:
    frame = at_plan_layer(tables["paraphrase"])
    wide = frame[frame["control"] == "none"].pivot_table(
        index="target", columns="comparison", values="top1", sort=False
    )
    as_claimed = (wide["post"] >= wide["pre"] - 0.05) & (wide["mixed"] < wide["pre"])
    listed = "; ".join(
        f"{_name(str(code))} {row['pre']:.2f} / {row['post']:.2f} / {row['mixed']:.2f}" for code, row in wide.iterrows()
    )
    return Verdict(
        "paraphrase",
        "Paraphrases are found as well after as before, but not across the two spaces: the space has moved.",
        graded(int(as_claimed.sum()), len(wide)),
        f"Top-1 before / after / mixed: {listed}. Held where after is at most .05 below before, and mixed is below it.",
    )


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
        parts.append(f"{_name(str(target))}: {listed}")
    nouns = ", ".join(by.noun for by in COMPARISONS.values() if by is not COSINE)
    return Verdict(
        "retrieval",
        "Does the intervention beat mean-centring, CSLS and another layer?",
        "",
        f"Without an intervention: {nouns}, and another layer of the unmodified model, the best on these rows. The "
        f"intervention is significantly above all of these for {above} of {len(parts)} targets, and below one of them "
        f"for {below} (paired, Holm). Whitening and other maps fitted on probe sentences are not among these. "
        f"{'; '.join(parts)}.",
    )


def _lead(row: Mapping[Any, Any]) -> int:
    """Whether the intervention is above (1) or below (-1) a row's way of comparing without it; 0 where unsure."""
    return paired.sign(Interval(row["lead"], row["lead_low"], row["lead_high"], int(row["n"])), row["lead_p"])


def _way(row: Mapping[Any, Any], layer: int) -> str:
    """Name how a row's sentences are compared: by its way of comparing at the plan's ``layer``, else by the layer."""
    return COMPARISONS[row["metric"]].title if row["layer"] == layer else f"layer {row['layer']}"


def _rivals(tables: Tables) -> Verdict:
    rows = tables["rivals"]
    rows = rows[rows["corpus"] == "multi-parallel"]
    parts, beaten = [], 0
    for target, part in rows.groupby("target", sort=False):
        intervention = part[part["difference"].isna()].iloc[0]
        free = _contenders(part, int(intervention["layer"]))
        nothing = free[free["applied"] == "nothing"]
        best, in_class = (some.iloc[int(some["top1_target"].to_numpy().argmax())] for some in (free, nothing))
        beaten += bool(best["difference_low"] > 0 and best["p"] < 0.05)
        parts.append(
            f"{_name(str(target))} {intervention['top1_target']:.3f}, against {_rival(best)}, the best of {len(free)} "
            f"on these rows, and {_rival(in_class)}, the best of the {len(nothing)} that need nothing to be known of a "
            "sentence"
        )
    return Verdict(
        "rivals",
        "Does the intervention beat maps that are fitted on the probe sentences without translations?",
        "",
        f"It beats the best of them significantly for {beaten} of {len(parts)} targets. Top-1 with the target as the "
        f"query: {'; '.join(parts)}.",
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


def _added(tables: Tables) -> Verdict:
    gains = tables["gains"]
    gains = gains[(gains["view"] == "target as query") & (gains["control"] == "none")]
    gains = gains[gains["metric"] == CENTRED.name]
    rose, fell = gains[gains["gain_low"] > 0], gains[gains["gain_high"] < 0]

    def names(part: pd.DataFrame) -> str:
        return ", ".join(f"{_name(r['target'])} ({r['gain']:+.3f})" for r in part.to_dict("records")) or "no target"

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
        f"{_name(top['candidate'])} from {_name(top['target'])} ({top['gain']:+.3f}). {_by_syntax(tables)}",
    )


def _by_syntax(tables: Tables) -> str:
    by_target = at_plan_layer(tables["similarity_correlations"])
    by_target = by_target[(by_target["y"] == "gain") & (by_target["x"] == "syntax") & by_target["r"].notna()]
    if by_target.empty:
        return "Similarity of syntax is not known here (lang2vec is not installed)."
    listed = ", ".join(
        f"{_name(row['target'])} {row['r']:+.2f} (95% {row['low']:+.2f} to {row['high']:+.2f})"
        for row in by_target.to_dict("records")
    )
    return f"Correlation of the gain with similarity of syntax: {listed}."


def _transfer(tables: Tables) -> Verdict:
    rows = tables["transfer_lessons"]
    listed = " ".join(f"Target {_name(row['target'])}: {row['sentence']}" for row in rows.to_dict("records"))
    return Verdict("transfer", "Does the intervention help a task in other languages?", "", listed)


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
        f"{_name(paper['target'])}: set-mean on AUROC experts gives {paper['top1']:.3f} (centred: "
        f"{paper['centred']:.3f}). "
        f"Best: {best['method']} on {best['score']} experts, {best['top1']:.3f}; best when centred: "
        f"{centred['method']} on {centred['score']} experts, {centred['centred']:.3f}.",
    )


_VERDICTS: tuple[tuple[tuple[str, ...], Callable[[Tables], Verdict | None]], ...] = (
    (("experts",), _experts),
    (("experts",), _overlap),
    (("retrieval", "gains"), _retrieval),
    (("gains",), _all_pairs),
    (("distances",), _distances),
    (("gains",), _control),
    (("correlations",), _correlations),
    (("tatoeba",), _with_english("tatoeba", "Tatoeba")),
    (("bucc",), _with_english("bucc", "BUCC")),
    (("choice_of_k",), _choice_of_k),
    (("paraphrase",), _paraphrase),
    (("choice_of_k",), _perplexity),
    (("rivals",), _rivals),
    (("gains",), _free),
    (("gains",), _added),
    (("similarity", "similarity_correlations"), _similarity),
    (("transfer_lessons",), _transfer),
    (("methods",), _methods),
)
