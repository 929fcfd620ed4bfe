"""A measure that is added to the table stands in every list: command line, JSON, grid, summary, report, pages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from core.analyses import grid
from core.cli.main import main
from core.experiment.settings import Experiment
from core.pipeline.before_after import BeforeAfter, Change, mean
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES, Measure
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.spaces.pairs import COLUMNS, PairColumn
from core.stats.units import SHARE
from core.store.store import Store
from dashboard.state import link
from dashboard.text import report, summary
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import LinkOnCache, OpenPage, experiment_of
from tests.helpers.results import make_result
from tests.helpers.tiny import save_tiny, write_table

TITLE = "Top-1, worst pair"


def worst_pair(spaces: BeforeAfter) -> Change:
    return Change(float(spaces.pairs["top1_pre"].min()), float(spaces.pairs["top1_post"].min()))


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a programmer adds: one entry, here of numbers that are there already."""
    measure = Measure(
        "worst_pair", TITLE, SHARE, True, "The least top-1 of any pair.", worst_pair, free="the worst pair of {place}"
    )
    measure = replace(measure, details=lambda _: {"place": "Nowhere"}, headline=True)
    monkeypatch.setitem(MEASURES, measure.name, measure)


def mutual(space: np.ndarray) -> np.ndarray:
    """Share of rows that are each other's nearest: a number that is not there already."""
    n = range(len(space))
    found = np.full((len(space), len(space)), np.nan)
    for query in n:
        for candidate in n:
            table = cosine_similarity(space[query], space[candidate])
            own, there, back = table.diagonal(), table.argmax(axis=1), table.argmax(axis=0)
            found[query, candidate] = ((there == back) & (there == np.arange(len(own)))).mean()
    return found


def test_a_number_of_its_own_is_computed_kept_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the entry, one in the table of what is measured of every pair of languages."""
    experiment = Experiment(
        model=str(save_tiny(tmp_path / "model", "gemma3")),
        corpus=write_table(tmp_path / "sentences.tsv"),
        dtype="float32",
        target="ja",
        experts=20,
    )
    engine = Engine(Store(tmp_path / "cache"))
    before = engine.run(experiment)
    monkeypatch.setitem(COLUMNS, "mutual", PairColumn("mutual", mutual, lambda space, query: mutual(space)[query]))
    read = Measure("mutual", "Mutual", SHARE, True, "Both nearest.", lambda spaces: mean(spaces.pairs, "mutual"))
    monkeypatch.setitem(MEASURES, "mutual", read)
    assert engine.known(experiment) is None  # the new number has yet to be computed
    after = engine.run(experiment)

    def expected(run: Run) -> float:
        _, intervention = run.spaces()
        found = mutual(run.stages.embeddings(0, intervention, run.plan.layer))
        return float(found[~np.eye(len(found), dtype=bool)].mean())

    assert after.to_json()["summary"]["mutual"]["post"] == pytest.approx(engine.answer(experiment, expected))
    assert "mutual_post" in after.to_json()["retrieval"][0]
    assert after.layers["mutual_pre"].iloc[-1] == pytest.approx(after.from_target["mutual_pre"].mean())
    assert engine.answer(experiment, grid.cell)["mutual"] == read.read(after).post
    monkeypatch.undo()
    again = engine.known(experiment)  # what was kept of before is what it was
    assert again is not None
    pd.testing.assert_frame_equal(again.pairs, before.pairs)


def test_the_command_line_says_it_and_writes_it_to_the_json(
    link_on_cache: LinkOnCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query, out = link_on_cache(tiny=True), tmp_path / "result.json"
    options = [f"--{name}={query[name]}" for name in ("model", "corpus", "dtype", "experts")]
    assert main(["run", "--target", "ja", *options, "--cache", str(tmp_path / "cache"), "--json", str(out)]) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    sides = [min(row[f"top1_{side}"] for row in written["retrieval"]) for side in ("pre", "post")]
    assert written["summary"]["worst_pair"] == {"place": "Nowhere", "pre": sides[0], "post": sides[1]}
    (line,) = (line for line in capsys.readouterr().out.splitlines() if TITLE in line)
    assert f"{sides[0]:.3f} -> {sides[1]:.3f}" in line
    assert {"target_top1", "all_top1"} < set(written["summary"])


def test_the_summary_and_the_report_say_it() -> None:
    result = make_result(by_candidate={"en": (0.06, 0.2)})
    assert "the worst pair of Nowhere gives 6.0%" in summary.summary(result)
    page = report.html(result)
    assert f"{TITLE} (place Nowhere)</td>" in page.replace("\n", "")
    assert "The least top-1 of any pair." in page
    assert "+14.0 points" in page


def test_the_first_page_shows_it(open_page: OpenPage) -> None:
    page = open_page("")
    until(lambda: page.run().dataframe, "the result is there")
    assert not page.exception
    result = process.engine().known(experiment_of(page))
    assert isinstance(result, Result)
    low = result.pairs["top1_post"].min()
    (shown,) = (metric for metric in page.metric if metric.label.startswith(TITLE))
    assert shown.value == summary.percent(low)
    (table,) = (each.value for each in page.dataframe if "what it says" in each.value)
    row = table.set_index("measure").loc[f"{TITLE} (place Nowhere)"]
    assert row["after"] == summary.percent(low)
    assert row["what it says"] == "The least top-1 of any pair."
    assert len(table) == len(MEASURES)


def test_a_cell_has_it_and_the_pickers_of_what_if_offer_it(open_page: OpenPage) -> None:
    page = open_page("what-if", **{"view.counts": "20", "view.strengths": "1", "view.measure": "worst_pair"})
    assert not page.exception
    if [button for button in page.button if button.key == "start-sweep"]:
        page.button(key="start-sweep").click().run()
    until(lambda: not {"start-sweep", "stop-sweep"} & {b.key for b in page.run().button}, "all are computed")
    (picker,) = (control for control in page.segmented_control if control.label == "Measure")
    assert TITLE in picker.options
    assert picker.value == "worst_pair"
    asked = experiment_of(page)
    cell, result = process.engine().answer_known(asked, grid.cell), process.engine().run(asked)
    assert cell is not None
    assert cell["worst_pair"] == result.pairs["top1_post"].min()
    said = " ".join(text.value for text in page.markdown)
    assert f"**20 neurons at strength 1**: {summary.percent(cell['worst_pair'])}" in said
    other = open_page("what-if", **{"view.counts": "20", "view.strengths": "1"})
    (condition,) = (box for box in other.selectbox if box.label == "Provided that")
    assert TITLE in condition.options


def test_two_settings_are_compared_on_it(open_page: OpenPage) -> None:
    page = open_page("")
    asked = experiment_of(page)
    engine = process.engine()
    first, second = engine.run(asked), engine.run(replace(asked, strength=0.5))
    page = open_page("compare", **{"view.with": urlencode(link.to_query(replace(asked, strength=0.5)))})
    until(lambda: page.run().dataframe, "both results are there")
    row = page.dataframe[1].value.set_index("measure").loc[TITLE]
    least = [SHARE.text(result.pairs["top1_post"].min()) for result in (first, second)]
    assert row[["A", "B", "95%"]].tolist() == [*least, ""]  # it is not read sentence by sentence
