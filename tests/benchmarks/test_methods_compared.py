"""The table of interventions compared states what was recorded, for every figure and condition."""

from __future__ import annotations

import json

from benchmarks import methods_compared
from core.analyses.method_comparison import FIGURES, RANKED


def test_the_table_states_the_record() -> None:
    record = json.loads(methods_compared.FILE.read_text(encoding="utf-8"))
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
    """Beside the table: what is free wins every measure of alignment, and DiffMean leaves the target as it is."""
    rows = json.loads(methods_compared.FILE.read_text(encoding="utf-8"))["methods"]
    for name in ("top1_target", "top1_all", "mexa_all"):
        best = {kind: max(row[name] for row in rows if row["kind"] == kind) for kind in ("free", "method")}
        assert best["free"] > best["method"]
    (moved,) = (row for row in rows if row["condition"] == "diff-mean")
    assert moved["perplexity"] == 1
