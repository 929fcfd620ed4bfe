"""The published figures beside the measured ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.reproduction import published

Tables = Mapping[str, pd.DataFrame]
_PAIR_SETS = {"Tatoeba": "tatoeba", "BUCC-18": "bucc"}


def comparison(tables: Tables) -> pd.DataFrame:
    """Every figure that the paper prints and that was measured.

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
    frame = here(tables["distances"])
    ours = frame[(frame["target"] == "mean") & (frame["control"] == "none")].set_index(["distance", "space"])["value"]
    return [
        _row("distances", str(row["distance"]), space, float(ours[row["distance"], space]), row["model"], row[space])
        for row in published.distances().to_dict("records")
        for space in ("pre", "post")
    ]


def here(frame: pd.DataFrame, metric: str = "cosine") -> pd.DataFrame:
    """One metric at the plan's layer, of a table whose first row is cosine there.

    See `core.reproduction.measures.ways`.
    """
    found: pd.DataFrame = frame[(frame["metric"] == metric) & (frame["layer"] == frame["layer"].iloc[0])]
    return found


def gains_over_candidates(tables: Tables, control: str = "none") -> pd.Series:
    """Gain in top-1 (cosine, the plan's layer, target as the query) of every target and candidate."""
    frame = here(tables["retrieval"])
    chosen = frame[(frame["control"] == control) & (frame["query"] == frame["target"])]
    wide = chosen.pivot_table(index=["target", "candidate"], columns="space", values="top1", sort=False)
    gains: pd.Series = wide["post"] - wide["pre"]
    return gains


def _gains(tables: Tables) -> list[dict[str, Any]]:
    if "retrieval" not in tables:
        return []
    ours = gains_over_candidates(tables)
    rows = []
    for model, (median, most) in published.GAIN.items():
        for name, measured, points in (("median", ours.median(), median), ("maximum", ours.max(), most)):
            rows.append(_row("retrieval", f"gain, {name}", "change", float(measured), model, points / 100))
    return rows


def _with_english(tables: Tables) -> list[dict[str, Any]]:
    rows = []
    for row in published.with_english().to_dict("records"):
        name = _PAIR_SETS[row["corpus"]]
        if name not in tables:
            continue
        ours = from_language(tables[name])
        for space in ("pre", "post"):
            if (row["language"], space) in ours.index:
                measured = float(ours[row["language"], space])
                rows.append(_row(name, f"{row['corpus']} {row['language']}", space, measured, row["model"], row[space]))
    return rows


def from_language(frame: pd.DataFrame) -> pd.Series[float]:
    """Top-1 by cosine at the plan's layer with the language as the query and English as candidates, by language."""
    frame = here(frame)
    chosen = frame[frame["query"] == frame["target"]]
    found: pd.Series = chosen.set_index(["target", "space"])["top1"]
    return found


def _paraphrase(tables: Tables) -> list[dict[str, Any]]:
    if "paraphrase" not in tables:
        return []
    frame = here(tables["paraphrase"])
    ours = frame[(frame["target"] == "es") & (frame["control"] == "none")].set_index("comparison")["top1"]
    if ours.empty:
        return []
    return [
        _row("paraphrase", "paraphrases es", space, float(ours[space]), model, figure)
        for model, figures in published.PARAPHRASE.items()
        for space, figure in zip(("pre", "post", "mixed"), figures, strict=True)
    ]
