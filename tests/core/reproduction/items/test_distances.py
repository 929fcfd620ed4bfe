"""Distances of a whole report are what plain loops give, from the model's own outputs on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.reproduction.items.distances import over_targets
from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import LANGUAGES, N_EVAL
from tests.helpers.tiny import N_LAYERS


@pytest.mark.parametrize("metric", ["cosine", "centred"])
def test_distances(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]], metric: str) -> None:
    frame = pd.read_csv(report / "distances.csv")
    frame = frame[(frame["control"] == "none") & (frame["metric"] == metric) & (frame["layer"] == N_LAYERS)]
    frame = frame.set_index(["target", "space", "distance"])
    means: dict[tuple[str, str], list[float]] = {}
    for target, both in spaces.items():
        at = LANGUAGES.index(target)
        for name, embedded in zip(("pre", "post"), both, strict=True):
            space, n = embedded if metric == "cosine" else slow.centred(embedded), len(LANGUAGES)
            apart = {(a, b): slow.distance(space[a], space[b]) for a in range(n) for b in range(a)}
            medoid = slow.to_medoid(space)
            expected = {
                "all pairs": np.mean(list(apart.values())),
                "to target": np.mean([value for pair, value in apart.items() if at in pair]),
            }
            if metric == "cosine":  # a centred language has no mean
                expected["to medoid, target"] = medoid[at]
                expected["to medoid, others"] = np.mean([v for number, v in enumerate(medoid) if number != at])
            assert set(frame.loc[target, name].index) == set(expected)
            for distance, value in expected.items():
                row = frame.loc[target, name, distance]
                assert row["value"] == pytest.approx(value, abs=1e-5)
                if "medoid" not in distance:
                    assert row["low"] <= row["value"] <= row["high"]
                means.setdefault((name, distance), []).append(float(value))
    for (name, distance), values in means.items():
        row = frame.loc["mean", name, distance]
        assert row["value"] == pytest.approx(np.mean(values), abs=1e-5)
        assert row["standard_error"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(len(values)), abs=1e-5)


def test_the_change_of_a_distance_is_tested(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    frame = pd.read_csv(report / "distances.csv")
    for target, both in spaces.items():
        p = {}
        for metric in ("cosine", "centred"):
            used = both if metric == "cosine" else [slow.centred(space) for space in both]
            pairs = [(a, b) for a in range(len(LANGUAGES)) for b in range(a)]
            with_target = [pair for pair in pairs if LANGUAGES.index(target) in pair]
            for name, chosen in (("all pairs", pairs), ("to target", with_target)):
                moved = [
                    np.mean([1 - slow.cosine(used[1][a, row], used[1][b, row]) for a, b in chosen])
                    - np.mean([1 - slow.cosine(used[0][a, row], used[0][b, row]) for a, b in chosen])
                    for row in range(N_EVAL)
                ]
                p[metric, name] = slow.signed_ranks(moved)
                row = frame[
                    (frame["target"] == target)
                    & (frame["control"] == "none")
                    & (frame["space"] == "post")
                    & (frame["metric"] == metric)
                    & (frame["layer"] == N_LAYERS)
                    & (frame["distance"] == name)
                ].iloc[0]
                assert row["change"] == pytest.approx(np.mean(moved), abs=1e-5)
                assert row["change_low"] <= row["change"] <= row["change_high"]
                assert row["p"] >= p[metric, name] - 1e-12  # adjusted with those of the best layer


def test_means_over_targets_and_their_standard_error() -> None:
    same = {"model": "m", "k": 1, "strength": 1.0, "control": "none", "space": "pre", "distance": "all pairs"}
    same |= {"metric": "cosine", "layer": 2, "low": 0.0, "high": 1.0, "n": 9, "standard_error": np.nan}
    each = pd.DataFrame([same | {"target": t, "value": v} for t, v in (("es", 0.2), ("ja", 0.4), ("de", 0.9))])
    (row,) = over_targets(each).to_dict("records")
    assert row["target"] == "mean"
    assert row["value"] == pytest.approx(0.5)
    assert row["standard_error"] == pytest.approx(stats.sem([0.2, 0.4, 0.9]))
    assert row["n"] == 3
