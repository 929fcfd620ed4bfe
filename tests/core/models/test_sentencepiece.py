"""Folders whose tokenizer is a sentencepiece model alone give the pieces that sentencepiece gives."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from transformers import MBartConfig, MBartForConditionalGeneration

from core.inference.batching import tokenise
from core.models.load import load
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store
from tests.helpers.families import FAMILIES, save_family
from tests.helpers.passes import TEXTS
from tests.helpers.refusals import refusal
from tests.helpers.tiny import LANGUAGES, save_tiny, sentences

_KEPT = ("config.json", "model.safetensors", "generation_config.json")
_T5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
_LLAMA = {"byte_fallback": True, "vocab_size": 380, "model_type": "bpe"}


def _save_mbart(folder: Path) -> Path:
    torch.manual_seed(0)
    half = {"layers": 2, "attention_heads": 4, "ffn_dim": 40}
    sizes = {f"{part}_{name}": size for part in ("encoder", "decoder") for name, size in half.items()}
    config = MBartConfig(vocab_size=400, d_model=32, max_position_embeddings=64, **sizes)
    MBartForConditionalGeneration(config).save_pretrained(folder)
    return folder


def _save(folder: Path, kind: str, settings: dict[str, Any]) -> sentencepiece.SentencePieceProcessor:
    """Save a tiny model of a kind with a sentencepiece model, and no other file of a tokenizer."""
    if kind == "mbart":
        _save_mbart(folder)
    elif kind == "llama":
        save_tiny(folder, kind)
    else:
        save_family(folder, FAMILIES[kind])
    for path in folder.iterdir():
        if path.name not in _KEPT:
            path.unlink()
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text for code in LANGUAGES for text in sentences(code, 60)]),
        model_writer=model,
        minloglevel=2,
        hard_vocab_limit=False,
        **{"vocab_size": 150, "model_type": "unigram", **settings},
    )
    name = {"mt5": "spiece.model", "llama": "tokenizer.model"}.get(kind, "sentencepiece.bpe.model")
    (folder / name).write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def spec(folder: Path) -> ModelSpec:
    return ModelSpec(str(folder), dtype="float32", device="cpu")


@pytest.mark.parametrize(
    ("kind", "settings", "before", "after"),
    [
        ("xlm-r", {}, ["<s>"], ["</s>"]),
        ("mt5", _T5, [], ["</s>"]),
        ("mbart", {}, [], ["</s>", "es_XX"]),
        ("llama", _LLAMA, ["<s>"], []),
    ],
)
def test_the_pieces_are_sentencepieces(
    kind: str, settings: dict[str, Any], before: list[str], after: list[str], tmp_path: Path, store: Store
) -> None:
    folder = tmp_path / "model"
    theirs = _save(folder, kind, settings)
    if kind == "llama":  # its class is named, as in the folders that Llama 2 came in
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": "LlamaTokenizer", "add_bos_token": True})
        )
    model = load(resolve(spec(folder)), store)
    tokens = tokenise(model, TEXTS, "es")
    for text, ids, counted in zip(TEXTS, tokens.ids, tokens.counted, strict=True):
        pieces = [
            piece if piece in model.tokenizer.get_vocab() else "<unk>" for piece in theirs.encode(text, out_type=str)
        ]
        assert model.tokenizer.convert_ids_to_tokens(list(ids)) == [*before, *pieces, *after]
        assert sum(counted) == len(pieces)


def test_a_guess_that_gives_other_pieces_is_refused(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "model"
    _save(folder, "llama", _LLAMA)
    error = refusal(lambda: load(resolve(spec(folder)), store))
    assert "no file names its class" in error.why
    assert "tokenizer_config.json" in error.instead


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "model"
    _save(folder, "xlm-r", {})
    (folder / "sentencepiece.bpe.model").unlink()
    error = refusal(lambda: load(resolve(spec(folder)), store))
    assert "tokenizer" in error.what + error.why + error.instead
