"""A model is loaded as what it is, where it was asked to be, with no more of it than is used; or refused plainly."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertConfig, BertLMHeadModel, Gemma3Config, LlavaConfig, XLMRobertaConfig

from core import parallel
from core.inference import forward as forward_module
from core.inference.batching import tokenise
from core.inference.forward import ForwardResult, forward
from core.models import architectures, memory, placement
from core.models.load import load, outline
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.neurons.interventions import Intervention
from core.neurons.neuron_map import NeuronMap
from core.neurons.sites import KINDS
from core.store.store import Store
from tests.helpers.families import FAMILIES, save_family
from tests.helpers.passes import TEXTS, close, hooks, set_value
from tests.helpers.refusals import refusal
from tests.helpers.tiny import make_tokenizer

IDS = torch.tensor([[1, 40, 41, 42, 43], [1, 50, 51, 52, 53]])


@pytest.fixture
def read(store: Store) -> Callable[..., LoadedModel]:
    """Load a folder in float32."""
    return lambda folder, device="cpu": load(resolve(ModelSpec(str(folder), dtype="float32", device=device)), store)


def states(module: nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return module(input_ids=IDS, attention_mask=torch.ones_like(IDS)).last_hidden_state


def save_with_tokenizer(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    make_tokenizer(True).save_pretrained(folder)
    return folder


# -- spread over devices ---------------------------------------------------------------------------------------------

MAPS = {
    "llama": {"model.embed_tokens": "cpu", "model.layers.0": "disk", "model.layers.1": "cpu"}
    | dict.fromkeys(("model.norm", "model.rotary_emb", "lm_head"), "cpu"),
    "mixtral": {"model.embed_tokens": "disk", "model.layers.0": "cpu", "model.layers.1": "disk"}
    | dict.fromkeys(("model.norm", "model.rotary_emb", "lm_head"), "cpu"),
    "mt5": {"shared": "cpu", "encoder.embed_tokens": "cpu", "encoder.final_layer_norm": "disk"}
    | {"encoder.block.0": "cpu", "encoder.block.1": "disk"},
}


def run(model: LoadedModel, neurons: NeuronMap, intervention: Intervention | None = None) -> ForwardResult:
    tokens = tokenise(model, TEXTS)
    return forward(model, tokens, responses=True, embeddings=True, neurons=neurons, intervention=intervention)


@pytest.mark.parametrize("name", MAPS)
def test_a_model_spread_over_memory_and_disk_is_the_model(
    name: str, tmp_path: Path, read: Callable[..., LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_family(tmp_path / "model", FAMILIES[name])
    plain = read(folder)
    assert placement.placement("sharded", "float32") == {"device_map": "auto"}
    spread_over = {"device_map": MAPS[name], "offload_folder": str(tmp_path / "offloaded")}
    monkeypatch.setattr(architectures, "placement", lambda *_: spread_over)
    spread = read(folder, "sharded")
    assert "meta" in {p.device.type for p in spread.base.parameters()}  # on disk until a pass comes to them
    assert spread.device == torch.device("cpu")
    assert spread.sharded
    assert not plain.sharded
    monkeypatch.setitem(forward_module.TOKENS_A_BATCH, "cpu", 60)

    def side_by_side(_: torch.device) -> int:
        raise AssertionError("weights that come and go cannot be shared by passes side by side")

    neurons = outline(plain.resolved, KINDS).neurons
    pulled = set_value(
        np.array([site.start + 3 for site in neurons.sites]), np.linspace(-1, 1, len(neurons.sites)), 0.8
    )
    expected = [run(plain, neurons, asked) for asked in (None, pulled)]
    assert not np.allclose(expected[0].embeddings, expected[1].embeddings, atol=1e-2)
    monkeypatch.setattr(parallel, "count", side_by_side)
    run(spread, neurons)  # the first pass attaches transformers' own hooks, for the hidden states
    attached = hooks(spread)
    for asked, wanted in zip((None, pulled, None), (*expected, expected[0]), strict=True):
        found = run(spread, neurons, asked)
        close(found.embeddings, wanted.embeddings)
        for path, values in wanted.responses.items():
            close(found.responses[path], values)
    assert hooks(spread) == attached


def test_sharded_on_one_device_is_that_device(tmp_path: Path, read: Callable[..., LoadedModel]) -> None:
    folder = save_family(tmp_path / "model", FAMILIES["llama"])
    assert torch.equal(states(read(folder, "sharded").base), states(read(folder).base))


def test_sharded_needs_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "accelerate")
    error = refusal(lambda: resolve(ModelSpec("nobody/asked", device="sharded")))
    assert "'sharded'" in error.what
    assert "accelerate, which is not installed" in error.why
    assert "pip install" in error.instead


# -- packed weights --------------------------------------------------------------------------------------------------


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == package else found(name, *rest)
    )


@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_packed_weights_are_refused_before_the_hub_is_asked(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.models.hub.commit", lambda *_: pytest.fail("the hub was asked"))
    error = refusal(lambda: resolve(ModelSpec("nobody/asked", dtype=dtype, device="cpu")))
    assert repr(dtype) in error.what
    assert "CUDA" in error.why
    assert "cpu" in error.why
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    hide(monkeypatch, "bitsandbytes")
    for device in ("cuda:1", "sharded"):
        error = refusal(lambda: resolve(ModelSpec("nobody/asked", dtype=dtype, device=device)))  # noqa: B023
        assert "bitsandbytes, which is not installed" in error.why
        assert "pip install bitsandbytes" in error.instead
        assert "bfloat16" in error.instead
        assert "int8" not in error.instead


def test_planning_needs_no_device_and_loading_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a GPU computes has one address on every machine; only a machine with one can compute it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    there = resolve(ModelSpec(device="auto"))
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    here = resolve(ModelSpec(device="cuda"))
    assert here.identity == there.identity
    assert (here.device, here.dtype) == ("cuda", "bfloat16")
    assert resolve(ModelSpec(device="cuda:7", dtype="int8")).identity["device"] == "cuda"
    error = refusal(lambda: load(here, Store(tmp_path)))
    assert "'cuda'" in error.what
    assert "this machine has cpu" in error.why
    assert "--shared" in error.instead


@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_packed_weights_go_where_they_are_asked_to_be(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers, "BitsAndBytesConfig", lambda **settings: settings)
    for device, where in (("cuda:1", {"": "cuda:1"}), ("sharded", "auto")):
        found = placement.placement(device, dtype)
        assert found["device_map"] == where
        assert found["quantization_config"]["load_in_8bit"] == (dtype == "int8")
        assert found["quantization_config"]["load_in_4bit"] == (dtype == "int4")
    assert placement.placement("cuda:1", "bfloat16") == {}


@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "mt5"])
def test_memory_counts_what_is_packed(name: str) -> None:
    family = FAMILIES[name]
    model = family.make(60)
    config = model.config
    made = architectures.skeleton(name, architectures.recipe(name, config))
    kept = model.encoder if name == "mt5" else model
    maps = [
        m.weight for path, m in kept.named_modules() if type(m).__name__ in ("Linear", "Conv1D") and path != "lm_head"
    ]
    all_of_it = sum(p.numel() for p in kept.parameters())
    in_maps = sum(weight.numel() for weight in maps)
    assert 0 < in_maps < all_of_it
    assert memory.weight_bytes(made, "float32") == 4 * all_of_it
    assert memory.weight_bytes(made, "bfloat16") == 2 * all_of_it
    assert memory.weight_bytes(made, "int8") == in_maps + 2 * (all_of_it - in_maps)
    assert memory.weight_bytes(made, "int4") == pytest.approx(4.5 / 8 * in_maps + 2 * (all_of_it - in_maps))


def test_a_model_may_fit_only_when_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"hidden_size": 4096, "intermediate_size": 16384, "num_hidden_layers": 30}
    config = transformers.LlamaConfig(vocab_size=1000, **settings)
    made = architectures.skeleton("large", architectures.recipe("large", config))
    monkeypatch.setattr(memory, "_free", lambda _: 12.0 * (1 << 30))
    for dtype in ("int4", "int8"):
        memory.check_memory("large", made, dtype=dtype, device="cuda")
    error = refusal(lambda: memory.check_memory("large", made, dtype="bfloat16", device="cuda"))
    assert "8.1 billion parameters" in error.why
    assert "int4" in error.instead
    assert "sharded" in error.instead


# -- what of a checkpoint is used ------------------------------------------------------------------------------------

_TEXT = {
    "vocab_size": 400,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.2,
    "tie_word_embeddings": False,
}
_VISION = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_VISION |= {"image_size": 16, "patch_size": 8}
MULTIMODAL = {
    "gemma3": lambda: Gemma3Config(text_config=_TEXT | {"tie_word_embeddings": True}, vision_config=_VISION),
    "llava": lambda: LlavaConfig(
        text_config=_TEXT | {"model_type": "llama"},
        vision_config=_VISION | {"model_type": "clip_vision_model", "projection_dim": 16},
        tie_word_embeddings=False,
    ),
}
LAYOUTS = {  # of the text model's weights and the head's; both are on the hub
    "older": ("language_model.model.", "language_model.lm_head."),
    "newer": ("model.language_model.", "lm_head."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", MULTIMODAL)
def test_of_a_multimodal_checkpoint_the_text_model_is_used(
    name: str, layout: str, tmp_path: Path, read: Callable[..., LoadedModel]
) -> None:
    torch.manual_seed(0)
    whole = transformers.AutoModelForImageTextToText.from_config(MULTIMODAL[name]()).eval()
    folder = save_with_tokenizer(whole, tmp_path / "model")
    body, head = LAYOUTS[layout]
    weights = {f"{body}{key}": tensor for key, tensor in whole.model.language_model.state_dict().items()}
    if name == "llava":
        weights[f"{head}weight"] = whole.lm_head.weight
    weights["vision_tower.something.weight"] = torch.zeros(3)
    save_file({key: tensor.clone() for key, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    model = read(folder)
    assert model.generates
    assert outline(model.resolved).n_parameters == sum(p.numel() for p in model.lm.parameters())
    assert not [path for path, _ in model.lm.named_modules() if "vision" in path]
    with torch.inference_mode():
        assert torch.equal(model.lm(input_ids=IDS).logits, whole(input_ids=IDS).logits)
    assert {site.name for site in model.neurons.sites} == {"gate_proj", "up_proj", "down_proj"}


def test_a_model_without_its_head_does_not_generate(tmp_path: Path, read: Callable[..., LoadedModel]) -> None:
    folder = save_family(tmp_path / "model", FAMILIES["llama"])
    headed = read(folder)
    assert headed.generates
    headed.base.save_pretrained(folder)
    headless = read(folder)
    assert not headless.generates
    assert torch.equal(states(headless.base), states(headed.base))


def test_an_encoder_saved_without_its_decoder(tmp_path: Path, read: Callable[..., LoadedModel]) -> None:
    folder = save_family(tmp_path / "model", FAMILIES["mt5"])
    halved = transformers.MT5EncoderModel.from_pretrained(folder)
    alone = save_with_tokenizer(halved, tmp_path / "alone")
    assert not halved.config.is_encoder_decoder
    one, two = read(folder), read(alone)
    assert torch.equal(states(one.base), states(two.base))
    assert not two.generates


def test_a_bert_that_is_told_to_be_a_decoder_is_one(tmp_path: Path, read: Callable[..., LoadedModel]) -> None:
    sizes = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    config = BertConfig(**sizes, num_attention_heads=4, initializer_range=0.2, is_decoder=True)
    model = read(save_with_tokenizer(BertLMHeadModel(config), tmp_path / "model"))
    assert model.generates
    with torch.inference_mode():
        first = [model.base(input_ids=ids).last_hidden_state[:, 0] for ids in (IDS, IDS[:, :3])]
    assert torch.allclose(*first, atol=1e-5)


@pytest.mark.parametrize("name", ["mbert", "mt5", "bart"])
def test_an_encoder_whose_weights_are_not_all_there(
    name: str, tmp_path: Path, read: Callable[..., LoadedModel]
) -> None:
    folder = save_family(tmp_path / "model", FAMILIES[name])
    weights: Mapping[str, torch.Tensor] = load_file(folder / "model.safetensors")
    rest = {key: tensor for key, tensor in weights.items() if "encoder" not in key or ".1." not in key}
    assert len(rest) < len(weights)
    save_file(rest, folder / "model.safetensors", {"format": "pt"})
    error = refusal(lambda: read(folder))
    assert "its files lack" in error.why
    assert "encoder" in error.why


# -- how long a sentence may be --------------------------------------------------------------------------------------


def test_positions_behind_the_paddings_are_not_counted_twice(tmp_path: Path, read: Callable[..., LoadedModel]) -> None:
    model = read(save_family(tmp_path / "model", FAMILIES["xlm-r"]))
    assert model.context == 64 - 0 - 1
    tokens = tokenise(model, ["Der Hund schläft. " * 50])
    assert (tokens.n_tokens, tokens.cut) == (63, 1)
    assert np.isfinite(forward(model, tokens, embeddings=True).embeddings).all()
    config = XLMRobertaConfig(hidden_size=16, num_attention_heads=2, max_position_embeddings=40, pad_token_id=5)
    made = architectures.skeleton("x", architectures.recipe("x", config))
    assert architectures.context(made.base, config, make_tokenizer(True)) == 40 - 5 - 1


@pytest.mark.parametrize("name", ["llama", "opt", "mbert", "bart", "mt5"])
def test_other_positions_are_all_used(name: str, tmp_path: Path, read: Callable[..., LoadedModel]) -> None:
    model = read(save_family(tmp_path / "model", FAMILIES[name]))
    assert model.context == 64
    tokens = tokenise(model, ["Der Hund schläft. " * 50])
    assert np.isfinite(forward(model, tokens, embeddings=True).embeddings).all()


def test_models_are_read_by_one_thread_at_a_time(tiny_folders: dict[str, Path], store: Store) -> None:
    """Several readers at once, as several engines of one process are: every one gets whole weights."""
    resolved = [
        resolve(ModelSpec(str(tiny_folders[name]), dtype="float32", device="cpu")) for name in ("llama", "gpt2")
    ]
    with ThreadPoolExecutor(4) as several:
        loaded = list(several.map(lambda each: load(each, store), resolved * 6))
    for model in loaded:
        for parameter in model.base.parameters():
            assert parameter.device.type == "cpu"
            assert parameter.dtype == torch.float32
