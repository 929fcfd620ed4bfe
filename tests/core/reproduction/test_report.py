"""The whole command: what it writes, how it refuses, and that it goes on after it was stopped."""

from __future__ import annotations

import errno
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from core.cli.main import main
from core.reproduction import published
from core.reproduction.items import ITEMS
from core.reproduction.report import Report
from core.reproduction.settings import Settings, bound
from core.reproduction.study import Study
from core.store.store import Store
from tests.helpers.reproduction import LANGUAGES, N_EVAL, N_PROBE, TARGETS, ReproductionCase

COLUMNS = {
    "tests.csv": "model target k strength control metric layer query candidate n p",
    "retrieval.csv": "model target k strength control space metric layer query candidate n top1 low high",
    "distances.csv": "model target k strength control space distance value standard_error n",
    "correlations.csv": "model target y x space r low high p n significant",
    "choice_of_k.csv": "model target k measure value low high n",
    "tatoeba.csv": "model target space query candidate n top1 low high",
    "methods.csv": "target method score top1 distance centred",
    "similarity.csv": "target candidate gain same_script same_family similarity",
    "experts.csv": "target measure value",
}


def test_every_table_has_its_columns_and_rows(report: Path) -> None:
    for name, columns in COLUMNS.items():
        frame = pd.read_csv(report / name)
        assert len(frame)
        assert set(columns.split()) <= set(frame.columns), name
    retrieval = pd.read_csv(report / "retrieval.csv")
    assert set(retrieval["control"]) == {"none", "random"}
    last = retrieval[(retrieval["metric"] == "cosine") & (retrieval["layer"] == retrieval["layer"].max())]
    ordered = len(LANGUAGES) * (len(LANGUAGES) - 1)
    assert len(last) == ordered * len(TARGETS) * 2 * 2  # two spaces, two controls
    points = pd.read_parquet(report / "projection.parquet")
    assert len(points) == 2 * len(TARGETS) * len(LANGUAGES) * N_EVAL


