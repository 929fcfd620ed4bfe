"""An adapter is merged into the weights, tells results apart, and is refused in words where it does not fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from core import access
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.export.patches import refuse_placement
from core.models import hub
from core.models.load import load, outline
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store
from tests.helpers.families import FAMILIES, save_family
from tests.helpers.passes import TEXTS, close, run
from tests.helpers.refusals import refusal
from tests.helpers.tiny import Plain


def save_adapter(base: Path, to: Path, auto: object = AutoModelForCausalLM, **settings: object) -> Path:
    """Save a LoRA adapter of random weights, as peft does."""
    torch.manual_seed(1)
    modules = settings.pop("target_modules", ["down_proj", "q_proj"])
    config = peft.LoraConfig(r=4, lora_alpha=16, target_modules=modules, **settings)  # type: ignore[arg-type]
    model = peft.get_peft_model(auto.from_pretrained(base), config)  # type: ignore[attr-defined]
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = 0.3 * torch.randn_like(parameter)
    model.save_pretrained(str(to))
    return to


@pytest.fixture(scope="module")
def adapter(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(tiny_folders["llama"], tmp_path_factory.mktemp("adapters") / "lora")


def spec(folder: Path, adapter: Path | str | None) -> ModelSpec:
    return ModelSpec(str(folder), dtype="float32", device="cpu", adapter=None if adapter is None else str(adapter))


@pytest.fixture(scope="module")
def adapted(tiny_folders: dict[str, Path], adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load(resolve(spec(tiny_folders["llama"], adapter)), Store(tmp_path_factory.mktemp("store")))


def test_the_weights_are_those_plus_the_product_of_its_two_maps(
    adapted: LoadedModel, adapter: Path, tiny_folders: dict[str, Path]
) -> None:
    before, parts = (
        load_file(tiny_folders["llama"] / "model.safetensors"),
        load_file(adapter / "adapter_model.safetensors"),
    )
    changed = 0
    for name, weight in adapted.lm.state_dict().items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        expected = before.get(name, weight)
        if f"{stem}.lora_A.weight" in parts:
            changed += 1
            expected = expected + 4.0 * parts[f"{stem}.lora_B.weight"] @ parts[f"{stem}.lora_A.weight"]
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-5)
    assert changed == 6  # two maps in each of three layers


def test_numbers_are_those_of_peft_itself_and_neurons_stay_in_place(
    adapted: LoadedModel,
    adapter: Path,
    tiny_folders: dict[str, Path],
    tiny_models: dict[str, LoadedModel],
    plain_models: dict[str, Plain],
) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_folders["llama"], dtype=torch.float32)
    theirs = peft.PeftModel.from_pretrained(base, str(adapter)).eval()
    found = run(adapted)
    assert found.embeddings is not None
    for row, text in enumerate(TEXTS):
        with torch.no_grad():
            states = theirs(plain_models["llama"].ids(text), output_hidden_states=True).hidden_states[-1]
        close(found.embeddings[-1, row], states[0, 1:].double().mean(0).numpy())
    assert adapted.neurons == tiny_models["llama"].neurons
    assert found.responses is not None
    plain = run(tiny_models["llama"]).responses
    assert plain is not None
    assert list(found.responses) == list(plain)
    assert any(np.abs(found.responses[path] - plain[path]).max() > 0.1 for path in plain)


def test_it_is_part_of_the_models_identity(tiny_folders: dict[str, Path], adapter: Path, tmp_path: Path) -> None:
    with_it, without = (resolve(spec(tiny_folders["llama"], asked)) for asked in (adapter, None))
    assert with_it.identity != without.identity
    other = Path(shutil.copytree(adapter, tmp_path / "other"))
    (other / "README.md").write_text("prose")
    assert resolve(spec(tiny_folders["llama"], other)).identity == with_it.identity
    weights = load_file(other / "adapter_model.safetensors")
    save_file({name: 2 * tensor for name, tensor in weights.items()}, other / "adapter_model.safetensors")
    assert resolve(spec(tiny_folders["llama"], other)).identity != with_it.identity


def test_an_adapter_of_a_model_with_a_head_fits_the_encoder_in_it(tmp_path: Path, store: Store) -> None:
    folder = save_family(tmp_path / "model", FAMILIES["xlm-r"])
    adapter = save_adapter(
        folder, tmp_path / "lora", AutoModelForMaskedLM, target_modules=["query", "intermediate.dense"]
    )
    found = run(load(resolve(spec(folder, adapter)), store)).embeddings
    base = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    encoder = peft.PeftModel.from_pretrained(AutoModelForMaskedLM.from_pretrained(folder), str(adapter)).eval()
    encoder = encoder.merge_and_unload().base_model
    assert found is not None
    tokenizer = load(resolve(spec(folder, None)), store).tokenizer
    for row, text in enumerate(TEXTS[:5]):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            adapted, plain = encoder(ids).last_hidden_state[0, 1:-1], base(ids).last_hidden_state[0, 1:-1]
        close(found[-1, row], adapted.double().mean(0).numpy())
        assert (adapted - plain).abs().max() > 0.01


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: (f / "adapter_config.json").unlink(), "holds no adapter_config.json"),
        (lambda f: (f / "adapter_model.safetensors").rename(f / "adapter_model.bin"), "holds no adapter_model.safet"),
        (lambda f: (f / "adapter_config.json").write_text("{}"), "names no kind of adapter"),
        (lambda f: (f / "adapter_config.json").write_text('{"peft_type": "PREFIX_TUNING"}'), "PREFIX_TUNING"),
        (shutil.rmtree, "adapters are read from folders alone"),
    ],
)
def test_what_cannot_be_merged_is_refused_before_the_model_is_loaded(
    spoil: Callable[[Path], object], why: str, tiny_folders: dict[str, Path], adapter: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    spoil(folder)
    assert why in refusal(lambda: resolve(spec(tiny_folders["llama"], folder))).why


def test_an_adapter_of_another_model_is_refused(tiny_folders: dict[str, Path], adapter: Path, store: Store) -> None:
    error = refusal(lambda: load(resolve(spec(tiny_folders["gpt2"], adapter)), store))
    assert str(error.what)
    renamed = {
        key.replace("layers.0", "layers.9"): tensor
        for key, tensor in load_file(adapter / "adapter_model.safetensors").items()
    }
    other = Path(shutil.copytree(adapter, store.root.parent / "renamed"))
    save_file(renamed, other / "adapter_model.safetensors")
    error = refusal(lambda: load(resolve(spec(tiny_folders["llama"], other)), store))
    assert "do not fit the model" in error.why
    assert str(tiny_folders["llama"]) in error.instead


def test_a_folder_that_is_an_adapter_names_its_model(tiny_folders: dict[str, Path], adapter: Path) -> None:
    error = refusal(lambda: hub.check_folder(adapter))
    assert f"an adapter of {tiny_folders['llama']}" in error.why
    assert f"--model {tiny_folders['llama']} --adapter {adapter}" in error.instead


def test_the_setting_reaches_the_model(tiny_folders: dict[str, Path], adapter: Path) -> None:
    asked = Experiment(
        model=str(tiny_folders["llama"]), adapter=str(adapter), dtype="float32", device="cpu", experts=20
    )
    bound = plan(asked)
    assert bound.resolved.adapter == str(adapter.resolve())
    assert outline(bound.resolved).neurons.total == outline(plan(replace(asked, adapter=None)).resolved).neurons.total
    assert bound.describe()["adapter"] == str(adapter)
    assert json.loads((adapter / "adapter_config.json").read_text())["peft_type"] == "LORA"


def test_a_public_server_takes_none(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(access.PUBLIC, "1")
    error = refusal(lambda: resolve(ModelSpec(device="cpu", adapter=str(adapter))))
    assert "only listed models" in error.why
    assert str(adapter) not in str(error)


def test_a_model_with_one_is_not_exported_without_it(tiny_folders: dict[str, Path], adapter: Path) -> None:
    error = refusal(lambda: refuse_placement(resolve(spec(tiny_folders["llama"], adapter))))
    assert "with an adapter" in error.what
