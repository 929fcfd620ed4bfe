"""What a sentence encoder's folder says is read as sentence-transformers reads it, or refused in words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.models import sentence_encoder
from core.models.resolve import resolve
from core.models.sentence_pooling import SENTENCE_POOLINGS, SentenceEncoder, Step
from core.models.spec import E5, ModelSpec, ResolvedModel
from tests.helpers.refusals import refusal
from tests.helpers.sentence_folder import DENSE_WIDTH, save_encoder, write


def resolved(folder: Path) -> ResolvedModel:
    return resolve(ModelSpec(str(folder), dtype="float32", device="cpu"))


def read(folder: Path) -> SentenceEncoder | None:
    return sentence_encoder.read(resolved(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_encoder(tmp_path / "encoder", {"pooling_mode_mean_tokens": True}, ["Dense", "Dropout", "Normalize"])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ("cls",)),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, ("max", "mean")),
        ({"pooling_mode_mean_tokens": False}, ("mean",)),  # none at all is the mean
        ({"pooling_mode_mean_sqrt_len_tokens": True}, ("mean-sqrt-len",)),
        ({"pooling_mode": "weightedmean"}, ("weighted-mean",)),
        ({"pooling_mode": ["lasttoken", "cls"]}, ("last", "cls")),
        ({}, ("mean",)),
    ],
)
def test_the_pooling_is_read_in_old_words_and_new(folder: Path, config: dict[str, Any], expected: object) -> None:
    write(folder / "1_Pooling" / "config.json", config)
    encoder = read(folder)
    assert encoder is not None
    assert encoder.poolings == expected
    assert all(name in SENTENCE_POOLINGS for name in encoder.poolings)


def test_everything_beside_it_is_read(folder: Path) -> None:
    write(folder / "1_Pooling" / "config.json", {"pooling_mode": "mean", "include_prompt": False})
    write(folder / "sentence_roberta_config.json", {"max_seq_length": 17, "do_lower_case": True})
    prompts = {"query": "Find: ", "passage": None}
    write(folder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": "query"})
    steps = (Step("Dense", "2_Dense", DENSE_WIDTH, "Tanh"), Step("Normalize", "4_Normalize"))
    assert read(folder) == SentenceEncoder(("mean",), steps, False, "Find: ", 17, True)
    assert sentence_encoder.prompts(resolved(folder)) == {"query": "Find: ", "passage": ""}
    assert str(read(folder)) == f"mean of all tokens, a linear map to {DENSE_WIDTH} numbers, unit length"


def test_a_folder_without_modules_says_nothing(tiny_folders: dict[str, Path]) -> None:
    assert read(tiny_folders["llama"]) is None
    assert sentence_encoder.prompts(resolved(tiny_folders["llama"])) == {}


def test_the_embedded_encoder_says_what_it_was_published_with() -> None:
    e5 = resolve(ModelSpec(E5, device="cpu"))
    assert str(sentence_encoder.read(e5)) == "mean of all tokens, unit length"
    assert sentence_encoder.prompts(e5)["query"] == "query: "
    assert sentence_encoder.read(resolve(ModelSpec(device="cpu"))) is None


def _other_module(folder: Path, kind: str) -> None:
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_CNN", "type": kind}]
    write(folder / "modules.json", modules)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: _other_module(f, "sentence_transformers.models.CNN"), "lists Transformer, CNN"),
        (lambda f: _other_module(f, "custom_st.Pooling"), "lists Pooling"),
        (lambda f: write(f / "modules.json", {"a": 1}), "holds no list"),
        (lambda f: (f / "modules.json").write_text("{"), "Expecting property name"),
        (lambda f: write(f / "1_Pooling" / "config.json", {"pooling_mode": "median"}), "median"),
        (
            lambda f: write(f / "2_Dense" / "config.json", {"out_features": 3, "activation_function": "os.system"}),
            "os.system",
        ),
    ],
)
def test_what_is_not_known_is_refused_before_any_weight(
    folder: Path, spoil: Callable[[Path], object], why: str
) -> None:
    spoil(folder)
    error = refusal(lambda: read(folder))
    assert why in error.why


def test_pickled_weights_of_a_step_are_refused(folder: Path) -> None:
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    model, encoder = resolved(folder), read(folder)
    assert encoder is not None
    error = refusal(lambda: sentence_encoder.head(model, encoder))
    assert "2_Dense holds no model.safetensors" in error.why


def test_the_digest_is_of_what_determines_the_numbers(folder: Path) -> None:
    before = resolved(folder).digest
    (folder / "README.md").write_text("prose")
    (folder / "LICENSE.txt").write_text("terms")
    (folder / "pytorch_model.bin").write_bytes(b"not read")
    (folder / "trainer_state.json").write_text("{}")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    assert resolved(folder).digest == before
    for name in ("2_Dense/model.safetensors", "1_Pooling/config.json", "modules.json", "vocab.txt", "tokenizer.json"):
        copy = Path(shutil.copytree(folder, folder.with_name(name.replace("/", "-"))))
        with (copy / name).open("ab") as file:
            file.write(b" ")
        assert resolved(copy).digest != before, name
    assert resolved(Path(shutil.copytree(folder, folder.with_name("same")))).digest == before
