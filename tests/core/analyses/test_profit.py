"""Who profits: gains by language are those of transfer and of retrieval, and correlate as plain formulas say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.analyses.profit import LIKENESSES, correlations, profit
from core.analyses.transfer import Space, transfer
from core.experiment.settings import Experiment
from core.language import families, lexical
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
    assert row["relation"] == families.relation("en", "de").score == 3
    assert row["lexical"] == lexical.overlap(*(sentences(code, N_TEST, N_TRAIN) for code in ("en", "de")))
    assert set(answer.correlations["source"]) == {"en", "ja"}


def test_correlations_are_over_the_languages_whose_likeness_is_known() -> None:
    rng = np.random.default_rng(0)
    n = 12
    points = pd.DataFrame(
        {"kind": "transfer", "source": "en", "pre": rng.random(n), "gain": rng.random(n), "syntax": np.nan}
        | {"lexical": rng.random(n), "relation": rng.integers(4, size=n).astype(float)}
    )
    points.loc[0, "lexical"] = np.nan
    found = correlations(points, 0).set_index("likeness")
    assert list(found.index) == list(LIKENESSES)
    known = points[1:]
    assert found.loc["lexical", "pearson"] == pytest.approx(stats.pearsonr(known["lexical"], known["gain"]).statistic)
    assert found.loc["lexical", "spearman"] == pytest.approx(stats.spearmanr(known["lexical"], known["gain"]).statistic)
    assert (found.loc["lexical", "n"], found.loc["relation", "n"], found.loc["syntax", "n"]) == (n - 1, n, 0)
    design = np.column_stack([np.ones(n - 1), known["pre"], known["relation"]])
    left = [side - design @ np.linalg.lstsq(design, side, rcond=None)[0] for side in (known["lexical"], known["gain"])]
    assert found.loc["lexical", "partial"] == pytest.approx(stats.pearsonr(*left).statistic)
    assert found.loc["lexical", "held_fixed"] == "pre, relation"
    assert np.isnan(found.loc["syntax", "pearson"])
