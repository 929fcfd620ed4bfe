"""Sentences embedded as their model means it: equal to plain loops over one sentence at a time, at every layer."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.inference.batching import TokenisedSentences, tokenise
from core.inference.encoding import PLAIN, Encoding
from core.inference.forward import embed_spaces, forward
from core.models.load import load
from core.models.loaded_model import LoadedModel
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress
from core.store.files import digest
from core.store.store import Store
from tests.helpers.passes import TEXTS, close, pull
from tests.helpers.sentence_folder import DENSE_WIDTH, after, hidden_states, pool, save_encoder, write
from tests.helpers.tiny import write_table

PLAIN_POOLINGS = ("mean", "max", "weighted-mean", "mean-sqrt-len", "cls", "last")
STEPS = ("LayerNorm", "Dense", "Normalize")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = {"pooling_mode_weightedmean_tokens": True, "pooling_mode_cls_token": False}
    general = {"prompts": {"query": "El perro: "}}
    return save_encoder(
        tmp_path_factory.mktemp("encoder") / "model", config, STEPS, own={"max_seq_length": 9}, **general
    )


@pytest.fixture(scope="module")
def asked(folder: Path) -> Experiment:
    corpus = write_table(folder.parent / "sentences.tsv", 6, 5)
    settings: dict[str, Any] = {"model": str(folder), "dtype": "float32", "device": "cpu", "corpus": corpus}
    return Experiment(**settings, target="es", experts=20, probe_languages=("en", "de", "es"))


@pytest.fixture(scope="module")
def model(asked: Experiment, folder: Path) -> LoadedModel:
    return load(plan(asked).resolved, Store(folder.parent / "store"))


def embed(model: LoadedModel, encoding: Encoding, texts: list[str] = TEXTS) -> np.ndarray:
    tokens = tokenise(model, texts, encoding=encoding)
    states = forward(model, tokens, embeddings=True, encoding=encoding).embeddings
    assert states is not None
    return states


@pytest.mark.parametrize("pooling", PLAIN_POOLINGS)
def test_each_pooling_equals_a_plain_loop(pooling: str, model: LoadedModel, folder: Path) -> None:
    found = embed(model, Encoding(pooling))
    for row, (layers, special) in enumerate(hidden_states(folder, TEXTS)):
        taken = [True] * len(special) if pooling in ("cls", "last") else [not is_special for is_special in special]
        for layer, states in enumerate(layers):
            close(found[layer, row], pool(states, pooling, taken))


def test_the_folder_is_followed_and_its_steps_are_done_at_the_last_layer(
    asked: Experiment, model: LoadedModel, folder: Path
) -> None:
    bound = plan(asked)
    found = embed(model, bound.encoding)
    assert bound.encoding.pooling == "folder"
    for row, (layers, special) in enumerate(hidden_states(folder, TEXTS, limit=9)):
        for layer, states in enumerate(layers):
            expected = pool(states, "weighted-mean", [True] * len(special))
            if layer + 1 < len(layers):
                close(found[layer, row], expected)
            else:
                close(found[layer, row, :DENSE_WIDTH], after(folder, expected, STEPS))
                assert not found[layer, row, DENSE_WIDTH:].any()
    (note,) = bound.notes
    assert f"weighted mean of all tokens, a layer norm, a linear map to {DENSE_WIDTH} numbers, unit length" in note
    assert "--sentence-pooling mean" in note


def test_a_transformer_in_a_folder_of_its_own_is_the_same_encoder(
    asked: Experiment, model: LoadedModel, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "encoder"
    shutil.copytree(folder, other)
    inner = other / "0_Transformer"
    inner.mkdir()
    for path in [
        path for path in other.iterdir() if path.is_file() and not path.name.startswith(("modules", "config_"))
    ]:
        path.rename(inner / path.name)
    listed = json.loads((other / "modules.json").read_text(encoding="utf-8"))
    write(other / "modules.json", [{**module, "path": module["path"] or inner.name} for module in listed])
    moved = plan(replace(asked, model=str(other)))
    assert moved.encoding == plan(asked).encoding
    apart = load(moved.resolved, Store(tmp_path / "store"))
    np.testing.assert_array_equal(embed(apart, moved.encoding), embed(model, moved.encoding))
    write(other / "1_Pooling" / "config.json", {"pooling_mode": "max"})
    assert plan(replace(asked, model=str(other))).resolved.digest != moved.resolved.digest


def test_vectors_of_several_poolings_stand_one_behind_the_other(tmp_path: Path, store: Store) -> None:
    folder = save_encoder(tmp_path / "two", {"pooling_mode": ["max", "cls"]}, family="xlm-r")
    bound = plan(Experiment(model=str(folder), dtype="float32", device="cpu", target="es", experts=20))
    found = embed(load(bound.resolved, store), bound.encoding, TEXTS[:6])
    for row, (layers, special) in enumerate(hidden_states(folder, TEXTS[:6])):
        expected = [pool(layers[-1], pooling, [True] * len(special)) for pooling in ("max", "cls")]
        close(found[-1, row], np.concatenate(expected))


@pytest.mark.parametrize("counts", [True, False])
def test_a_prompt_stands_before_every_sentence_and_counts_where_the_folder_says_so(
    counts: bool, asked: Experiment, tmp_path: Path, store: Store
) -> None:
    config = {"pooling_mode": "mean", "include_prompt": counts}
    other = save_encoder(tmp_path / "model", config, prompts={"query": "El perro: "})
    bound = plan(replace(asked, model=str(other), prompt="query"))
    assert bound.encoding.prompt == "El perro: "
    model = load(bound.resolved, store)
    tokens = tokenise(model, TEXTS, encoding=bound.encoding)
    found = embed(model, bound.encoding)
    before = len(model.tokenizer("El perro: ")["input_ids"]) - 1  # without </s>
    for row, (layers, special) in enumerate(hidden_states(other, ["El perro: " + text for text in TEXTS])):
        taken = [counts or place >= before for place in range(len(special))]
        close(found[-1, row], pool(layers[-1], "mean", taken))
        # a neuron's response is over the sentence's own tokens
        own = [not is_special for is_special in special]
        if not counts:
            text = model.tokenizer.decode([i for i, c in zip(tokens.ids[row], tokens.counted[row], strict=True) if c])
            assert text.strip() == TEXTS[row]
        else:
            assert list(tokens.counted[row]) == own


def test_a_prompt_may_be_a_text_and_goes_with_any_model(asked: Experiment, tiny_folders: dict[str, Path]) -> None:
    bound = plan(replace(asked, model=str(tiny_folders["llama"]), prompt="passage: "))
    assert bound.encoding == Encoding("mean", "passage: ")
    assert plan(replace(asked, prompt="")).encoding.prompt == ""


def test_the_longest_sentence_is_the_folders(asked: Experiment, model: LoadedModel) -> None:
    tokens = tokenise(model, TEXTS, encoding=plan(asked).encoding)
    assert max(map(len, tokens.ids)) == 9
    assert tokens.cut == sum(len(model.tokenizer(text)["input_ids"]) > 9 for text in TEXTS) > 0
    assert tokenise(model, TEXTS).cut == 0


def test_what_is_pooled_is_selected_and_joined_with_the_sentences(asked: Experiment, model: LoadedModel) -> None:
    tokens = tokenise(model, TEXTS, encoding=plan(asked).encoding)
    halves = [tokens.select(np.arange(7)), tokens.select(np.arange(7, len(TEXTS)))]
    joined = TokenisedSentences.joined(halves)
    assert (joined.ids, joined.counted, joined.pooled) == (tokens.ids, tokens.counted, tokens.pooled)
    plain = tokenise(model, TEXTS)
    assert TokenisedSentences.joined([plain.select(np.arange(3))]).pooled is None


def test_interventions_change_what_the_folder_makes_of_a_sentence(asked: Experiment, model: LoadedModel) -> None:
    encoding = plan(asked).encoding
    tokens = tokenise(model, TEXTS, encoding=encoding)
    original, none, moved = embed_spaces(model, tokens, [None, pull(model, 0.0), pull(model, 0.7)], encoding=encoding)
    assert none.tobytes() == original.tobytes()
    assert np.abs(moved[-1] - original[-1]).max() > 0.01
    np.testing.assert_allclose(np.linalg.norm(moved[-1], axis=1), 1.0, rtol=1e-5)


def test_a_run_embeds_as_the_folder_says_and_keeps_it_apart(asked: Experiment, folder: Path, store: Store) -> None:
    engine = Engine(store)
    result = engine.run(asked)
    specs = {}
    for pooling in ("auto", "folder", "mean", "max"):
        bound = plan(replace(asked, sentence_pooling=pooling))
        stages = Run(bound, engine.models, Progress()).stages
        specs[pooling] = digest(stages.embeddings_spec(0, "es", None))
    assert specs["auto"] == specs["folder"]
    assert len(set(specs.values())) == 3
    texts = result.plan.groups[0].texts["es"]
    stored = engine.answer(asked, lambda run: run.stages.embeddings(0, None, run.plan.layer))
    row = result.plan.groups[0].languages.index("es")
    for number, (layers, special) in enumerate(hidden_states(folder, texts, limit=9)):
        expected = after(folder, pool(layers[-1], "weighted-mean", [True] * len(special)), STEPS)
        close(stored[row, number, :DENSE_WIDTH], expected)
    assert result.to_json()["experiment"]["encoding"]["sentence_pooling"]["poolings"] == ["weighted-mean"]


def test_the_plain_mean_adds_nothing_to_any_spec(asked: Experiment, tiny_folders: dict[str, Path]) -> None:
    assert PLAIN.spec == PLAIN.tokens_spec == {}
    assert plan(replace(asked, model=str(tiny_folders["llama"]))).encoding == PLAIN
    assert plan(replace(asked, sentence_pooling="mean")).encoding == PLAIN
    assert "encoding" not in plan(replace(asked, sentence_pooling="mean")).describe()


def test_a_folder_that_says_nothing_cannot_be_followed(asked: Experiment, tiny_folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError) as caught:
        plan(replace(asked, model=str(tiny_folders["llama"]), sentence_pooling="folder"))
    assert "no modules.json" in caught.value.why
    assert "--sentence-pooling mean" in caught.value.instead


def test_the_first_token_of_a_decoder_says_nothing_and_the_plan_says_so(
    asked: Experiment, tiny_folders: dict[str, Path]
) -> None:
    bound = plan(replace(asked, model=str(tiny_folders["llama"]), sentence_pooling="cls"))
    assert any("has seen nothing of what follows" in note for note in bound.notes)


def test_a_broken_folder_is_refused_by_default_and_can_be_left_unread(asked: Experiment, tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "model", {})
    write(folder / "modules.json", [{"path": "", "type": "sentence_transformers.models.WordEmbeddings"}])
    with pytest.raises(ModelError) as caught:
        plan(replace(asked, model=str(folder)))
    assert "WordEmbeddings" in caught.value.why
    assert plan(replace(asked, model=str(folder), sentence_pooling="mean")).encoding == PLAIN
