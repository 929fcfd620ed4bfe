"""The command line lists measures and rivals, and measures what is free as the library does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.analyses import rival_spaces
from core.cli import run_result
from core.cli.main import main
from core.experiment.settings import Experiment
from core.packs.plain_data import Reader, Writer
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES
from core.session import Session
from core.spaces.rivals import NOTHING, RIVALS, Apply, Rival
from core.spaces.space_measures import SPACE_MEASURES, SpaceMeasure
from core.stats.units import SIMILARITY
from core.store.store import Store


def test_every_measure_and_rival_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measures"]) == 0
    said = capsys.readouterr().out
    for name in (*MEASURES, *SPACE_MEASURES, *RIVALS):
        assert f"\n  {name} " in said
    assert "N translations" in said


def run_with(asked: Experiment, filled: Store, *more: str) -> int:
    experiment = filled.root / "asked.json"
    experiment.write_text(json.dumps(asked.to_dict()), encoding="utf-8")
    return main(["run", "--experiment", str(experiment), "--cache", str(filled.root), *more])


def test_run_writes_what_is_free_beside_the_result(
    asked: Experiment, filled: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "out.json", tmp_path / "rivals.csv"
    status = run_with(
        *(asked, filled, "--rivals", "whitening,own-means", "--measures", "mexa,cka", "--rival-layers", "1"),
        *("--json", str(files[0]), "--csv", str(files[1])),
    )
    assert status == 0
    said = capsys.readouterr().out
    document, table = json.loads(files[0].read_text(encoding="utf-8")), pd.read_csv(files[1])
    assert document["summary"]["target_top1"]
    assert {record["name"] for record in document["rivals"]} == {"raw", "own-means", "whitening"}
    assert {record["layer"] for record in document["rivals"]} == {1, 3}
    assert set(document["rivals"][0]["measures"]) == {
        f"{name}_{scope}" for name in ("top1", "mexa", "cka") for scope in ("target", "all")
    }
    assert table["mexa_all"].tolist() == pytest.approx([r["measures"]["mexa_all"] for r in document["rivals"]])
    assert "whitening" in said
    assert "The intervention " in said
    frame = Session(filled.root, progress=False).rivals(asked, rivals=["whitening"], measures=["mexa"])
    by_library = frame.set_index(["name", "space", "layer"]).loc[("whitening", "post", 3)]
    (by_command,) = [r for r in document["rivals"] if (r["name"], r["space"], r["layer"]) == ("whitening", "post", 3)]
    assert by_library["top1_target"] == by_command["measures"]["top1_target"]


def test_under_a_control_nothing_is_said_of_an_intervention(
    asked: Experiment, filled: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(replace(asked, control="random"), filled, "--rivals", "own-means") == 0
    said = capsys.readouterr().out
    assert ": 30 random neurons in place of its experts, set-mean at strength 0.8, " in said
    assert "this minus the control " in said
    assert re.search(r"\n    raw +post +3\*? .* the control ", said)
    assert "The control (the same on random neurons)" in said
    assert "the intervention" not in said.casefold()


def test_what_is_noted_of_the_result_is_not_said_again_of_what_is_free(asked: Experiment, filled: Store) -> None:
    spaces = Engine(filled).answer(asked, lambda run: rival_spaces.compare(run, ("whitening",), ("mexa",)))
    noted = replace(spaces, plan=replace(spaces.plan, notes=("of both",)), notes=("of both", "of these alone"))
    said = run_result.rival_lines(noted)
    assert ("note: of both" in said, "note: of these alone" in said) == (False, True)


def test_a_rival_and_a_measure_of_a_space_that_are_added_are_listed_measured_and_kept_in_packs(
    asked: Experiment,
    filled: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a programmer adds: an entry in each table."""

    def halved(*_: object) -> Apply:
        return lambda rows, _: rows / 2

    rival = Rival("halved", "Halved", "every number is halved", NOTHING, NOTHING, halved)
    monkeypatch.setitem(RIVALS, "halved", rival)
    measure = SpaceMeasure(
        *("length", "Length", "How long an embedding is.", SIMILARITY, None),
        lambda tables: np.linalg.norm(tables.space, axis=-1).mean(axis=0),
        of_pairs=False,
    )
    monkeypatch.setitem(SPACE_MEASURES, "length", measure)
    assert main(["measures"]) == 0
    said = capsys.readouterr().out
    assert "Halved: every number is halved." in said
    assert "Length. How long an embedding is." in said
    out = tmp_path / "out.json"
    assert run_with(asked, filled, "--rivals", "all", "--measures", "length", "--json", str(out)) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["rivals"]
    rows = [row for row in rows if (row["layer"], row["space"]) == (3, "pre")]
    length = {row["name"]: row["measures"]["length"] for row in rows}
    space = Engine(filled).answer(asked, lambda run: run.stages.embeddings(0, None, 3))
    assert length["raw"] == pytest.approx(float(np.linalg.norm(space, axis=-1).mean()), rel=1e-5)
    assert length["halved"] == pytest.approx(length["raw"] / 2, rel=1e-5)
    assert Reader(lambda _: b"").read(Writer().write(rival)) is rival


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rivals", "bleach"], ["rivals 'bleach'", "own-means", "python -m core measures"]),
        (["--rivals", "all", "--measures", "beauty"], ["measures 'beauty'", "top1"]),
        (["--rivals", "all", "--rival-layers", "99"], ["layers '99'", "0 (embeddings) to 3"]),
        (["--csv", "x.csv"], ["--csv without --rivals", "Add --rivals all"]),
    ],
)
def test_names_that_are_not_known_are_refused_before_any_work(
    options: list[str], words: list[str], asked: Experiment, filled: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(asked, filled, *options) == 2
    said = capsys.readouterr().err
    for word in words:
        assert word in said
