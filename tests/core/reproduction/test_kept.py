"""Items that a report keeps from its folder, without the cache that they were computed in."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core import machine
from core.errors import SettingError
from core.reproduction.kept import ALL, kept
from core.reproduction.settings import Settings
from core.version import __version__
from tests.helpers.reproduction import ReproductionCase


def test_what_is_kept_is_not_measured_again_and_says_when_it_was(
    asked_for: ReproductionCase, report: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(report, tmp_path / "report")
    before = json.loads((out / "report.json").read_text(encoding="utf-8"))
    before["items"]["retrieval"]["measured"] = {"date": "2001-02-03", "processor": "an older one"}
    for item in before["items"].values():
        item.pop("measured") if item["title"] == before["items"]["methods"]["title"] else None
    (out / "report.json").write_text(json.dumps(before), encoding="utf-8")
    assert asked_for.run(out, tmp_path / "cache", "--keep", "all") == 0
    stages = {path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()}
    assert not stages & {"responses", "embeddings", "written"}, "something was measured"
    after = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert after["verdicts"] == before["verdicts"]
    assert after["comparison"] == before["comparison"]
    assert after["items"]["experts"]["measured"] == {
        "date": before["items"]["experts"]["measured"]["date"],
        "version": __version__,
        **machine.described(),
    }
    assert after["items"]["methods"]["measured"] == {"date": before["written"][:10]}
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "Measured on 2001-02-03, on an older one." in html
    for path in report.glob("*.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(out / path.name), pd.read_csv(path), obj=path.name)


def test_an_item_is_measured_again_while_all_others_are_kept(
    asked_for: ReproductionCase, report: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(report, tmp_path / "report")
    content = json.loads((out / "report.json").read_text(encoding="utf-8"))
    for item in content["items"].values():
        item["measured"] = item.get("measured") and {"date": "2001-02-03", "processor": "an older one"}
    (out / "report.json").write_text(json.dumps(content), encoding="utf-8")
    pd.read_csv(out / "experts.csv").assign(value=7.0).to_csv(out / "experts.csv", index=False)
    assert asked_for.run(out, tmp_path / "cache", "--items", "experts", "--keep", "all") == 0
    assert not (tmp_path / "cache" / "written").exists(), "another was measured"
    pd.testing.assert_frame_equal(pd.read_csv(out / "experts.csv"), pd.read_csv(report / "experts.csv"))
    after = json.loads((out / "report.json").read_text(encoding="utf-8"))["items"]
    dates = {name: item["measured"]["date"] for name, item in after.items() if item["state"] == "measured"}
    assert dates.pop("experts") != "2001-02-03"
    assert set(dates.values()) == {"2001-02-03"}
    assert dates.keys() == {name for name, item in content["items"].items() if item["measured"]} - {"experts"}


def test_an_item_that_is_kept_and_measured_again_or_neither_is_refused(
    asked_for: ReproductionCase,
    asked_settings: Settings,
    report: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}
    with pytest.raises(SettingError, match="keep experts, and measure it again: it is named in both"):
        kept(report, ("experts", "distances"), asked_settings, ("experts",))
    assert asked_for.run(report, tmp_path / "cache", "--items", "experts") == 2
    said = capsys.readouterr().err
    assert f"write experts into {report}" in said
    assert "distances" in said
    assert "--keep all" in said
    assert not (tmp_path / "cache").exists()
    assert {path: path.read_bytes() for path in report.rglob("*") if path.is_file()} == before
    content = json.loads((report / "report.json").read_text(encoding="utf-8"))
    measured = [name for name, item in content["items"].items() if item["state"] == "measured"]
    assert kept(report, (), asked_settings, measured) == {}  # what is there is measured again, and nothing is lost
    assert kept(tmp_path, (), asked_settings, ("experts",)) == {}


def test_what_cannot_be_kept_is_refused(
    asked_for: ReproductionCase,
    asked_settings: Settings,
    report: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SettingError, match="bucc"):
        kept(report, ("experts", "bucc"), asked_settings)
    with pytest.raises(SettingError, match="they share a table"):
        kept(report, ("retrieval",), asked_settings)
    with pytest.raises(SettingError, match=r"report\.json"):
        kept(tmp_path, ALL, asked_settings)
    others = replace(asked_settings, bucc_distractors=5)
    assert "experts" in kept(report, ("experts",), others)
    with pytest.raises(SettingError, match="measured with no bucc distractors, and now there is bucc distractors 5"):
        kept(report, ALL, others)
    with pytest.raises(SettingError, match="keep choice_of_k of the report"):
        kept(report, ALL, replace(asked_settings, texts=asked_settings.texts + 1))
    out = shutil.copytree(report, tmp_path / "report")
    before = json.loads((out / "report.json").read_text(encoding="utf-8"))
    pd.read_csv(out / "methods.csv").drop(columns="score").to_csv(out / "methods.csv", index=False)
    assert asked_for.run(out, tmp_path / "cache", "--keep", "all") == 2
    said = capsys.readouterr().err
    assert "keep the item methods" in said
    assert "Leave it out of --keep" in said
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == before, "a refusal loses nothing"
    rest = [name for name, item in before["items"].items() if item["state"] == "measured" and name != "methods"]
    assert asked_for.run(out, tmp_path / "cache", "--keep", ",".join(rest)) == 0
    after = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert {name: item["tables"] for name, item in after["items"].items()} == {
        name: item["tables"] for name, item in before["items"].items()
    }


def test_a_run_that_stops_before_it_has_measured_anything_has_what_it_keeps(
    asked_for: ReproductionCase, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first item is not kept, and the run ends in it."""
    out = shutil.copytree(report, tmp_path / "report")
    before = json.loads((out / "report.json").read_text(encoding="utf-8"))
    rest = [name for name, item in before["items"].items() if item["state"] == "measured" and name != "experts"]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("core.reproduction.steps.StepRunner.run", stop)
    assert asked_for.run(out, tmp_path / "cache", "--keep", ",".join(rest)) != 0
    after = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert {name: after["items"][name] for name in rest} == {name: before["items"][name] for name in rest}
    assert after["seconds_by_step"] == before["seconds_by_step"]
