"""Nothing of a model's folder runs, nobody is asked, nothing is printed; what needs its own code is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaModel

from core.models import pretrained
from core.models.load import load, outline
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store
from tests.helpers.refusals import refusal
from tests.import_graph import ROOT, modules

SPY = """
from pathlib import Path
(Path(__file__).parent / "RAN").touch()
from transformers import {base}
class Own({base}):
    model_type = "own"
"""


@pytest.fixture
def folder(tiny_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny Llama that a test may spoil; whoever asks on the terminal is answered yes."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    return Path(shutil.copytree(tiny_folders["llama"], tmp_path / "model"))


def change(path: Path, **settings: Any) -> None:
    record = json.loads(path.read_text(encoding="utf-8")) | settings
    path.write_text(json.dumps(record), encoding="utf-8")


def read(folder: Path, store: Store) -> Any:
    return load(resolve(ModelSpec(str(folder), dtype="float32", device="cpu")), store)


def test_a_config_that_is_code_is_refused_and_not_run(folder: Path) -> None:
    (folder / "own.py").write_text(SPY.format(base="LlamaConfig"))
    change(folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.Own"})
    error = refusal(lambda: outline(resolve(ModelSpec(str(folder), dtype="float32", device="cpu"))))
    assert "needs code of its own (own.Own)" in error.why
    assert "is not run" in error.why
    assert not (folder / "RAN").exists()


@pytest.mark.parametrize("reference", [{"AutoTokenizer": ["own.Own", None]}, ["own.Own", None]])
def test_a_tokenizer_that_is_code_is_refused_and_not_run(reference: object, folder: Path, store: Store) -> None:
    (folder / "own.py").write_text(SPY.format(base="PreTrainedTokenizerFast"))
    change(folder / "tokenizer_config.json", tokenizer_class="Own", auto_map=reference)
    error = refusal(lambda: read(folder, store))
    assert "its tokenizer needs code of its own (own.Own)" in error.why
    assert not (folder / "RAN").exists()


def test_where_the_library_knows_the_kind_the_folder_s_code_is_not_needed(folder: Path, store: Store) -> None:
    (folder / "own.py").write_text(SPY.format(base="LlamaConfig"))
    change(folder / "config.json", auto_map={"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"})
    assert type(read(folder, store).lm).__name__ == "LlamaForCausalLM"
    assert not (folder / "RAN").exists()


def test_a_config_does_not_choose_how_attention_is_computed(folder: Path) -> None:
    change(folder / "config.json", attn_implementation="somebody/kernel")
    assert pretrained.read_config("it", folder)._attn_implementation is None


class Spy:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize(
    "file", ["weights.bin", "../elsewhere.safetensors", "/elsewhere.safetensors", "C:\\a.safetensors"]
)
def test_an_index_leads_to_safetensors_in_the_folder_alone(file: str, folder: Path, store: Store) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights, folder.parent / "elsewhere.safetensors", metadata={"format": "pt"})
    torch.save({"spy": Spy(folder / "RAN")}, folder / "weights.bin")
    (folder / "model.safetensors").rename(folder / "unused.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, file)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    error = refusal(lambda: read(folder, store))
    assert repr(file) in error.why
    assert "no safetensors file in the model's folder" in error.why
    assert not (folder / "RAN").exists()


def test_weights_in_several_files(folder: Path, store: Store) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(weights)}
    for file in set(names.values()):
        part = {name: tensor for name, tensor in weights.items() if names[name] == file}
        save_file(part, folder / file, metadata={"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    state = read(folder, store).lm.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())


def test_a_config_names_no_pickled_weights(folder: Path, store: Store) -> None:
    change(folder / "config.json", transformers_weights="adapter_model.bin")
    torch.save({"spy": Spy(folder / "RAN")}, folder / "adapter_model.bin")
    assert "'adapter_model.bin'" in refusal(lambda: read(folder, store)).why
    assert not (folder / "RAN").exists()


def test_the_library_s_tables_go_to_the_log(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["something.else"] = torch.zeros(2)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with caplog.at_level("INFO", logger="core.models.pretrained"):
        pretrained.read_model(LlamaModel, "it", folder, config=LlamaConfig.from_pretrained(folder))
    assert "something.else" in caplog.text
    assert capfd.readouterr() == ("", "")


# What an export writes for others: a loader that stands alone, and the lines of its README.
FOR_OTHERS = ("core.models.weight_patch", "core.export.readme")


def test_every_model_is_read_through_this_module() -> None:
    elsewhere = [
        str(path.relative_to(ROOT))
        for name, path in modules().items()
        if name.split(".")[0] in ("core", "dashboard") and name not in ("core.models.pretrained", *FOR_OTHERS)
        if any(call in path.read_text(encoding="utf-8") for call in (".from_pretrained(", ".from_config("))
    ]
    assert elsewhere == []
