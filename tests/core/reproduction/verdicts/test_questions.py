"""Questions beyond the paper: answered by the paired tests, and on rows that nothing was chosen on."""

from __future__ import annotations

import pandas as pd
import pytest

from core.reproduction.verdicts import verdicts


def _gain(metric: str, layer: int, pre: float, lead: tuple[float, ...] = (), target: str = "ja") -> dict[str, object]:
    ends = dict(zip(("lead", "lead_low", "lead_high", "lead_p"), lead or (float("nan"),) * 4, strict=True))
    row = {"target": target, "view": "target as query", "control": "none", "metric": metric, "layer": layer, "n": 60}
    change = {"gain": 0.6 - pre, "gain_low": 0.1, "gain_high": 0.2}
    return row | {"pre": pre, "post": 0.6} | change | ends


@pytest.mark.parametrize(
    ("csls", "above", "below"),
    [
        ((0.1, 0.02, 0.18, 0.03), 1, 0),
        ((0.1, 0.02, 0.18, 0.06), 0, 0),  # after Holm's correction it may be chance
        ((0.1, -0.01, 0.2, 0.03), 0, 0),
        ((-0.1, -0.2, -0.02, 0.01), 0, 1),
    ],
)
def test_a_win_over_what_is_free_needs_the_paired_interval_and_the_corrected_test(
    csls: tuple[float, ...], above: int, below: int
) -> None:
    rows = [
        _gain("cosine", 4, 0.1),
        _gain("centred", 4, 0.2, (0.4, 0.3, 0.5, 0.001)),
        _gain("csls", 4, 0.5, csls),
        _gain("cosine", 2, 0.3, (0.3, 0.2, 0.4, 0.001)),
    ]
    (said,) = [v for v in verdicts({"gains": pd.DataFrame(rows)}) if "mean-centring, CSLS and other" in v.claim]
    assert "another layer of the unmodified model, the best on these rows." in said.text
    assert f"significantly above all of these for {above} of 1 targets, and below one of them for {below}" in said.text
    assert "Whitening and other maps fitted on probe sentences are not among these." in said.text
    (said,) = [v for v in verdicts({"gains": pd.DataFrame(rows[:3])}) if "mean-centring, CSLS and other" in v.claim]
    assert "another layer" not in said.text  # the plan's is the unmodified model's best


def test_no_layer_of_a_rival_is_chosen_on_the_rows_that_are_measured() -> None:
    def row(name: str, layer: int, top1: float, chosen: bool, space: str = "pre", applied: str = "nothing") -> object:
        beside = 0.5 - top1 if (name, space) != ("raw", "post") else float("nan")
        return {
            **{"target": "ja", "corpus": "multi-parallel", "name": name, "space": space, "layer": layer},
            **{"chosen": chosen, "supervised": name == "ridge", "applied": applied, "top1_target": top1},
            **{"difference": beside, "difference_low": beside - 0.05, "difference_high": beside + 0.05, "p": 0.001},
        }

    rows = [
        row("raw", 4, 0.5, False, "post"),
        row("raw", 4, 0.1, False),
        row("raw", 2, 0.3, True),
        row("whitening", 4, 0.95, False, applied="the sentence's language"),  # its other layer was chosen
        row("whitening", 3, 0.9, True, applied="the sentence's language"),
        row("subspace", 4, 0.45, False),  # no layer could be chosen
        row("ridge", 4, 1.0, True),
    ]
    (said,) = verdicts({"rivals": pd.DataFrame(rows)})
    assert "Japanese 0.500, against 0.900 by whitening at layer 3 (+0.400, 95% +0.350 to +0.450), the best of 3" in (
        said.text
    )
    assert "and 0.450 by subspace at layer 4 (-0.050, 95% -0.100 to +0.000), the best of the 2 that need" in said.text
    assert "significantly for 0 of 1 targets" in said.text


def test_a_task_is_helped_where_intervals_and_corrected_tests_say_so() -> None:
    def row(gain: tuple[float, float, float], lead: tuple[float, float, float], p: float) -> dict[str, object]:
        place: dict[str, object] = {"target": "ja", "train": "en", "n": 60, "before": 0.5, "after": 0.5 + gain[0]}
        changes = dict(
            zip(("gain", "gain_low", "gain_high", "lead", "lead_low", "lead_high"), (*gain, *lead), strict=True)
        )
        return (
            place
            | changes
            | {"free": "subspace", "accuracy": 0.5 + gain[0] + lead[0], "lead_p": p, "sentence": "So it is."}
        )

    rows = [
        row((0.1, 0.05, 0.15), (0.2, 0.1, 0.3), 0.001),
        row((-0.1, -0.15, -0.05), (0.2, 0.1, 0.3), 0.06),  # after Holm's correction the lead may be chance
        row((0.1, -0.05, 0.25), (-0.2, -0.3, -0.1), 0.001),
    ]
    (said,) = verdicts({"transfer_lessons": pd.DataFrame(rows)})
    assert "rises significantly for 1 of 3 pairs of target and training language, and falls for 1." in said.text
    assert "significantly above it for 1 of 3, and below it for 1." in said.text
    assert (
        "Japanese, trained on English: 0.500 -> 0.600 (+0.100, 95% +0.050 to +0.150), free 0.800 by subspace; "
        in said.text
    )
    (said,) = verdicts({"transfer_lessons": pd.DataFrame(rows).drop(columns=["free", "accuracy", "lead", "lead_p"])})
    assert "free" not in said.text  # nothing free was measured
    (said,) = verdicts({"transfer_lessons": pd.DataFrame(rows)[["target", "train", "sentence"]]})
    assert said.text == "So it is. So it is. So it is."  # of a report of before
