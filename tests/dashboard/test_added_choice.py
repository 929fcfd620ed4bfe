"""A method or a score added to its table stands in every list, and runs; a setting is its field and its entry.

Each test registers one as a programmer would, then goes through everything that lists it: the command line's help, run
and JSON, the sidebar, link, experiment file, summary, report, and the pages.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.cli.main import main
from core.experiment.file import read_experiment, write_experiment
from core.experiment.settings import Experiment
from core.neurons.methods import METHODS, Method
from core.neurons.scores import SCORES, Score
from core.pipeline.result import Result
from core.reproduction.items import methods as methods_item
from core.reproduction.settings import Settings
from dashboard.state import link
from dashboard.text import report, summary, tour
from tests.helpers.bench import until
from tests.helpers.command_line import ROOT
from tests.helpers.pages import LinkOnCache, OpenPage
from tests.helpers.results import make_result

METHOD = Method("flip", "Flip the sign", "(1 - s) z - s z", "turned against {}", lambda _: (-1.0, 0.0))


def largest(responses: np.ndarray, labels: np.ndarray, n_languages: int) -> np.ndarray:
    return np.stack([responses[:, labels == n].max(axis=1) for n in range(n_languages)]).astype(np.float64)


SCORE = Score("largest", "Largest response", "the largest response to a sentence", "It has no chance level.", largest)


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a programmer adds: an entry in each table."""
    monkeypatch.setitem(METHODS, METHOD.name, METHOD)
    monkeypatch.setitem(SCORES, SCORE.name, SCORE)


