"""Correlations of a whole report are what plain loops give, from the model's own outputs on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import LANGUAGES
from tests.helpers.tiny import N_LAYERS


@pytest.mark.parametrize("metric", ["cosine", "centred", "csls"])
def test_correlations(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]], metric: str) -> None:
    frame = pd.read_csv(report / "correlations.csv")
    frame = frame[(frame["metric"] == metric) & (frame["layer"] == N_LAYERS)].set_index(["target", "y", "space"])
    for target, both in spaces.items():
        pre, post = map(slow.centred, both) if metric == "centred" else both
        at = LANGUAGES.index(target)
        others = [number for number in range(len(LANGUAGES)) if number != at]
        top1 = [np.array([np.mean(slow.hits(s[at], s[o], metric)) for o in others]) for s in (pre, post)]
        apart = [np.array([slow.distance(s[at], s[o]) for o in others]) for s in (pre, post)]
        for key, x, y in (
            (("accuracy", "pre"), apart[0], top1[0]),
            (("accuracy", "post"), apart[1], top1[1]),
            (("gain", "change"), apart[1] - apart[0], top1[1] - top1[0]),
        ):
            row = frame.loc[(target, *key)]
            if np.ptp(y) < 1e-12:
                assert np.isnan(row["r"])
            else:
                assert row["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-4)
                assert row["n"] == len(others)
