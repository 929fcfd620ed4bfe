"""A model folder is told apart by its contents, outlined without its weights, loaded as it is, or refused plainly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BloomConfig,
    ByT5Tokenizer,
    LlamaConfig,
    PreTrainedConfig,
    Qwen2_5_VLConfig,
    ViTConfig,
    WhisperConfig,
)

from core.errors import CorpusError
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.models import embedded
from core.models.load import load, outline
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import CATALOGUE, EMBEDDED, ModelSpec
from core.store.store import Store
from tests.helpers.refusals import refusal
from tests.helpers.tiny import FAMILIES, HIDDEN, N_LAYERS, make_tokenizer, save_tiny


@pytest.fixture
def folder(tiny_folders: dict[str, Path], tmp_path: Path) -> Path:
    """A tiny Llama that a test may spoil."""
    return Path(shutil.copytree(tiny_folders["llama"], tmp_path / "model"))


def spec(folder: Path, **settings: str | None) -> ModelSpec:
    return ModelSpec(str(folder), **({"dtype": "float32", "device": "cpu"} | settings))  # type: ignore[arg-type]


# -- what is there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_the_outline_is_that_of_the_loaded_model(
    family: str, tiny_folders: dict[str, Path], tiny_models: Mapping[str, LoadedModel]
) -> None:
    shape, model = outline(resolve(spec(tiny_folders[family]))), tiny_models[family]
    assert shape.neurons.sites == model.neurons.sites
    assert (shape.n_layers, shape.hidden_size) == (N_LAYERS, HIDDEN)
    assert model.hidden_size == HIDDEN
    assert shape.n_parameters == sum(p.numel() for p in model.lm.parameters())
    assert shape.architecture == type(model.lm).__name__
    for site in shape.neurons.sites:
        assert model.base.get_submodule(site.path) is not None


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_are_those_of_the_files(
    family: str, tiny_folders: dict[str, Path], tiny_models: Mapping[str, LoadedModel]
) -> None:
    model = tiny_models[family]
    saved = load_file(tiny_folders[family] / "model.safetensors")
    loaded = model.lm.state_dict()
    for name, tensor in saved.items():
        found = loaded.get(name, loaded.get(f"transformer.{name}"))
        assert found is not None
        assert torch.equal(found, tensor)
    assert not model.lm.training
    assert not any(p.requires_grad for p in model.lm.parameters())
    assert {p.dtype for p in model.lm.parameters()} == {torch.float32}
    assert model.context == 64
    assert model.name == str(tiny_folders[family])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_another_precision(dtype: str, folder: Path, store: Store) -> None:
    model = load(resolve(spec(folder, dtype=dtype)), store)
    assert {p.dtype for p in model.base.parameters()} == {getattr(torch, dtype)} == {model.dtype}


def test_auto_chooses_what_is_there(folder: Path) -> None:
    found = resolve(ModelSpec(str(folder)))
    assert found.device in ("cpu", "cuda", "mps")
    assert found.dtype in ("float32", "bfloat16", "float16")


# -- what a cached result depends on ---------------------------------------------------------------------------------


def test_the_digest_changes_with_a_weight(folder: Path) -> None:
    before = resolve(spec(folder))
    assert resolve(spec(folder)) == before
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    weights[name][3, 4] += 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    after = resolve(spec(folder))
    assert after.digest != before.digest
    assert after.identity != before.identity


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_the_digest_changes_with_any_file(name: str, folder: Path) -> None:
    before = resolve(spec(folder)).digest
    record = json.loads((folder / name).read_text())
    record["padding_idx_note"] = 1
    (folder / name).write_text(json.dumps(record))
    assert resolve(spec(folder)).digest != before


def test_the_digest_is_that_of_the_contents(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert resolve(spec(copy)).digest == resolve(spec(folder)).digest
    (copy / "config.json").rename(copy / "other.json")
    shutil.copy(folder / "config.json", copy / "config.json")
    assert resolve(spec(copy)).digest != resolve(spec(folder)).digest


def test_the_identity_tells_precision_and_revision(folder: Path) -> None:
    identities = [resolve(spec(folder, dtype=dtype)).identity for dtype in ("float32", "bfloat16")]
    assert identities[0] != identities[1]
    assert {**identities[0], "dtype": ""} == {**identities[1], "dtype": ""}


def test_the_outline_follows_the_contents(folder: Path) -> None:
    before = outline(resolve(spec(folder)))
    shutil.rmtree(folder)
    save_tiny(folder, "gpt2")
    assert outline(resolve(spec(folder))).architecture != before.architecture


def test_a_relative_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    for name in ("./model", "model", " ./model "):
        found = resolve(ModelSpec(name, dtype="float32", device="cpu"))
        assert found.location == str(folder)
        assert found.digest == resolve(spec(folder)).digest


# -- refusals --------------------------------------------------------------------------------------------------------


def test_no_such_folder(tmp_path: Path) -> None:
    error = refusal(lambda: resolve(spec(tmp_path / "nowhere")))
    assert str(tmp_path / "nowhere") in error.what
    assert "no such folder" in error.why
    assert "hub id" in error.instead


def test_a_folder_without_a_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    error = refusal(lambda: resolve(spec(folder)))
    assert "no config.json" in error.why
    assert "save_pretrained" in error.instead


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_is_named_and_not_ignored(name: str, folder: Path) -> None:
    (folder / name).write_text("{}")
    error = refusal(lambda: resolve(spec(folder)))
    assert f"holds an adapter ({name}), which would not be applied" in error.why
    assert "--adapter" in error.instead


def test_pickled_weights_only(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    error = refusal(lambda: resolve(spec(folder)))
    assert "safetensors" in error.why
    assert "pickled" in error.instead


@pytest.mark.parametrize("name", ["a/b/c", "two words", "owner/na me", "", "https://huggingface.co/gpt2"])
def test_neither_an_id_nor_a_folder(name: str) -> None:
    error = refusal(lambda: resolve(ModelSpec(name, dtype="float32", device="cpu")))
    assert repr(name) in error.what
    assert "neither" in error.why
    assert "embedded" in error.instead


def test_unknown_precision_and_device(folder: Path) -> None:
    error = refusal(lambda: resolve(spec(folder, dtype="int4")))
    assert "'int4'" in error.what
    assert "float32" in error.instead
    error = refusal(lambda: resolve(spec(folder, device="tpu")))
    assert "'tpu'" in error.what
    assert "cpu" in error.why
    for number in ("cpu:99", "cpu:-1", "cpu:", "cpu:zero", "cpu:0:0"):
        error = refusal(lambda number=number: resolve(spec(folder, device=number)))
        assert "1 of kind cpu" in error.why
    assert resolve(spec(folder, device="cpu:0")).device == "cpu:0"
    if not torch.cuda.is_available():
        for number in ("cuda:", "cuda:x"):
            assert "this machine has cpu" in refusal(lambda number=number: resolve(spec(folder, device=number))).why


def test_a_revision_of_what_has_none(folder: Path) -> None:
    error = refusal(lambda: resolve(ModelSpec(EMBEDDED, revision="main", device="cpu")))
    assert "revision main" in error.what
    error = refusal(lambda: resolve(spec(folder, revision="main")))
    assert "revision main" in error.what
    assert "Leave the revision out" in error.instead


def enlarge(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": 262144, "intermediate_size": 1048576, "num_hidden_layers": 20}
    (folder / "config.json").write_text(json.dumps(config))


def test_a_model_that_does_not_fit(folder: Path, store: Store) -> None:
    enlarge(folder)
    resolved = resolve(spec(folder))
    parameters = outline(resolved).n_parameters
    assert parameters > 1e13  # outlined without memory for its weights
    error = refusal(lambda: load(resolved, store))
    assert f"{parameters / 1e9:.1f} billion" in error.why
    assert "free on cpu" in error.why
    assert "smaller model" in error.instead


def test_a_config_with_more_layers_than_any_model_is_refused_before_they_are_made(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 20_000}))
    error = refusal(lambda: outline(resolve(spec(folder))))
    assert "num_hidden_layers: 20,000" in error.why
    assert "at most 400 layers" in error.why


@pytest.mark.parametrize("value", ["many", [3], {"n": 3}, -1, 0.5, True, None, 1e300], ids=str)
@pytest.mark.parametrize("setting", ["hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads"])
def test_a_config_of_values_of_the_wrong_kind_is_refused_in_words(setting: str, value: object, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {setting: value}))
    refusal(lambda: outline(resolve(spec(folder))))


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16), "(vit)"),
        (WhisperConfig(vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, pad_token_id=0), "(whisper"),
        (Qwen2_5_VLConfig(), "(qwen2_5_vl, multimodal, whose text model is a qwen2_5_vl_text)"),
    ],
    ids=["images", "speech", "multimodal"],
)
def test_an_architecture_that_is_no_text_model(config: PreTrainedConfig, found: str, folder: Path) -> None:
    config.save_pretrained(folder)
    error = refusal(lambda: outline(resolve(spec(folder))))
    assert found in error.why
    assert "no text model" in error.why
    assert "causal language model" in error.instead
    assert "encoder" in error.instead


def test_an_architecture_that_nobody_knows(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "quantum-llama", "architectures": ["Quantum"]}))
    error = refusal(lambda: outline(resolve(spec(folder))))
    assert "quantum-llama" in error.why


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model_type": 3}'])
def test_a_config_that_cannot_be_read(text: str, folder: Path) -> None:
    (folder / "config.json").write_text(text)
    refused = refusal(lambda: outline(resolve(spec(folder))))
    with pytest.MonkeyPatch.context() as patch:  # the same files are not read again, only to be refused again
        patch.setattr("core.models.pretrained.read_config", lambda *_, **__: pytest.fail("it was read again"))
        assert str(refusal(lambda: outline(resolve(spec(folder))))) == str(refused)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_weights_that_were_cut_short(keep: int, folder: Path, store: Store) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    error = refusal(lambda: load(resolve(spec(folder)), store))
    assert str(folder) in error.what


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("model.layers.1.mlp.up_proj.weight"),
        lambda weights: weights.update({"model.layers.1.mlp.up_proj.weight": torch.zeros(5, HIDDEN)}),
    ],
    ids=["missing", "shape"],
)
def test_weights_that_do_not_fit_the_config(change, folder: Path, store: Store) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    error = refusal(lambda: load(resolve(spec(folder)), store))
    assert str(folder) in error.what


def test_a_head_that_is_not_used_may_be_missing(
    folder: Path, store: Store, tiny_models: Mapping[str, LoadedModel]
) -> None:
    tiny_models["llama"].base.save_pretrained(folder)
    model = load(resolve(spec(folder)), store)
    expected = tiny_models["llama"].base.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.base.state_dict().items())


def test_no_tokenizer(folder: Path, store: Store) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert str(folder) in refusal(lambda: load(resolve(spec(folder)), store)).what


def test_a_tokenizer_without_a_fast_version(folder: Path, store: Store) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    ByT5Tokenizer().save_pretrained(folder)
    error = refusal(lambda: load(resolve(spec(folder)), store))
    assert "no fast version of ByT5Tokenizer" in error.why
    assert "mT5 rather than ByT5" in error.instead


def test_padding_that_the_embedding_has_no_row_for(folder: Path, store: Store) -> None:
    texts = ["The dog sleeps.", "A child is singing today."]  # of two lengths
    plain = load(resolve(spec(folder)), store)
    tokenizer = make_tokenizer(True)
    tokenizer.add_special_tokens({"pad_token": "<beyond>"})
    tokenizer.save_pretrained(folder)
    model = load(resolve(spec(folder)), store)
    assert tokenizer.pad_token_id == model.n_ids
    found, expected = (forward(m, tokenise(m, texts), embeddings=True).embeddings for m in (model, plain))
    assert found is not None
    np.testing.assert_array_equal(found, expected)


def test_a_tokenizer_with_more_ids_than_the_embedding_has_rows(folder: Path, store: Store) -> None:
    tokenizer = make_tokenizer(True)
    rows = len(tokenizer)
    tokenizer.add_tokens([f"word{number}" for number in range(23)])
    tokenizer.save_pretrained(folder)
    error = refusal(lambda: load(resolve(spec(folder)), store))
    assert error.why == f"its tokenizer gives ids up to {rows + 22}, its embedding has {rows} rows"
    assert "resized" in error.instead


def test_a_special_token_without_a_row_matters_only_where_it_is_written(folder: Path, store: Store) -> None:
    tokenizer = make_tokenizer(True)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    model = load(resolve(spec(folder)), store)
    assert model.n_ids == len(tokenizer) - 1
    assert tokenise(model, ["The dog sleeps."]).n_tokens > 1
    with pytest.raises(CorpusError) as caught:
        tokenise(model, ["The dog sleeps.", "A child <image> sings."])
    assert "sentence 2" in caught.value.what
    assert "'<image>'" in caught.value.why


# -- the embedded model ----------------------------------------------------------------------------------------------


def test_the_embedded_model_is_outlined_without_being_converted(store: Store) -> None:
    resolved = resolve(ModelSpec(device="cpu", dtype="float32"))
    assert resolved.digest == embedded.MODELS[EMBEDDED].sha256
    shape = outline(resolved)
    assert shape.neurons.total == 85_248
    assert (shape.n_layers, shape.hidden_size) == (18, 640)
    assert round(shape.n_parameters / 1e6) == 268
    assert not embedded.is_converted(store)


def test_the_catalogue_begins_with_the_embedded_model_and_names_each_once() -> None:
    names = list(CATALOGUE)
    assert names[0] == EMBEDDED
    assert len(set(names)) == len(names)
    assert all(choice.title and choice.parameters and choice.note for choice in CATALOGUE.values())


def test_other_configs_have_the_same_outline_as_their_classes(folder: Path) -> None:
    for config in (LlamaConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=4, num_attention_heads=2),):
        config.save_pretrained(folder)
        assert outline(resolve(spec(folder))).neurons.total == 4 * (24 + 24 + 16)
    BloomConfig(hidden_size=16, n_layer=5, n_head=2).save_pretrained(folder)
    assert outline(resolve(spec(folder))).neurons.total == 5 * (64 + 16)
