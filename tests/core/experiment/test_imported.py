"""Experts from a file: what the command writes is read back, LAPE's masks, and what does not fit the model."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core import access
from core.cli.main import main
from core.errors import SettingError
from core.experiment import imported
from core.experiment.imported import read_imported
from core.experiment.plan import _imported as imported_by
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.models.loaded_model import LoadedModel
from core.neurons.experts import expert_table
from core.neurons.neuron_map import NeuronMap
from core.pipeline.engine import Engine
from core.pipeline.run import Run

MODEL = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def neurons(tiny_models: dict[str, LoadedModel]) -> NeuronMap:
    return tiny_models["llama"].neurons


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_the_command_writes_is_read_back_and_written(
    ending: str, asked: Experiment, engine: Engine, tmp_path: Path
) -> None:
    """The same intervention, digest and all; with values of its own, these are held."""
    plan, experts = engine.experts(asked)
    table = expert_table(experts, plan.outline.neurons, plan.resolved.digest)
    path = tmp_path / f"experts.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    imported = replace(asked, experts_from=str(path), experts=7)

    def intervention(run: Run) -> str:
        return run.stages.intervention(run.experts()).digest

    assert engine.answer(imported, intervention) == engine.answer(asked, intervention)
    assert engine.experts(imported)[0].experiment.experts == asked.experts
    table.assign(value=0.5)[["layer", "site", "unit", "value"]].to_csv(tmp_path / "held.csv", index=False)
    _, held = engine.experts(replace(asked, experts_from=str(tmp_path / "held.csv")))
    assert held.neurons.tolist() == experts.neurons.tolist()
    assert set(held.values) == {0.5}
    table[["layer", "site", "unit"]].to_csv(tmp_path / "bare.csv", index=False)
    _, bare = engine.experts(replace(asked, experts_from=str(tmp_path / "bare.csv")))
    np.testing.assert_array_equal(bare.values, experts.values)


@pytest.mark.parametrize("name", ["experts.parquet", "experts.csv"])
def test_the_command_writes_what_it_reads(
    name: str, asked: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the file's kind; and neurons of another model, whose numbers fit, are not taken for this one's."""
    options = [
        *("--model", asked.model, "--dtype", "float32", "--device", "cpu", "--corpus", asked.corpus, "--experts", "7"),
        *("--target", str(asked.target), "--cache", str(tmp_path / "cache")),
    ]
    path = tmp_path / name
    assert main(["experts", *options, "--out", str(path)]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"^Japanese .*: 7 experts, mean AUROC \d\.\d{{4}}: {re.escape(str(path))}$", said, re.MULTILINE)
    saved = tmp_path / "saved.json"  # a control holds others, and the table is still of the experts
    saved.write_text(json.dumps({"control": "random"}), encoding="utf-8")
    assert main(["experts", *options, "--experiment", str(saved), "--out", str(path)]) == 0
    assert capsys.readouterr().out == said
    assert main(["run", *options, "--experts-from", str(path), "--json", str(tmp_path / "run.json")]) == 0
    found = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert found["experts"]["k"] == 7
    frame = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path)
    another = tmp_path / f"another-{name}"
    frame = frame.assign(model="f" * 16)
    frame.to_parquet(another) if name.endswith("parquet") else frame.to_csv(another, index=False)
    capsys.readouterr()
    assert main(["run", *options, "--experts-from", str(another)]) == 2
    assert "of a model whose digest begins with ffffffffffffffff" in capsys.readouterr().err
    assert main(["experts", *options, "--out", str(tmp_path / "experts.xlsx")]) == 2
    assert "files of type '.xlsx' are not written" in capsys.readouterr().err


def test_a_column_of_models_names_is_not_taken_for_digests(neurons: NeuronMap, tmp_path: Path) -> None:
    rows = pd.DataFrame({"layer": [0], "site": ["gate_proj"], "unit": [1]})
    for model in ("bigscience/bloom-560m", "", MODEL[:16], MODEL, "face"):
        rows.assign(model=model).to_csv(tmp_path / "experts.csv", index=False)
        assert len(read_imported(str(tmp_path / "experts.csv"), neurons, MODEL).neurons) == 1
    rows.assign(model="f" * 40).to_csv(tmp_path / "experts.csv", index=False)
    with pytest.raises(SettingError, match="another model, or another revision or file name of it"):
        read_imported(str(tmp_path / "experts.csv"), neurons, MODEL)


