"""A report's figures by number of experts, made by hand: the probability of the target and perplexity."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.experiment.settings import Experiment
from core.reproduction import text_choice
from core.reproduction.reader import ReportContent

JA = Experiment(model="made", corpus="made", target="ja")
FOUND = {0: (0.01, 0.0, 0.02), 100: (0.3, 0.2, 0.4), 500: (0.7, 0.55, 0.8), 2000: (0.8, 0.7, 0.9)}
PERPLEXITY = {0: (60.0, 50.0, 70.0), 500: (90.0, 80.0, 99.0), 2000: (300.0, 250.0, 350.0)}


def report(
    probability: dict[int, tuple[float, float, float]] = FOUND, target: str = "ja", **settings: Any
) -> ReportContent:
    """A report of one target, with these figures by k."""
    rows = [
        {"target": target, "k": k, "measure": measure, "value": value, "low": low, "high": high, "n": 32}
        for measure, figures in (("probability", probability), ("perplexity", PERPLEXITY))
        for k, (value, low, high) in figures.items()
    ]
    return ReportContent({"settings": {"model_digest": "0" * 64} | settings}, {text_choice.ITEM: pd.DataFrame(rows)})
