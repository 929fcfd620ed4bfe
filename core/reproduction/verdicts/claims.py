"""Verdicts on the paper's claims: whether each held."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from core.language.codes import english_name
from core.reproduction.tables import Tables, at_plan_layer, gains_by_candidate, mean_distances, top1_from_language
from core.reproduction.verdicts.verdict import HELD, NOT, PARTLY, Verdict, graded
from core.stats.paired import MARGIN
from core.stats.significance import holm


def _experts(tables: Tables) -> Verdict:
    frame = tables["experts"]
    score = frame[frame["measure"] == "mean score"].set_index("target")["value"]
    listed = ", ".join(f"{english_name(str(target))} {value:.3f}" for target, value in score.items())
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
        f"{english_name(str(row.target))} {row.pre:.3f} -> {row.post:.3f} ({row.gain:+.3f}, 95% {row.gain_low:+.3f} to "
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
    listed = "; ".join(f"{english_name(str(row.target))} {row.pre:.3f} -> {row.post:.3f}" for row in gains.itertuples())
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
    listed = "; ".join(
        f"{english_name(t)} {gain_at_random[t]:+.3f} (experts {by_experts[t]:+.3f})" for t in gain_at_random
    )
    useless = (random["gain_low"] <= 0) & (random["gain_high"] <= MARGIN)  # few rows alone must not make it hold
    return Verdict(
        "control",
        "The same values on random neurons do not help.",
        graded(int(useless.sum()), len(random)),
        f"Gain in mean top-1, target as the query: {listed}. Held where the gain is not significantly above zero "
        f"and its interval ends below {100 * MARGIN:.0f} points; it is below that of the experts for {n_below} of "
        f"{len(random)} targets.",
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
        listed = ", ".join(
            f"{english_name(str(code))} {row['pre']:.3f} -> {row['post']:.3f}" for code, row in top1.iterrows()
        )
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
        listed.append(
            f"{english_name(str(target))} {before['value']:.2f} -> {best['value']:.2f} at k = {int(best['k']):,}"
        )
    return Verdict(
        "choice_of_k",
        "With enough experts the model writes in the target language.",
        graded(rose, share["target"].nunique()),
        "Mean probability of the target language in texts written from nothing, at the best k: "
        + "; ".join(listed)
        + ".",
    )


def _paraphrase(tables: Tables) -> Verdict:
    frame = at_plan_layer(tables["paraphrase"])
    wide = frame[frame["control"] == "none"].pivot_table(
        index="target", columns="comparison", values="top1", sort=False
    )
    as_claimed = (wide["post"] >= wide["pre"] - 0.05) & (wide["mixed"] < wide["pre"])
    listed = "; ".join(
        f"{english_name(str(code))} {row['pre']:.2f} / {row['post']:.2f} / {row['mixed']:.2f}"
        for code, row in wide.iterrows()
    )
    return Verdict(
        "paraphrase",
        "Paraphrases are found as well after as before, but not across the two spaces: the space has moved.",
        graded(int(as_claimed.sum()), len(wide)),
        f"Top-1 before / after / mixed: {listed}. Held where after is at most .05 below before, and mixed is below it.",
    )


CLAIMS: tuple[tuple[tuple[str, ...], Callable[[Tables], Verdict | None]], ...] = (
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
)
"""The paper's claims: the tables that each needs, and what judges it by them."""
