"""Rivals as rows say what was measured of their spaces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.analyses.rival_spaces import POST, PRE, compare
from core.analyses.rival_table import frame, pair_frame, to_json
from core.analyses.rival_verdict import against_all
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.spaces.space_measures import SPACE_MEASURES
from core.store.store import Store


def test_records_and_rows_hold_every_measure_and_what_each_rival_needs(asked: Experiment, filled: Store) -> None:
    spaces = Engine(filled).answer(asked, lambda run: compare(run, ("whitening", "procrustes")))
    records, table = to_json(spaces), frame(spaces)
    assert len(records) == len(table) == len(spaces.spaces)
    keys = [key for measure in SPACE_MEASURES.values() for key in measure.keys]
    for record, space in zip(records, spaces.spaces, strict=True):
        assert list(record["measures"]) == list(record["intervals"]) == keys
        assert record["measures"]["mexa_all"] == space.measured.value("mexa").value
        assert record["measures"]["csls_target"] == space.measured.value("csls", "ja").value
        assert record["n"] == 7
        assert set(record["permuted"]) == {"mutual_knn_target", "mutual_knn_all", "cka_target", "cka_all"}
    by_name = {(record["name"], record["space"], record["layer"]): record for record in records}
    at = spaces.plan.layer
    assert by_name["raw", POST, at]["intervention_minus_this"] is None
    needs = {"fitting": "language labels", "applied": "the sentence's language"}
    assert by_name["whitening", PRE, at]["needs"] == needs
    assert by_name["procrustes", PRE, at]["needs"]["fitting"] == "10 translations"
    assert by_name["procrustes", PRE, at]["supervised"]
    against = {(row.space.rival.name, row.space.space, row.space.layer): row for row in against_all(spaces)}
    for row in table.to_dict("records"):
        key = row["name"], row["space"], row["layer"]
        if key not in against:
            assert np.isnan(row["difference"])
            continue
        assert row["difference"] == pytest.approx(against[key].difference.value)
        assert row["p"] == against[key].p
        expected = by_name["raw", POST, at]["measures"]["top1_target"] - row["top1_target"]
        assert row["difference"] == pytest.approx(expected, abs=1e-6)
        assert row["mexa_all_low"] <= row["mexa_all"] <= row["mexa_all_high"]


def test_pairs_have_a_row_each_whose_mean_is_the_spaces_and_wilsons_interval(asked: Experiment, filled: Store) -> None:
    spaces = Engine(filled).answer(
        asked, lambda run: compare(run, ("whitening",), ("top1", "mexa", "cka", "anisotropy"))
    )
    pairs, whole = pair_frame(spaces), frame(spaces)
    languages = spaces.plan.languages
    assert len(pairs) == len(spaces.spaces) * len(languages) * (len(languages) - 1)
    key = ["name", "space", "layer"]
    by_space = pairs.groupby(key)[["top1", "mexa", "cka"]].mean()
    for row in whole.to_dict("records"):
        means = by_space.loc[tuple(row[name] for name in key)]
        assert [row["top1_all"], row["mexa_all"], row["cka_all"]] == pytest.approx(list(means), abs=1e-6)
    assert not {"cka_low", "anisotropy"} & set(pairs)  # no share of hits, and not of pairs
    for row in pairs.head(20).to_dict("records"):
        interval = stats.binomtest(round(row["mexa"] * row["n"]), row["n"]).proportion_ci(method="wilson")
        assert (row["mexa_low"], row["mexa_high"]) == pytest.approx((interval.low, interval.high))
