"""Retrieval and its gains of a whole report are what plain loops give, from the model's own outputs on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.helpers import slow_reproduction as slow
from tests.helpers.reproduction import LANGUAGES, N_EVAL, TARGETS
from tests.helpers.tiny import N_LAYERS


@pytest.mark.parametrize("metric", ["cosine", "centred", "csls"])
def test_retrieval(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]], metric: str) -> None:
    frame, tests = pd.read_csv(report / "retrieval.csv"), pd.read_csv(report / "tests.csv")
    assert " ".join(frame) == ("model target k strength control space metric layer query candidate n top1 low high")
    for target in TARGETS:
        rows, tested = (
            part[
                (part["target"] == target)
                & (part["control"] == "none")
                & (part["metric"] == metric)
                & (part["layer"] == N_LAYERS)
            ]
            for part in (frame, tests)
        )
        rows, tested = rows.set_index(["space", "query", "candidate"]), tested.set_index(["query", "candidate"])
        p = {}
        for q, query in enumerate(LANGUAGES):
            for c, candidate in enumerate(LANGUAGES):
                if q == c:
                    continue
                found = [slow.hits(space[q], space[c], metric) for space in spaces[target]]
                for space, of_space in zip(("pre", "post"), found, strict=True):
                    row = rows.loc[space, query, candidate]
                    assert row["n"] == N_EVAL
                    assert row["top1"] == pytest.approx(np.mean(of_space))
                    assert (row["low"], row["high"]) == pytest.approx(slow.wilson(sum(of_space), N_EVAL))
                p[query, candidate] = slow.mcnemar(*found)
        for family in ([k for k in p if k[0] == target], [k for k in p if k[0] != target]):
            for key, expected in zip(family, slow.holm([p[k] for k in family]), strict=True):
                assert tested.loc[key, "p"] == pytest.approx(expected)


def test_the_best_layer_is_that_of_the_unmodified_model(report: Path, slows: dict[str, slow.SlowReproduction]) -> None:
    frame = pd.read_csv(report / "retrieval.csv")
    for target, made in slows.items():
        at = LANGUAGES.index(target)
        top1 = []
        for layer in range(N_LAYERS + 1):
            space = made.spaces(made.evaluation(), layer)[0]
            others = [number for number in range(len(LANGUAGES)) if number != at]
            top1.append(np.mean([slow.hits(space[at], space[other], "cosine") for other in others]))
        best = int(np.argmax(top1))
        rows = frame[(frame["target"] == target) & (frame["metric"] == "cosine") & (frame["control"] == "none")]
        assert set(rows["layer"]) == {best, N_LAYERS}
        mine = rows[(rows["layer"] == best) & (rows["space"] == "pre") & (rows["query"] == target)]
        assert mine["top1"].mean() == pytest.approx(top1[best])


def test_the_intervention_beside_what_is_free_is_paired(
    report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]]
) -> None:
    frame = pd.read_csv(report / "gains.csv")
    frame = frame[frame["control"] == "none"]
    assert frame.loc[frame["view"] != "target as query", "lead"].isna().all()
    for target in TARGETS:
        rows = frame[(frame["target"] == target) & (frame["view"] == "target as query")]
        plain, others = rows.iloc[0], rows.iloc[1:]
        assert np.isnan(plain["lead"])
        np.testing.assert_allclose(others["lead"], plain["post"] - others["pre"])
        assert (others["lead_low"] <= others["lead"] + 1e-9).all()
        assert (others["lead"] <= others["lead_high"] + 1e-9).all()
        at, raw = LANGUAGES.index(target), {}
        after = [slow.hits(spaces[target][1][at], part, "cosine") for part in np.delete(spaces[target][1], at, 0)]
        for metric in ("centred", "csls"):
            before = [slow.hits(spaces[target][0][at], part, metric) for part in np.delete(spaces[target][0], at, 0)]
            change = np.round(np.mean(after, axis=0) - np.mean(before, axis=0), 6)
            change = change[change != 0]
            raw[metric] = stats.wilcoxon(change).pvalue if len(change) else 1.0
            (p,) = others.loc[others["metric"] == metric, "lead_p"]
            assert min(1.0, raw[metric]) - 1e-9 <= p <= min(1.0, len(others) * raw[metric]) + 1e-9  # Holm's bounds


def test_gains(report: Path, spaces: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    frame = pd.read_csv(report / "gains.csv")
    for target in TARGETS:
        rows = frame[(frame["target"] == target) & (frame["control"] == "none") & (frame["metric"] == "cosine")]
        rows = rows[rows["layer"] == N_LAYERS].set_index("view")
        at = LANGUAGES.index(target)
        pairs = {
            "target as query": [(at, o) for o in range(len(LANGUAGES)) if o != at],
            "target as candidate": [(o, at) for o in range(len(LANGUAGES)) if o != at],
            "without target": [(a, b) for a in range(5) for b in range(5) if a != b and at not in (a, b)],
            "all pairs": [(a, b) for a in range(len(LANGUAGES)) for b in range(len(LANGUAGES)) if a != b],
        }
        for view, of_view in pairs.items():
            pre, post = (
                np.array([np.mean(slow.hits(space[q], space[c], "cosine")) for q, c in of_view])
                for space in spaces[target]
            )
            row = rows.loc[view]
            assert (row["pre"], row["post"]) == pytest.approx((pre.mean(), post.mean()))
            assert row["median"] == pytest.approx(np.median(post - pre))
            assert row["most"] == pytest.approx((post - pre).max())
            assert row["gain_low"] <= row["gain"] <= row["gain_high"]
            assert row["pairs"] == len(of_view)
