"""The figure of zero-shot transfer: mean accuracy before, after and with the best of what is free, by target."""

from __future__ import annotations

import pandas as pd

from core.charts.bars import Bars
from core.charts.palette import BEFORE_AFTER, FREE
from core.pipeline.before_after import SPACE_TITLES
from core.reproduction.charts.figure import Figure, names_of
from core.reproduction.tables import Tables
from core.spaces.rivals import RIVALS

_BEST = "before, best free map"


def transfer(tables: Tables) -> list[Figure]:
    """Draw bars by target, trained on the first language that was trained on: English, where it is there."""
    rows = tables["transfer_means"]
    train = rows["train"].iloc[0]
    rows = rows[rows["train"] == train]
    plain = rows[rows["rival"].isna()].assign(bar=lambda frame: frame["space"].map(SPACE_TITLES))
    languages = plain["languages"].max()  # a mean over fewer stands beside none over all
    free = rows[rows["rival"].notna() & (rows["space"] == "pre") & (rows["languages"] == languages)]
    best = free.loc[free.groupby("target", sort=False)["accuracy"].idxmax()].assign(bar=_BEST)
    drawn = pd.concat([plain, best], ignore_index=True)
    drawn = drawn.assign(label=names_of(drawn["target"]))
    colours = {**BEFORE_AFTER, _BEST: FREE}
    bars = Bars(category="label", value="accuracy", title="mean accuracy", group="bar", colours=colours)
    chart = bars.draw(drawn).properties(width=460, height=54 * drawn["label"].nunique() + 20)
    maps = ", ".join(dict.fromkeys(RIVALS[name].title.lower() for name in best["rival"]))
    caption = (
        f"Topics learnt from {names_of(pd.Series([train])).iloc[0]} and tested in {int(languages)} "
        f"other languages, n = {int(rows['n'].iloc[0]):,} sentences each; 95% bootstrap intervals. "
        f"{f'Best free map: {maps}. ' if maps else ''}Always the most frequent label: {rows['majority'].iloc[0]:.0%}."
    )
    return [Figure("transfer", chart, caption)]
