"""The page that shows a report of the reproduction: the same numbers as its files, and what is wrong with a folder."""

from __future__ import annotations

import json
import shutil
from html import escape, unescape
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from core.cli.main import main
from tests.helpers.pages import OpenPage
from tests.helpers.tiny import save_tiny, write_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small report."""
    root = tmp_path_factory.mktemp("report")
    model, corpus = save_tiny(root / "model", "llama"), write_table(root / "sentences.tsv", 8, 6, ("en", "es", "ja"))
    asked = ["reproduce", "--model", str(model), "--dtype", "float32", "--device", "cpu", "--corpus", corpus]
    asked += ["--targets", "es", "--experts", "20", "--sweep", "20", "--texts", "2", "--seeds", "1"]
    asked += ["--text-tokens", "3", "--perplexity-sentences", "2"]
    assert main([*asked, "--out", str(root / "report"), "--cache", str(root / "cache")]) == 0
    return root / "report"


def test_shows_what_the_files_say(open_page: OpenPage, folder: Path) -> None:
    page = open_page("reproduction", **{"view.folder": str(folder)})
    assert not page.exception
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (table,) = (str(html.proto.body) for html in page.get("html") if "<table>" in str(html.proto.body))
    shown = [[cell.text for cell in row] for row in ElementTree.fromstring(table).iter("tr")]
    assert [row[1:] for row in shown] == [
        ["claim", "measured"],
        *([said["claim"], said["text"]] for said in content["verdicts"]),
    ]
    picked = next(box for box in page.selectbox if box.label == "Item")
    assert len(picked.options) == sum(item["state"] == "measured" for item in content["items"].values())
    assert any("Not asked for (--bucc DIR)." in str(html.proto.body) for html in page.get("html"))
    picked.select("distances").run()
    assert not page.exception
    assert not any("standard_error" in frame.value for frame in page.dataframe)  # it is built when it is opened
    page.session_state["measurements-distances"] = True
    page.run()
    assert page.query_params["view.item"] == "distances"
    written = pd.read_csv(folder / "distances.csv")
    frames = [frame for frame in (s.value for s in page.dataframe) if "standard_error" in frame]
    assert frames[0]["value"].tolist() == pytest.approx(written["value"].tolist())


@pytest.mark.parametrize("item", ["experts", "retrieval", "projection", "correlations", "choice_of_k", "methods"])
def test_every_item_opens_from_a_link(open_page: OpenPage, folder: Path, item: str) -> None:
    page = open_page("reproduction", **{"view.folder": str(folder), "view.item": item})
    assert not page.exception
    captions = json.loads((folder / "report.json").read_text(encoding="utf-8"))["items"][item]["figures"]
    said = unescape(" ".join(str(html.proto.body) for html in page.get("html")))
    for figure in captions:
        assert figure["caption"].split(";")[0] in said
    charts = page.get("vega_lite_chart")
    assert len(charts) == len(captions) > 0
    for chart in charts:  # a report's heights are of plots, into which nothing else is fitted
        spec = json.loads(chart.proto.spec)
        assert spec["autosize"]["type"] == "fit-x" or not {"layer", "mark"} & spec.keys()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "report.json"), ("{", "is not JSON"), ("[]", "of another kind")],
)
def test_says_what_is_wrong_with_a_folder(open_page: OpenPage, tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content, encoding="utf-8")
    page = open_page("reproduction", **{"view.folder": str(tmp_path)})
    assert not page.exception
    said = unescape(" ".join(str(html.proto.body) for html in page.get("html")))
    assert words in said
    assert "python -m core reproduce" in said


def test_texts_of_a_folder_are_text_and_a_report_of_other_contents_is_refused(
    open_page: OpenPage, folder: Path, tmp_path: Path
) -> None:
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    title = "![x](http://127.0.0.1:1/x.png) <img src=x> **bold**"
    content["items"]["experts"]["title"] = title
    content["verdicts"][0]["text"] = title
    shutil.copytree(folder, tmp_path / "report")
    (tmp_path / "report" / "report.json").write_text(json.dumps(content), encoding="utf-8")
    link = {"view.folder": str(tmp_path / "report"), "view.item": "experts"}
    page = open_page("reproduction", **link)
    assert not page.exception
    bodies = [str(html.proto.body) for html in page.get("html")]
    assert f"<h2>{escape(title)}</h2>" in bodies
    assert all("<img" not in body for body in bodies)
    assert all("![x]" not in markdown.value for markdown in (*page.markdown, *page.header, *page.caption))
    (tmp_path / "report" / "experts.csv").write_text("other\n1\n", encoding="utf-8")
    content["settings"]["experts"] = "many"
    (tmp_path / "report" / "report.json").write_text(json.dumps(content), encoding="utf-8")
    page = open_page("reproduction", **link)
    assert not page.exception
    said = unescape(" ".join(str(html.proto.body) for html in page.get("html")))
    assert "it is not as python -m core reproduce writes it" in said