def test_masks_name_units_of_the_activation(neurons: NeuronMap, tmp_path: Path) -> None:
    """Lists by language and layer of units, as LAPE saves them; or of one language, or as masks of booleans."""
    units = [[[1, 5], [], [0]], [[7], [2, 3], []]]
    torch.save([[torch.tensor(u, dtype=torch.int64) for u in language] for language in units], tmp_path / "all.pth")
    first = {site.layer: site for site in reversed(neurons.sites)}
    assert {site.name for site in first.values()} == {"gate_proj"}
    for number, language in enumerate(units):
        found = read_imported(f"{tmp_path / 'all.pth'}#{number}", neurons, MODEL)
        assert list(found.neurons) == [first[layer].start + u for layer, part in enumerate(language) for u in part]
        assert found.values is None
    masks = torch.zeros(neurons.n_layers, first[0].width, dtype=torch.bool)
    masks[2, 4] = True
    torch.save(list(masks), tmp_path / "one.pth")
    assert read_imported(str(tmp_path / "one.pth"), neurons, MODEL).neurons == (first[2].start + 4,)
    for spec, words in (("all.pth", "2 lists, one a language"), ("all.pth#2", "from #0 to #1"), ("all.pth#x", "#1")):
        with pytest.raises(SettingError, match=words):
            read_imported(str(tmp_path / spec), neurons, MODEL)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"layer": [0], "unit": [1]}, "no column site"),
        ({"layer": [9], "site": ["gate_proj"], "unit": [1]}, "layers 0 to 2"),
        ({"layer": [0], "site": ["c_fc"], "unit": [1]}, "line 2 names c_fc 1 of layer 0"),
        ({"layer": [0], "site": ["gate_proj"], "unit": [48]}, "gate_proj 0 to 47"),
        ({"layer": [0], "site": ["gate_proj"], "unit": [-1]}, "names gate_proj -1"),
        ({"layer": [0, 0], "site": ["gate_proj"] * 2, "unit": [1, 1]}, "line 3 names a neuron once more"),
        ({"layer": ["one"], "site": ["gate_proj"], "unit": [1]}, "'one' as its layer"),
        ({"layer": [0], "site": ["gate_proj"], "unit": [1], "value": ["much"]}, "the value 'much'"),
        ({"layer": [], "site": [], "unit": []}, "names no neuron"),
    ],
)
def test_what_the_model_does_not_have_is_refused(
    content: dict[str, list[object]], words: str, neurons: NeuronMap, tmp_path: Path
) -> None:
    pd.DataFrame(content).to_csv(tmp_path / "experts.csv", index=False)
    with pytest.raises(SettingError, match=words):
        read_imported(str(tmp_path / "experts.csv"), neurons, MODEL)


def test_masks_that_do_not_fit_and_code_are_refused(neurons: NeuronMap, tmp_path: Path) -> None:
    spoiled = {
        "layers.pth": ([torch.tensor([1])], "it holds 1 layers"),
        "units.pth": ([torch.tensor([1]), torch.tensor([48]), torch.tensor([0])], "gate_proj 48 of layer 1"),
        "shape.pth": ([torch.zeros(47, dtype=torch.bool)] * 3, "layer 0 is no list of units"),
        "kind.pth": ({"a": 1}, "it holds a dict"),
        "code.pth": (Path, "code in a file is not run"),
    }
    for name, (content, words) in spoiled.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(SettingError, match=words):
            read_imported(str(tmp_path / name), neurons, MODEL)
    (tmp_path / "empty.pth").touch()
    for name, words in (("empty.pth", "damaged"), ("none.pth", "No such file"), ("none.csv", "there is no file")):
        with pytest.raises(SettingError, match=words):
            read_imported(str(tmp_path / name), neurons, MODEL)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("~nosuch/x.csv", "there is no file"),
        ("~nosuch/x.pth", "No such file"),
        ("a\0b.csv", "no file can have such a name"),
        ("a\ud800.csv", "no file can have such a name"),
        (f"1:down_proj:{'9' * 5000}", "as its unit"),
    ],
    ids=["no such home", "masks in no such home", "nulls", "half a character", "thousands of digits"],
)
def test_a_name_that_no_file_has_is_refused(name: str, words: str, neurons: NeuronMap) -> None:
    with pytest.raises(SettingError, match=words):
        read_imported(name, neurons, MODEL)


