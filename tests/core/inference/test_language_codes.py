"""Every sentence gets the code of its own language, under tokenizers that mark languages, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MBart50Tokenizer,
    MBartConfig,
    MBartForConditionalGeneration,
    MBartTokenizer,
    NllbTokenizer,
)

from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.inference.hooks import PassState, first_tokens, note_tokens
from core.inference.language_codes import code_of
from core.models.load import load, outline
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.pipeline.engine import Engine
from core.pipeline.stages import Stages
from core.store.store import Store
from tests.helpers.refusals import refusal
from tests.helpers.tiny import LANGUAGES, sentences, write_table

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
CODES = {
    "nllb": {"en": "eng_Latn", "de": "deu_Latn", "es": "spa_Latn", "ru": "rus_Cyrl", "ja": "jpn_Jpan"},
    "mbart": {"en": "en_XX", "de": "de_DE", "es": "es_XX", "ru": "ru_RU", "ja": "ja_XX"},
    "mbart50": {"en": "en_XX", "de": "de_DE", "es": "es_XX", "ru": "ru_RU", "ja": "ja_XX"},
}
PREFIXED = {"nllb": True, "mbart": False, "mbart50": True}


def _tokenizer(family: str) -> Any:
    """A tokenizer of single characters; the languages' codes are those that its class has."""
    characters = sorted({c for code in LANGUAGES for text in sentences(code, 60) for c in text if c != " "})
    names = [*SPECIAL, "▁", *characters]
    if family == "nllb":
        return NllbTokenizer(vocab={name: number for number, name in enumerate(names)}, merges=[])
    scored = [(name, -float(number > 3)) for number, name in enumerate(names)]
    return {"mbart": MBartTokenizer, "mbart50": MBart50Tokenizer}[family](vocab=scored)


