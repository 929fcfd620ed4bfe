"""Compares the measured figures with the published ones."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.reproduction import published
from core.reproduction.tables import Tables, at_plan_layer, gains_by_candidate, mean_distances, top1_from_language

_PAIR_SETS = {"Tatoeba": "tatoeba", "BUCC-18": "bucc"}


def comparison(tables: Tables) -> pd.DataFrame:
    """Compare every figure that the paper prints with the measured one.

    Returns
    -------
    DataFrame
        ``item, measure, space, measured, published_model, published, difference``, one row a figure and published
        model; shares and distances as they are, gains as shares (.32 is 32 percentage points).
    """
    rows = [*_experts(tables), *_distances(tables), *_gains(tables), *_with_english(tables), *_paraphrase(tables)]
    columns = ["item", "measure", "space", "measured", "published_model", "published"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(difference=frame["measured"] - frame["published"])


def _row(item: str, measure: str, space: str, measured: float, model: str, figure: float) -> dict[str, Any]:
    return {
        "item": item,
        "measure": measure,
        "space": space,
        "measured": measured,
        "published_model": model,
        "published": figure,
    }


def _experts(tables: Tables) -> list[dict[str, Any]]:
    if "experts" not in tables:
        return []
    frame = tables["experts"]
    mean = float(frame.loc[frame["measure"] == "mean score", "value"].mean())
    return [
        _row("experts", "mean AUROC of the experts", "", mean, model, figure)
        for model, figure in published.MEAN_SCORE.items()
    ]


def _distances(tables: Tables) -> list[dict[str, Any]]:
    if "distances" not in tables:
        return []
    measured = mean_distances(tables).set_index(["distance", "space"])["value"]
    return [
        _row(
            "distances", str(row["distance"]), space, float(measured[row["distance"], space]), row["model"], row[space]
        )
        for row in published.distances().to_dict("records")
        for space in ("pre", "post")
    ]


def _gains(tables: Tables) -> list[dict[str, Any]]:
    if "retrieval" not in tables:
        return []
    gains = gains_by_candidate(tables)
    rows = []
    for model, (median, most) in published.GAIN.items():
        for name, measured, points in (("median", gains.median(), median), ("maximum", gains.max(), most)):
            rows.append(_row("retrieval", f"gain, {name}", "change", float(measured), model, points / 100))
    return rows


def _with_english(tables: Tables) -> list[dict[str, Any]]:
    rows = []
    for row in published.with_english().to_dict("records"):
        name = _PAIR_SETS[row["corpus"]]
        if name not in tables:
            continue
        top1 = top1_from_language(tables[name])
        for space in ("pre", "post"):
            if (row["language"], space) in top1.index:
                measured = float(top1[row["language"], space])
                rows.append(_row(name, f"{row['corpus']} {row['language']}", space, measured, row["model"], row[space]))
    return rows


def _paraphrase(tables: Tables) -> list[dict[str, Any]]:
    if "paraphrase" not in tables:
        return []
    frame = at_plan_layer(tables["paraphrase"])
    top1 = frame[(frame["target"] == "es") & (frame["control"] == "none")].set_index("comparison")["top1"]
    if top1.empty:
        return []
    return [
        _row("paraphrase", "paraphrases es", space, float(top1[space]), model, figure)
        for model, figures in published.PARAPHRASE.items()
        for space, figure in zip(("pre", "post", "mixed"), figures, strict=True)
    ]
