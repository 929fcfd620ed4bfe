"""The figure of interventions compared: a panel a measure."""

from __future__ import annotations

import altair as alt
import pandas as pd

from core.analyses.method_comparison import FIGURES
from core.charts.bars import Bars
from core.reproduction.charts.figure import Figure, names_of
from core.reproduction.tables import Tables
from core.stats.units import SHARE

STORED = "footing"
"""The item, its table and its figure in a report's folder: reports that were written before still open and are kept."""
_TIMED = " The time of a pass is that of the machine that measured, at that moment."


def methods_compared(tables: Tables) -> list[Figure]:
    """Draw one panel a measure that was measured, a bar a condition."""
    rows = tables[STORED]
    panels = []
    for figure in FIGURES.values():
        if figure.name not in rows or not rows[figure.name].notna().any():
            continue
        part = rows[rows[figure.name].notna()].rename(
            columns={f"{figure.name}_low": "low", f"{figure.name}_high": "high", f"{figure.name}_n": "n_sentences"}
        )
        better = "higher" if figure.higher_is_better else "lower"
        bars = Bars(
            category="title",
            value=figure.name,
            title=f"{figure.title} ({better} is better)",
            group=None,
            format=figure.unit.number_format,
            domain=(0.0, 1.0) if figure.unit is SHARE else None,
            label_limit=260,
        )
        panels.append(bars.draw(part).properties(width=320, height=18 * len(part) + 20))
    name = names_of(rows["target"]).iloc[0]
    caption = (
        f"{name}: every intervention on the same experts, sentences and prompts, beside the unmodified model, what is "
        f"free, and random neurons. n = {int(rows['top1_all_n'].iloc[0]):,} sentences{_tested(rows)}; lines are 95% "
        f"intervals.{_TIMED if 'time' in rows else ''}"
    )
    return [Figure(STORED, alt.concat(*panels, columns=2).resolve_scale(color="independent"), caption)]


def _tested(rows: pd.DataFrame) -> str:
    """On how many sentences transfer is measured, where it is."""
    counts = rows.loc[rows["transfer"].notna(), "transfer_n"]
    return "" if counts.empty else f", for transfer {int(counts.iloc[0]):,} with labels"