def test_nothing_is_chosen_among_named_experts(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("layer,site,unit\n0,up_proj,3\n", encoding="utf-8")
    named = replace(asked, experts_from=str(tmp_path / "e.csv"))
    with pytest.raises(SettingError, match="--expert-layers"):
        engine.experts(replace(named, expert_layers="0"))
    plan, experts = engine.experts(named)
    assert len(experts.neurons) == 1
    assert any(note.startswith("The experts are those that ") for note in plan.notes)


def test_methods_that_do_not_go_by_the_values_of_a_file_say_so(asked: Experiment) -> None:
    given = replace(asked, experts_from="0:up_proj:3=4.2")
    unused = "does not go by the values"
    for method in ("zero", "set-median"):
        assert any(unused in note for note in plan(replace(given, method=method)).notes)
    assert not any(unused in note for note in plan(replace(given, method="set-mean")).notes)


def test_files_are_put_together_from_left_to_right(neurons: NeuronMap, tmp_path: Path) -> None:
    units = {"es": {1: 0.5, 2: 1.0, 3: 1.5}, "fr": {2: 3.0, 4: 2.0}, "it": {3: 0.0, 4: 4.0}}
    for name, values in units.items():
        table = pd.DataFrame({"layer": 1, "site": "up_proj", "unit": list(values), "value": list(values.values())})
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    table.drop(columns="value").to_csv(tmp_path / "bare.csv", index=False)
    (start,) = (site.start for site in neurons.sites if (site.layer, site.name) == (1, "up_proj"))

    def read(*words: str) -> dict[int, float] | None:
        spec = " ".join(str(tmp_path / f"{word}.csv") if word in {*units, "bare"} else word for word in words)
        found = read_imported(spec, neurons, MODEL)
        if found.values is None:
            return None
        return dict(zip((neuron - start for neuron in found.neurons), found.values, strict=True))

    assert read("es", "or", "fr") == {1: 0.5, 2: 2.0, 3: 1.5, 4: 2.0}
    assert read("es", "or", "fr", "or", "it") == {1: 0.5, 2: 2.0, 3: 0.75, 4: 3.0}
    assert read("es", "and", "fr") == {2: 2.0}
    assert read("es", "without", "fr") == {1: 0.5, 3: 1.5}
    assert read("es", "or", "fr", "without", "it") == {1: 0.5, 2: 2.0}
    assert read("bare", "without", "fr") is None
    for words, why in ((("fr", "without", "fr"), "no neuron is left"), (("fr", "or", "bare"), "others none")):
        with pytest.raises(SettingError, match=why):
            read(*words)


def test_a_public_server_reads_no_file_that_is_named(neurons: NeuronMap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(access.PUBLIC, "1")
    with pytest.raises(SettingError, match="reads no files that visitors name"):
        imported_by(Experiment(experts_from="/etc/passwd"), neurons, MODEL)
    with pytest.raises(SettingError, match="reads no files that visitors name"):
        imported_by(Experiment(experts_from="1:down_proj:3 or /etc/passwd"), neurons, MODEL)
    assert imported_by(Experiment(experts_from="1:down_proj:3"), neurons, MODEL)


def test_one_neuron_is_named_by_hand(neurons: NeuronMap) -> None:
    site = next(site for site in neurons.sites if (site.layer, site.name) == (1, "down_proj"))
    alone = read_imported("1:down_proj:3", neurons, MODEL)
    assert (alone.neurons, alone.values) == ((site.start + 3,), None)
    held = read_imported("1:down_proj:3=4.25 or 0:gate_proj:7=-1", neurons, MODEL)
    assert held.values == (4.25, -1.0)
    assert held.neurons == (site.start + 3, next(s for s in neurons.sites if s.name == "gate_proj").start + 7)
    for spec, words in (
        ("1:down_proj:32", "names down_proj 32 of layer 1"),
        ("9:down_proj:3", "the model has layers 0 to 2"),
        ("1:nothing:3", "names nothing 3"),
        ("1:down_proj:3=much", "has the value 'much'"),
    ):
        with pytest.raises(SettingError, match=words):
            read_imported(spec, neurons, MODEL)


def test_a_file_is_read_again_only_where_it_has_changed(
    neurons: NeuronMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    real = imported.read_rows
    monkeypatch.setattr(imported, "read_rows", lambda what, path: read.append(path) or real(what, path))
    path, site = tmp_path / "experts.csv", neurons.sites[0]
    for unit in (1, 2):
        path.write_text(f"layer,site,unit\n{site.layer},{site.path},{unit}\n", encoding="utf-8")
        os.utime(path, (1e9 + unit,) * 2)
        for _ in range(2):
            assert read_imported(str(path), neurons, MODEL).neurons == (site.start + unit,)
    assert read == [path, path]
