"""The main job on the real embedded model, by the command line: what comes out, and what is not computed twice."""

import json
import math
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from core.cli.main import main
from core.corpora.load import load_corpus
from core.models.embedded import converted
from core.models.embedded_gemma import CONFIG, SHA256, tokenizer
from core.models.load import load
from core.models.resolve import resolve
from core.models.spec import ModelSpec
from core.store.store import Store
from tests.helpers.command_line import EmbeddedRun, run_arguments


def test_the_effect_is_there(embedded: EmbeddedRun) -> None:
    """Published direction and rough size: retrieval from the target rises severalfold, languages draw together."""
    summary, distance = embedded.result["summary"], embedded.result["distance"]
    assert summary["target_top1"]["post"] > 3 * summary["target_top1"]["pre"]
    assert distance["all_pairs"]["post"] < 0.5 * distance["all_pairs"]["pre"]
    assert embedded.result["experts"]["mean_score"] > 0.85


def test_the_free_baselines_are_told(embedded: EmbeddedRun) -> None:
    baselines = embedded.result["baselines"]
    assert baselines["centred"]["pre"] > embedded.result["summary"]["target_top1"]["pre"]
    assert 0 < baselines["best_layer"]["layer"] < 18


def test_the_json_holds_every_condition(embedded: EmbeddedRun) -> None:
    result = embedded.result
    assert result["schema"] == 1
    asked = result["experiment"]
    assert (asked["model"], asked["target"], asked["experts"], asked["strength"]) == ("embedded", "ja", 2000, 1.0)
    assert asked["model_digest"] == SHA256
    assert asked["corpus_digest"] == load_corpus("embedded").digest
    assert asked["n_neurons"] == 18 * (2048 + 2048 + 640)
    assert asked["layer"] == asked["n_layers"] == 18
    assert asked["probe_languages"] == ["de", "en", "es", "ja", "ru", "zh"]
    assert set(result["seconds"]) >= {"load", "capture", "expertise", "embed_pre", "embed_post", "projection"}
    pairs = {(row["query"], row["candidate"]) for row in result["retrieval"]}
    assert pairs == {(q, c) for q in asked["languages"] for c in asked["languages"] if q != c}
    assert all(row["n"] == 40 for row in result["retrieval"])
    assert math.isclose(
        result["summary"]["target_top1"]["pre"],
        sum(row["top1_pre"] for row in result["retrieval"] if row["query"] == "ja") / 3,
    )


def test_the_terminal_says_what_the_json_says(embedded: EmbeddedRun) -> None:
    change = embedded.result["summary"]["target_top1"]
    assert f"{change['pre']:.3f} -> {change['post']:.3f}" in embedded.output


def test_asked_again_nothing_is_computed(embedded: EmbeddedRun, tmp_path: Path) -> None:
    out = tmp_path / "again.json"
    assert main([*run_arguments(), "--cache", str(embedded.cache), "--json", str(out)]) == 0
    again = json.loads(out.read_text(encoding="utf-8"))
    assert again["computed"] == []
    for part in ("experiment", "experts", "retrieval", "distance", "baselines"):
        assert again[part] == embedded.result[part]


def test_strength_zero_is_the_unmodified_model(embedded: EmbeddedRun, tmp_path: Path) -> None:
    out = tmp_path / "zero.json"
    assert main([*run_arguments(strength=0), "--cache", str(embedded.cache), "--json", str(out)]) == 0
    zero = json.loads(out.read_text(encoding="utf-8"))
    assert not {"capture", "embed_pre", "embed_post"} & set(zero["computed"])
    for row, before in zip(zero["retrieval"], embedded.result["retrieval"], strict=True):
        assert row["top1_post"] == row["top1_pre"] == before["top1_pre"]


def test_the_conversion_keeps_the_model(embedded: EmbeddedRun) -> None:
    """The pinned config is the one the weights were made for: the model predicts sensible text."""
    model = load(resolve(ModelSpec(dtype="float32")), Store(embedded.cache))
    assert model.lm.config.hidden_size == CONFIG["hidden_size"]
    for text, word in (
        ("Paris is the capital of", "France"),
        ("Berlin ist die Hauptstadt von", "Deutschland"),
        ("One, two, three, four,", "five"),
    ):
        with torch.inference_mode():
            best = int(model.lm(model.tokenizer(text, return_tensors="pt")["input_ids"]).logits[0, -1].argmax())
        assert model.tokenizer.decode([best]).strip() == word


def test_the_tokenizer_is_the_one_that_transformers_makes(embedded: EmbeddedRun) -> None:
    """It is read as it was saved, which is faster; by transformers' own way it must be the same in all that is used."""
    folder = converted(Store(embedded.cache)).path
    ours, theirs = tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    assert ours.backend_tokenizer.to_str() == theirs.backend_tokenizer.to_str()
    assert ours.get_vocab() == theirs.get_vocab()
    for name in ("padding_side", "truncation_side", "model_max_length", "special_tokens_map", "all_special_ids"):
        assert getattr(ours, name) == getattr(theirs, name)
    texts = [text for texts in load_corpus("embedded").evaluation[0].texts.values() for text in texts[:20]]
    texts += ["", "  a  b", "<bos>hi<eos><pad>", "🙂\n\n\tx"]
    found, expected = ours(texts, padding=True), theirs(texts, padding=True)
    assert found["input_ids"] == expected["input_ids"]
    assert found["attention_mask"] == expected["attention_mask"]
    for skipped in (False, True):
        decoded = ours.batch_decode(found["input_ids"], skip_special_tokens=skipped)
        assert decoded == theirs.batch_decode(found["input_ids"], skip_special_tokens=skipped)


def test_experts_are_written_ranked(embedded: EmbeddedRun, tmp_path: Path) -> None:
    out = tmp_path / "experts.csv"
    arguments = [a for a in run_arguments() if a not in ("--strength", "1.0")][1:]
    cut = arguments.index("--languages")
    arguments = [*arguments[:cut], *arguments[cut + 2 :]]
    arguments = arguments[: arguments.index("--eval-sentences")]
    assert main(["experts", *arguments, "--cache", str(embedded.cache), "--out", str(out)]) == 0
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "rank,neuron,layer,site,unit,score,value,model"
    scores = [float(line.split(",")[5]) for line in lines[1:]]
    assert len(scores) == 2000
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) / 2000 == pytest.approx(embedded.result["experts"]["mean_score"])
    assert {line.split(",")[3] for line in lines[1:]} <= {"gate_proj", "up_proj", "down_proj"}