def test_the_page_needs_nothing_else_and_sets_published_beside_measured(report: Path) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=(?!'data:|'#)[^>]{0,40}", html) == []
    for model in published.MODELS:
        assert model in html
    assert "What held, and what did not" in html
    assert "Not asked for (--bucc DIR)." in html
    compared = pd.read_csv(report / "comparison.csv", keep_default_na=False)
    for row in compared.to_dict("records"):
        assert row["difference"] == pytest.approx(row["measured"] - row["published"])
    aya = compared[(compared["published_model"] == "Aya-8b") & (compared["measure"] == "all pairs")]
    assert dict(zip(aya["space"], aya["published"], strict=True)) == {"pre": 0.72, "post": 0.19}
    measured = pd.read_csv(report / "distances.csv")
    mean = measured[(measured["target"] == "mean") & (measured["distance"] == "all pairs")]
    mean = mean[(mean["control"] == "none") & (mean["metric"] == "cosine") & (mean["layer"] == mean["layer"].max())]
    mean = mean.set_index("space")["value"]
    assert dict(zip(aya["space"], aya["measured"], strict=True)) == pytest.approx(mean.to_dict())


def test_nothing_in_the_folder_says_where_it_was_made(report: Path, asked_for: ReproductionCase) -> None:
    place = str(asked_for.model.parent)
    for path in report.rglob("*"):
        if path.suffix in (".html", ".json", ".csv", ".svg"):
            assert place not in path.read_text(encoding="utf-8"), path.name


def test_the_summary_says_conditions_costs_and_what_is_missing(report: Path) -> None:
    found = json.loads((report / "report.json").read_text(encoding="utf-8"))
    states = {name: item["state"] for name, item in found["items"].items()}
    assert {name for name, state in states.items() if state == "missing"} == {
        "bucc",
        "footing",
        "paraphrase",
        "transfer",
    }
    assert set(states) == {item.name for item in ITEMS}
    for item in found["items"].values():
        for name in item["tables"]:
            assert (report / name).is_file()
        for figure in item["figures"]:
            assert (report / "figures" / f"{figure['name']}.svg").read_text(encoding="utf-8").startswith("<svg")
            assert (report / "figures" / f"{figure['name']}.png").read_bytes()[:4] == b"\x89PNG"
    assert any(figure["name"] == "projection_ja" for figure in found["items"]["projection"]["figures"])
    assert found["settings"]["model_digest"]
    assert found["settings"]["seed"] == 3
    assert found["conditions"]["probe_sentences"] == N_PROBE
    assert found["conditions"]["eval_sentences"] == N_EVAL
    assert {"experts: es", "retrieval: ja"} <= set(found["seconds_by_step"])
    assert all(verdict["text"] for verdict in found["verdicts"])


class Killed(KeyboardInterrupt):
    pass


def _killed_after(monkeypatch: pytest.MonkeyPatch, most: int | None, stored: list[str]) -> None:
    """Note every stage that is stored, and kill the process when it is about to store after ``most`` of them."""
    put, before = Store.put, len(stored)

    def counting(self: Store, stage: str, provenance: Any, *rest: Any, **more: Any) -> Any:
        if most is not None and len(stored) - before >= most:
            raise Killed
        stored.append(f"{stage} {provenance}")
        return put(self, stage, provenance, *rest, **more)

    monkeypatch.setattr(Store, "put", counting)


def test_goes_on_after_it_was_killed(
    asked_for: ReproductionCase, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, cache = tmp_path / "report", tmp_path / "cache"
    items = ("--items", "experts,retrieval,distances,control,choice_of_k,methods")  # of every kind of work
    stored: list[str] = []
    for writes in (10, 60):
        with monkeypatch.context() as patched:
            _killed_after(patched, writes, stored)
            assert asked_for.run(out, cache, *items) == 130
    partial = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert partial["items"]["experts"]["state"] == "measured"
    assert partial["items"]["methods"]["why"] == "Not yet measured."
    assert "Not yet measured." in (out / "report.html").read_text(encoding="utf-8")
    with monkeypatch.context() as patched:
        _killed_after(patched, None, stored)
        assert asked_for.run(out, cache, *items) == 0
    read = [what for what in stored if what.startswith("responses ")]
    assert len(read) >= 4
    assert len(read) == len(set(read)), "a probe language was read twice"
    found, whole = (json.loads((folder / "report.json").read_text(encoding="utf-8")) for folder in (out, report))
    measured = [item for item in found["items"].values() if item["state"] == "measured"]
    assert len(measured) == 6
    for name in (table for item in measured for table in item["tables"] if table.endswith(".csv")):
        pd.testing.assert_frame_equal(pd.read_csv(out / name), pd.read_csv(report / name), obj=name)
    assert set(found["seconds_by_step"]) == {
        step for step in whole["seconds_by_step"] if step.partition(":")[0] in items[1].split(",")
    }


def _flores(folder: Path, short: str = "") -> str:
    for split, n in (("dev", 6), ("devtest", 6)):
        (folder / split).mkdir(parents=True)
        for code in ("eng_Latn", "spa_Latn", "jpn_Jpan"):
            lines = n - (code == short and split == "devtest")
            text = "".join(f"{code} {split} {row}\n" for row in range(lines))
            (folder / split / f"{code}.{split}").write_text(text, encoding="utf-8")
    return f"flores:{folder}"


REFUSALS: dict[str, tuple[list[str], list[str]]] = {
    "language": (["--languages", "en,sw"], ["evaluate on sw", "en, de, es, ru, ja"]),
    "target": (["--targets", "fr"], ["fr", "en, de, es, ru, ja"]),
    "targets the corpus lacks": (["--languages", "de,sw"], ["sw"]),
    "corpus of pairs": (["--corpus", "tatoeba:{tatoeba}"], ["multi-parallel", "--corpus flores:DIR"]),
    "no such corpus": (["--corpus", "flores:{tmp}/none"], ["{tmp}/none"]),
    "lines that do not correspond": (["--corpus", "{short}", "--targets", "es"], ["lines", "do not correspond"]),
    "wrong folder of pairs": (["--tatoeba", "{tmp}"], ["tatoeba:{tmp}", "has no files tatoeba"]),
    "no pair of a target": (["--targets", "de"], ["none with a target (de)", "--tatoeba"]),
    "out is a file": (["--out", "{file}"], ["{file}", "it is a file"]),
    "out within a file": (["--out", "{file}/report"], ["{file}/report", "Name a folder you can write to"]),
    "too many experts": (["--experts", "5000"], ["5,000 experts", "neurons"]),
    "too many sentences": (["--sentences", "500"], ["500 evaluation sentences"]),
    "no texts": (["--texts", "0"], ["0 samples"]),
    "no seeds": (["--seeds", "0"], ["seeds 0"]),
    "sweep": (["--sweep", "0,5"], ["0, 5 experts"]),
    "another report": (["--out", "{report}", "--experts", "31"], ["experts (30, now 31)", "Name another folder"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_says_what_is_wrong_before_any_work(
    case: str, asked_for: ReproductionCase, report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file.txt"
    file.write_text("mine", encoding="utf-8")
    places = {"tmp": tmp_path, "file": file, "report": report, "tatoeba": asked_for.tatoeba}
    if case == "lines that do not correspond":
        places["short"] = _flores(tmp_path / "flores", short="jpn_Jpan")
    arguments, expected = ([text.format(**places) for text in texts] for texts in REFUSALS[case])
    assert asked_for.run(tmp_path / "out", tmp_path / "cache", *arguments) == 2
    said = capsys.readouterr().err
    for words in ("error:", "why:", "instead:", *expected):
        assert words in said
    assert not (tmp_path / "cache").exists(), "refused only after work had begun"
    assert file.read_text(encoding="utf-8") == "mine"


def test_an_item_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--out", str(tmp_path / "report"), "--items", "rivals,maps"]) != 0
    said = capsys.readouterr().err
    assert "measure maps" in said
    assert "experts, retrieval, distances" in said
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--gpus-per-model", "2"], "one process needs the whole model"),
        (["--engine", "ray", "--gpus-per-model", "-1"], "no number of GPUs"),
        (["--engine", "ray", "--device", "cuda"], "its workers are given no GPU"),
    ],
)
def test_gpus_that_nobody_could_use_are_refused(
    arguments: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "--out", str(tmp_path / "report"), "--cache", str(tmp_path / "c"), *arguments]) == 2
    assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_numbers_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["reproduce", "--out", str(tmp_path), "--sweep", "some"])
    assert "'some' is not a list of whole numbers" in capsys.readouterr().err


def test_a_full_disk_is_said_and_nothing_is_lost(
    asked_for: ReproductionCase,
    report: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, cache = tmp_path / "report", tmp_path / "cache"
    put = Store.put

    def full(self: Store, stage: str, *rest: Any, **more: Any) -> Any:
        if stage == "written":
            raise OSError(errno.ENOSPC, "No space left on device")
        return put(self, stage, *rest, **more)

    items = ("--items", "retrieval,choice_of_k")
    with monkeypatch.context() as patched:
        patched.setattr(Store, "put", full)
        assert asked_for.run(out, cache, *items) != 0
    assert "No space left on device" in capsys.readouterr().err
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["items"]["retrieval"]["state"] == "measured"
    assert asked_for.run(out, cache, *items) == 0
    pd.testing.assert_frame_equal(pd.read_csv(out / "choice_of_k.csv"), pd.read_csv(report / "choice_of_k.csv"))
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))["items"]
    assert {name for name, item in found.items() if item["state"] == "measured"} == {"retrieval", "choice_of_k"}
    assert found["rivals"]["why"] == "Not asked for (--items)."


@pytest.mark.parametrize(("sentences", "fewer"), [(100, False), (5, True)])
def test_the_notes_say_how_the_figures_were_made(
    asked_settings: Settings, tmp_path: Path, sentences: int, fewer: bool
) -> None:
    study = Study(cast(Any, None), *bound(replace(asked_settings, method_sentences=sentences)))
    said = " ".join(Report(tmp_path, study).notes())
    assert f"perplexity on the first {N_EVAL} evaluation sentences" in said
    assert ("fewer candidates make retrieval easier" in said) == fewer
    assert "distances and differences from rivals by Wilcoxon's signed ranks" in said
    assert "chosen on the evaluation rows that it is measured on" in said
