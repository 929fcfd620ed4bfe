"""Who profits: gains by language are those of transfer and of retrieval, and correlate as plain formulas say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.analyses.profit import COEFFICIENTS, LIKENESSES, correlations, profit, sentence, unknown
from core.analyses.transfer import Space, transfer
from core.experiment.settings import Experiment
from core.language import lexical
from core.pipeline.engine import Engine
from tests.helpers.labelled import N_TEST, N_TRAIN, labelled
from tests.helpers.tiny import LANGUAGES, sentences


def test_gains_are_those_of_transfer_and_of_retrieval(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    experiment = labelled(asked, tmp_path / "t.tsv")
    result = engine.run(experiment)
    found, answer = engine.answer(experiment, transfer), engine.answer(experiment, profit)
    points = answer.points.set_index(["kind", "source", "language"])
    assert len(points) == 3 * (len(LANGUAGES) - 1)  # trained on English and on Japanese, and from the target
    for train in ("en", "ja"):
        pre, post = (found.hits[train, Space(side, 3)]["de"].mean() for side in ("pre", "post"))
        row = points.loc[("transfer", train, "de")]
        assert (row["pre"], row["post"], row["gain"], row["n"]) == pytest.approx((pre, post, post - pre, N_TEST))
    pairs = result.pairs.set_index(["query", "candidate"])
    row = points.loc[("retrieval", "ja", "ru")]
    assert row["gain"] == pytest.approx(pairs.loc[("ja", "ru"), "top1_post"] - pairs.loc[("ja", "ru"), "top1_pre"])
    assert (points["low"] <= points["gain"]).all()
    row = points.loc[("transfer", "en", "de")]
    assert (row["family"], row["script"]) == (2, 1)  # West Germanic both, in Latin letters
    assert (points.loc[("transfer", "en", "ru")]["family"], points.loc[("transfer", "en", "ru")]["script"]) == (1, 0)
    assert row["lexical_target"] == lexical.overlap(*(sentences(code, N_TEST, N_TRAIN) for code in ("ja", "de")))
    assert (row["family_target"], row["script_target"], row["target"]) == (0, 0, "ja")
    to_target = [name for name, likeness in LIKENESSES.items() if likeness.to == "target"]
    assert points.loc[("transfer", "en", "ja"), to_target].isna().all()  # the target itself
    assert answer.points.query("source == 'ja'")[to_target].isna().all(axis=None)  # the target is the source
    assert row["lexical"] == lexical.overlap(*(sentences(code, N_TEST, N_TRAIN) for code in ("en", "de")))
    of = answer.correlations.set_index(["kind", "source"])["likeness"]
    assert of.loc[("transfer", "en")].tolist() == list(LIKENESSES)
    for other in (("transfer", "ja"), ("retrieval", "ja")):
        assert of.loc[other].tolist() == [name for name in LIKENESSES if name not in to_target]


def test_correlations_are_over_the_languages_whose_likeness_is_known() -> None:
    rng = np.random.default_rng(0)
    n = 12
    points = pd.DataFrame(
        {"kind": "transfer", "source": "en", "pre": rng.random(n), "gain": rng.random(n), "syntax": np.nan}
        | {"lexical": rng.random(n), "family": rng.integers(3, size=n).astype(float), "script": np.nan}
        | {f"{name}_target": np.nan for name in ("family", "script", "syntax", "lexical")}
    )
    points.loc[0, "lexical"] = np.nan
    found = correlations(points, 0).set_index("likeness")
    assert list(found.index) == [name for name, likeness in LIKENESSES.items() if likeness.to == "source"]
    known = points[1:]
    assert found.loc["lexical", "pearson"] == pytest.approx(stats.pearsonr(known["lexical"], known["gain"]).statistic)
    assert found.loc["lexical", "spearman"] == pytest.approx(stats.spearmanr(known["lexical"], known["gain"]).statistic)
    assert (found.loc["lexical", "n"], found.loc["family", "n"], found.loc["syntax", "n"]) == (n - 1, n, 0)
    design = np.column_stack([np.ones(n - 1), known["pre"], known["family"]])
    left = [side - design @ np.linalg.lstsq(design, side, rcond=None)[0] for side in (known["lexical"], known["gain"])]
    assert found.loc["lexical", "partial"] == pytest.approx(stats.pearsonr(*left).statistic)
    assert found.loc["lexical", "held_fixed"] == "pre, family"
    assert np.isnan(found.loc["syntax", "pearson"])
    ps = np.concatenate([found[f"{name}_p"] for name in COEFFICIENTS])
    corrected = np.concatenate([found[f"{name}_p_holm"] for name in COEFFICIENTS])
    tested = ~np.isnan(ps)
    slow = []  # Holm's, by its definition: the largest of (m - j) p over all that are as small or smaller
    for p in ps[tested]:
        smaller = np.sort(ps[tested][ps[tested] <= p])
        slow.append(min(max((tested.sum() - j) * q for j, q in enumerate(smaller)), 1))
    assert corrected[tested] == pytest.approx(slow)
    assert np.isnan(corrected[~tested]).all()


@pytest.mark.parametrize(
    ("r", "low", "high", "p", "words"),
    [
        (0.7, 0.3, 0.9, 0.01, "The more alike by lexical overlap, the **more** a language gains (r = 0.70"),
        (-0.7, -0.9, -0.3, 0.01, "the **less** a language gains"),
        (0.2, -0.3, 0.6, 0.01, "does not go with lexical overlap beyond chance"),
        (0.7, 0.3, 0.9, 0.06, "does not go with lexical overlap beyond chance"),  # one of many that were tried
        (np.nan, np.nan, np.nan, np.nan, "no correlation"),
    ],
)
def test_a_claim_needs_both_the_interval_and_the_corrected_p(
    r: float, low: float, high: float, p: float, words: str
) -> None:
    row = {"kind": "transfer", "likeness": "lexical", "n": 11, "pearson": r, "pearson_low": low, "pearson_high": high}
    assert words in sentence(row | {"pearson_p": 0.001, "pearson_p_holm": p})


def test_a_likeness_that_is_not_known_is_said() -> None:
    assert unknown(pd.DataFrame({"syntax": [0.3, np.nan]})) == ""
    assert "yntactic similarity" in unknown(pd.DataFrame({"syntax": [np.nan, np.nan]}))