def _save(folder: Path, family: str) -> Path:
    tokenizer = _tokenizer(family)
    settings = {
        "vocab_size": len(tokenizer),
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 40,
        "max_position_embeddings": 128,
        "init_std": 0.2,
    }
    torch.manual_seed(0)
    if family == "nllb":
        M2M100ForConditionalGeneration(M2M100Config(**settings)).save_pretrained(folder)
    else:
        MBartForConditionalGeneration(MBartConfig(**settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A tiny model of each family."""
    return {family: _save(tmp_path_factory.mktemp("coded") / family, family) for family in CODES}


def _spec(folder: Path) -> ModelSpec:
    return ModelSpec(str(folder), device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def models(folders: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, LoadedModel]:
    """The same, loaded."""
    store = Store(tmp_path_factory.mktemp("store"))
    return {family: load(resolve(_spec(folder)), store) for family, folder in folders.items()}


@pytest.mark.parametrize("family", CODES)
def test_every_language_has_its_own_code(family: str, models: Mapping[str, LoadedModel]) -> None:
    model = models[family]
    before = model.tokenizer.src_lang
    for language, code in CODES[family].items():
        tokens = tokenise(model, sentences(language, 3), language)
        for ids, counted in zip(tokens.ids, tokens.counted, strict=True):
            names = model.tokenizer.convert_ids_to_tokens(list(ids))
            assert (names[0] if PREFIXED[family] else names[-1]) == code
            assert [name for name, counts in zip(names, counted, strict=True) if not counts] == (
                [code, "</s>"] if PREFIXED[family] else ["</s>", code]
            )
        assert tokens.unknown == 0
    assert model.tokenizer.src_lang == before


@pytest.mark.parametrize("family", CODES)
def test_what_stands_before_a_sentence_is_its_first_token(family: str, models: Mapping[str, LoadedModel]) -> None:
    model, noted = models[family], {}
    for language in CODES[family]:
        ids = torch.tensor(tokenise(model, sentences(language, 1), language).ids)
        note_tokens(passing := PassState(), "no-bos", first_tokens(model), model.base, (ids,), {})
        noted[language] = passing.written[0].tolist()
    assert {tuple(written[:2]) for written in noted.values()} == {(not PREFIXED[family], True)}
    assert all(all(written[1:]) for written in noted.values())


@pytest.mark.parametrize("family", CODES)
def test_its_encoder_reads_that_code(
    family: str, folders: Mapping[str, Path], models: Mapping[str, LoadedModel]
) -> None:
    """Held against the class's own tokenizer and encoder, one sentence at a time."""
    made = {"nllb": (NllbTokenizer, M2M100ForConditionalGeneration), "mbart": (MBartTokenizer, None)}
    tokenizer_class, lm_class = made.get(family, (MBart50Tokenizer, None))
    tokenizer = tokenizer_class.from_pretrained(folders[family], src_lang=CODES[family]["es"])
    lm = (lm_class or MBartForConditionalGeneration).from_pretrained(folders[family]).eval()
    texts = sentences("es", 2)
    embeddings = forward(models[family], tokenise(models[family], texts, "es"), embeddings=True).embeddings
    assert embeddings is not None
    own = slice(1, -1) if PREFIXED[family] else slice(0, -2)
    for row, text in enumerate(texts):
        with torch.no_grad():
            states = lm.get_encoder()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert torch.allclose(torch.from_numpy(embeddings[-1][row]), states[own].mean(0), atol=1e-5)


def test_codes_of_varieties(models: Mapping[str, LoadedModel]) -> None:
    nllb, mbart50 = models["nllb"].tokenizer, models["mbart50"].tokenizer
    assert [code_of(nllb, code) for code in ("zh", "zh-Hant", "ar", "arz", "pt-BR", "sr", "ca-valencia")] == [
        "zho_Hans",
        "zho_Hant",
        "arb_Arab",
        "arz_Arab",
        "por_Latn",
        "srp_Cyrl",
        "cat_Latn",
    ]
    assert [code_of(mbart50, code) for code in ("zh", "pt-BR", "de", "ar", "sw")] == [
        "zh_CN",
        "pt_XX",
        "de_DE",
        "ar_AR",
        "sw_KE",
    ]
    assert code_of(mbart50, "zh-Hant") is None
    assert code_of(nllb, "sr-Latn") is None


def test_a_language_without_a_code_is_refused(models: Mapping[str, LoadedModel]) -> None:
    error = refusal(lambda: tokenise(models["mbart"], ["Moien"], "lb"))
    assert "sentences in lb" in error.what
    assert "has none" in error.why
    error = refusal(lambda: tokenise(models["mbart"], ["Moien"]))
    assert "no stated language" in error.what


def test_it_is_refused_before_the_first_pass(folders: Mapping[str, Path], tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    corpus = write_table(table)
    table.write_text(table.read_text(encoding="utf-8").replace("\tru\t", "\tlb\t", 1), encoding="utf-8")
    store = Store(tmp_path / "store")
    experiment = Experiment(model=str(folders["mbart"]), corpus=corpus, device="cpu", dtype="float32", experts=5)
    error = refusal(lambda: Engine(store).run(experiment))
    assert "sentences in lb" in error.what
    assert "--languages" in error.instead
    assert not any((tmp_path / "store").rglob("responses/*"))


def test_results_are_kept_by_language(
    folders: Mapping[str, Path], tiny_folders: Mapping[str, Path], tmp_path: Path
) -> None:
    """One sentence in two languages is two inputs, where the tokenizer marks them, and one where it does not."""
    corpus = write_table(tmp_path / "table.tsv")
    for folder, coded in ((folders["nllb"], True), (tiny_folders["llama"], False)):
        assert outline(resolve(_spec(folder))).language_coded is coded
        bound = plan(Experiment(model=str(folder), corpus=corpus, device="cpu", dtype="float32", experts=5))
        stages = Stages(bound, Store(tmp_path / "store"), lambda: pytest.fail("no model is needed"))
        for spec in (stages.embeddings_spec(0, "ja", None), stages.responses_spec("ja")):
            assert spec.get("language") == ("ja" if coded else None)
