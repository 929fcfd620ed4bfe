"""A measure that is added to the table stands in every list: command line, JSON, grid, summary, report, pages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from core.analyses import grid
from core.cli.main import main
from core.pipeline.before_after import BeforeAfter, Change
from core.pipeline.measure_table import MEASURES, SHARE, Measure
from core.pipeline.result import Result
from dashboard.state import link
from dashboard.text import report, summary
from dashboard.work import process
from tests.helpers.bench import until
from tests.helpers.pages import LinkOnCache, OpenPage
from tests.helpers.results import make_result

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


def test_the_command_line_says_it_and_writes_it_to_the_json(
    link_on_cache: LinkOnCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query, out = link_on_cache(tiny=True), tmp_path / "result.json"
    options = ["--model", query["model"], "--corpus", query["corpus"], "--dtype", "float32", "--experts", query["k"]]
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
    result = process.engine().known(page.session_state["experiment"])
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
    asked = page.session_state["experiment"]
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
    asked = page.session_state["experiment"]
    engine = process.engine()
    first, second = engine.run(asked), engine.run(replace(asked, strength=0.5))
    page = open_page("compare", **{"view.with": urlencode(link.to_query(replace(asked, strength=0.5)))})
    until(lambda: page.run().dataframe, "both results are there")
    row = page.dataframe[1].value.set_index("measure").loc[TITLE]
    assert row["A after"] == pytest.approx(first.pairs["top1_post"].min(), abs=1e-4)
    assert row["B after"] == pytest.approx(second.pairs["top1_post"].min(), abs=1e-4)
