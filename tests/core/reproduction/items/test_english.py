"""Pairs with English of a whole report are what plain loops give, from the model's own outputs on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers import slow_reproduction as slow
from tests.helpers.tiny import N_LAYERS, sentences


def test_pairs_with_english(report: Path, slows: dict[str, slow.SlowReproduction]) -> None:
    frame = pd.read_csv(report / "tatoeba.csv")
    for target, made in slows.items():
        both = made.spaces([sentences(target, 9, 40), sentences("en", 9, 40)])
        rows = frame[(frame["target"] == target) & (frame["metric"] == "cosine") & (frame["layer"] == N_LAYERS)]
        rows = rows.set_index(["space", "query", "candidate"])
        for name, space in zip(("pre", "post"), both, strict=True):
            for query, candidate, (q, c) in ((target, "en", (0, 1)), ("en", target, (1, 0))):
                found = slow.hits(space[q], space[c], "cosine")
                assert rows.loc[(name, query, candidate), "top1"] == pytest.approx(np.mean(found))
