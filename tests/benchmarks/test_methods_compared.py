"""The table of interventions compared states what was recorded, for every figure and condition."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks import methods_compared
from core.analyses.method_comparison import FIGURES, RANKED
from core.neurons.methods import METHODS


def _record() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(methods_compared.FILE.read_text(encoding="utf-8"))
    return record


def test_the_table_states_the_record() -> None:
    record = _record()
    head, _, *lines, _, said = methods_compared.table().splitlines()
    assert [title.strip() for title in head.split("|")[2 : 2 + len(RANKED)]] == [FIGURES[name].title for name in RANKED]
    assert len(lines) == len(record["methods"])
    for line, row in zip(lines, record["methods"], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == row["title"]
        for cell, name in zip(cells[1:], RANKED, strict=False):
            assert (cell == "") == (row[name] is None)
            if row[name] is not None and row[name] < 1000:
                assert cell.startswith(f"{row[name]:.3f}")
    assert all(str(value) in said for value in record["conditions"].values())


def test_what_the_text_concludes_follows_from_the_record() -> None:
    """The paragraph below the table, sentence by sentence."""
    rows = {row["condition"]: row for row in _record()["methods"]}
    methods = {name: row for name, row in rows.items() if row["kind"] == "method"}
    free = {name: row for name, row in rows.items() if row["kind"] == "free"}
    aligned = ("top1_target", "top1_all", "mexa_all")
    for measure in aligned:
        by_value = sorted(free, key=lambda name: free[name][measure], reverse=True)
        assert set(by_value[:3]) == {"whitening", "whitening-label-free", "subspace-whitening"}
        best = max(row[measure] for row in methods.values())
        assert free[by_value[0]][measure] > best
        held = methods["set-mean"]
        for name in ("probe-means", "subspace"):  # a little below the mean, within the intervals
            assert free[name][measure] < held[measure] < free[name][f"{measure}_high"]
        assert free["overall-mean"][measure] < rows["unmodified"][measure] + 0.1  # does little
        assert methods["set-mean"][measure] == methods["set-median"][measure] == best
        second = sorted((row[measure] for row in methods.values()), reverse=True)[2:4]
        assert second == [methods["lineas"][measure], methods["incline"][measure]]
        for name in ("lineas", "incline"):  # lower, with intervals that still meet
            assert methods[name][f"{measure}_high"] > held[f"{measure}_low"]


def test_what_the_text_says_of_transfer_and_of_what_is_written_follows_from_the_record() -> None:
    rows = {row["condition"]: row for row in _record()["methods"]}
    methods = {name: row for name, row in rows.items() if row["kind"] == "method"}
    assert rows["whitening"]["transfer"] <= rows["unmodified"]["transfer"]  # gains nothing
    for name, said in (("whitening", ".427"), ("unmodified", ".438"), ("subspace", ".729")):
        assert f"{rows[name]['transfer']:.3f}" == f"0{said}"
    assert max(rows.values(), key=lambda row: row["transfer"]) is rows["subspace"]  # the highest
    held, learned = methods["set-mean"], methods["lineas"]
    assert learned["perplexity_high"] < held["perplexity_low"]
    assert min(methods.values(), key=lambda row: row["mean_rank"]) is learned
    assert (held["lines"], held["lines_n"]) == (None, 0)  # no answer with a line that counts
    assert (rows["random"]["mean_rank"], rows["unmodified"]["mean_rank"]) == (None, None)
    for name, row in methods.items():
        if METHODS[name].by_source is not None:  # these leave the target's own sentences alone
            assert row["perplexity"] == (held["perplexity"] if name == "arithmetic" else 1), name


def test_a_mean_rank_is_the_mean_of_ranks_by_scipy() -> None:
    """Taken again from the figures that are recorded: one that a method lacks ranks last."""
    rows = [row for row in _record()["methods"] if row["kind"] == "method"]
    ranks = {}
    for name in RANKED:
        sign = -1 if FIGURES[name].higher_is_better else 1
        ranks[name] = rankdata([np.inf if row[name] is None else sign * row[name] for row in rows])
        np.testing.assert_allclose(ranks[name], [row[f"{name}_rank"] for row in rows])
    np.testing.assert_allclose(np.mean(list(ranks.values()), axis=0), [row["mean_rank"] for row in rows])
