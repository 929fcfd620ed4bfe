"""The table of interventions compared, from what ``python -m core methods --json`` wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.analyses.method_comparison import FIGURES, RANKED

FILE = Path(__file__).resolve().parent.parent / "docs" / "methods_compared.json"
"""The recorded run; ``conditions`` beside it says machine, date and command."""


def table(path: Path = FILE) -> str:
    """Write the recorded run as a Markdown table, a line a condition, and its conditions below.

    The time of a pass is left out: it says little of a machine that does other work.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    titles = ["", *(FIGURES[name].title for name in RANKED), "numbers kept", "mean rank"]
    lines = [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}"]
    for row in record["methods"]:
        cells = [row["title"], *(_cell(row, name) for name in RANKED)]
        cells += [f"{row['numbers']:,}" if row["numbers"] else "", _number(row["mean_rank"], 1)]
        lines.append(f"| {' | '.join(cells)} |")
    asked, conditions = record["experiment"], record["conditions"]
    said = (
        f"{asked['model']}, target {asked['target']}, {asked['experts']:,} experts at strength {asked['strength']:g}, "
        f"{len(asked['languages'])} languages, {asked['eval_sentences']} evaluation and "
        f"{asked['probe_sentences']} probe rows a language; "
        f"{', '.join(f'{name}: {value}' for name, value in conditions.items())}."
    )
    return "\n".join([*lines, "", said])


def _cell(row: Mapping[str, Any], name: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    ends = "" if low is None or high is None else f" ({_number(low, 2)} to {_number(high, 2)})"
    # answers that have no line of five words are not counted: few may be left
    counted = f", n = {row['lines_n']}" if name == "lines" and value is not None else ""
    return _number(value, 3) + ends + counted


def _number(value: float | None, decimals: int) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.2g}" if value >= 1000 else f"{value:.{decimals}f}"