def test_the_command_line_lists_and_runs_both(
    link_on_cache: LinkOnCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = capsys.readouterr().out
    for words in (METHOD.name, METHOD.formula, SCORE.name, SCORE.about):
        assert words in text
    query, out = link_on_cache(tiny=True), tmp_path / "result.json"
    options = ["--model", query["model"], "--corpus", query["corpus"], "--dtype", "float32", "--target", "ja"]
    options += ["--experts", "20", "--score", "largest", "--cache", str(tmp_path / "cache")]
    assert main(["run", *options, "--method", "flip", "--json", str(out)]) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    assert (written["experiment"]["method"], written["experts"]["score"]) == ("flip", "largest")
    text = capsys.readouterr().out
    assert f"mean {SCORE.title} of the experts" in text
    assert "flip at strength 1" in text
    assert read_experiment(out) == replace(read_experiment(out), method="flip", score="largest")
    compared = ["--methods", "flip", "--languages", "en,ja", "--prompt-languages", "en", "--n-prompts", "1"]
    assert main(["methods", *options, *compared, "--json", str(out)]) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["methods"]
    assert [row["condition"] for row in rows if row["kind"] == "method"] == ["flip"]
    assert f"\n{METHOD.title} " in capsys.readouterr().out


def test_link_and_file_hold_both(tmp_path: Path) -> None:
    asked = Experiment(method="flip", score="largest")
    assert link.from_query(link.to_query(asked)) == (asked, [])
    path = tmp_path / "saved.json"
    path.write_text(write_experiment(asked), encoding="utf-8")
    assert read_experiment(path) == asked


def made(**changes: Any) -> Result:
    """A made result under the added method and score."""
    result = make_result()
    asked = replace(result.plan.experiment, method="flip", score="largest", **changes)
    return replace(result, plan=replace(result.plan, experiment=asked))


def test_the_texts_say_both() -> None:
    assert "that best recognise **Japanese** turned against Japanese" in summary.summary(made())
    assert "turned against Japanese, with strength 0.5" in summary.summary(made(strength=0.5))
    assert "treated as Japanese's experts would be" in summary.summary(made(control="random"))
    page = report.html(made())
    assert "turned against Japanese" in page
    assert f"mean {SCORE.title}" in page
    assert "flip the sign at all tokens" in summary.conditions(made())
    words = tour.words(made().plan.experiment)
    assert (words["deed"], words["reading"]) == ("turned against Japanese", SCORE.reading)


def test_the_pages_say_both(open_page: OpenPage) -> None:
    page = open_page("", method="flip", score="largest")
    boxes = {box.label: box for box in page.sidebar.selectbox}
    assert boxes["Intervention"].value == "flip"
    assert METHOD.title in boxes["Intervention"].options
    assert SCORE.title in boxes["Score"].options
    assert f"{SCORE.title}: {SCORE.about}." in boxes["Score"].proto.help
    until(lambda: page.run().dataframe, "the result is there")
    assert not page.exception
    assert any("turned against Japanese" in text.value for text in page.markdown)
    page = open_page("experts", method="flip", score="largest")
    until(lambda: page.run().dataframe, "the experts are there")
    assert not page.exception
    said = "\n".join(html.proto.body for html in page.get("html"))
    assert SCORE.reading in said
    assert "AUROC" not in said
    page = open_page("what-if", method="flip", score="largest", **{"view.counts": "20", "view.strengths": "0, 1"})
    assert not page.exception
    page = open_page("methods", method="flip", score="largest")
    assert not page.exception
    (offered,) = [box for box in page.multiselect if box.label == "Interventions"]
    assert METHOD.title in offered.options
    assert offered.value == ["flip"]
    assert page.button(key="start-methods").label == "Measure 3 conditions"  # unmodified, this one, random neurons


def test_the_reproduction_compares_both() -> None:
    study = SimpleNamespace(settings=Settings(), targets=("ja",))
    compared = methods_item.experiments(study)  # type: ignore[arg-type]
    assert "flip" in {experiment.method for experiment in compared}
    assert "largest" in {experiment.score for experiment in compared}


FIELD = "    seed: int = 0\n\n    def __post_init__"
ENTRY = """
from core.choices import Choice, by_name

WARMTH = by_name(Choice("cold", "Cold"), Choice("hot", "Hot"))
SETTINGS["warmth"] = Setting("warmth", "Warmth", "How warm it is", OneOf(table=WARMTH), "other", panel="more")
"""
SIDEBAR = """
from dashboard.sidebar import controls
from dashboard.state import session

session.visitor().page = ""
controls.sidebar()
"""
USE = """
import sys
from dataclasses import replace
from core.cli import options
from core.cli.main import parser
from core.experiment.file import read_experiment, write_experiment
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.errors import SettingError
from dashboard.state import link
from pathlib import Path
from streamlit.testing.v1 import AppTest

said = options.experiment(parser().parse_args(["run", "--target", "ja", "--warmth", "hot"]))
assert said == replace(Experiment(), warmth="hot")
assert link.to_query(said)["warmth"] == "hot"
assert link.from_query(link.to_query(said)) == (said, [])
assert link.from_query({"warmth": "x"})[1] == [
    "The link says warmth=x, which is not cold or hot; the default is used."
]
saved = Path(sys.argv[1], "saved.json")
saved.write_text(write_experiment(said), encoding="utf-8")
assert read_experiment(saved) == said
try:
    plan(replace(said, warmth="x"))
except SettingError as error:
    assert str(error) == "warmth 'x': it is not one that is known. Use cold or hot."
else:
    raise AssertionError("not refused")

page = AppTest.from_string(SIDEBAR, default_timeout=300)
page.query_params["warmth"] = "hot"
page.session_state["sidebar-more"] = True
page.run()
assert not page.exception, page.exception
(box,) = [box for box in page.sidebar.selectbox if box.label == "Warmth"]
assert (box.value, list(box.options)) == ("hot", ["Cold", "Hot"])
box.select("cold").run()
assert "warmth" not in page.query_params
print("all of it")
"""


def test_a_setting_is_its_field_and_its_entry(tmp_path: Path) -> None:
    for package in ("core", "dashboard"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    settings, names = (tmp_path / "core" / "experiment" / name for name in ("settings.py", "names.py"))
    text = settings.read_text(encoding="utf-8")
    assert FIELD in text
    settings.write_text(text.replace(FIELD, FIELD.replace("\n\n", '\n    warmth: str = "cold"\n\n')), encoding="utf-8")
    names.write_text(names.read_text(encoding="utf-8") + ENTRY, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", f"SIDEBAR = {SIDEBAR!r}\n{USE}", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "LANGUAGE_NEURONS_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.stdout.strip().endswith("all of it"), done.stderr[-3000:]
    listed = subprocess.run(
        [sys.executable, "-m", "core", "run", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert "How warm it is (default: cold)" in " ".join(listed.stdout.split())
