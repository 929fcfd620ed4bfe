"""The figures that the texts state: what is recorded of a run, and what stays of the runs before."""

import json
from pathlib import Path

import pytest

from benchmarks import recorded
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store.store import Store
from tests.helpers.tiny import save_tiny, write_table


def test_a_run_is_recorded_with_its_conditions_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    model, corpus = save_tiny(tmp_path / "model", "llama"), write_table(tmp_path / "sentences.tsv")
    settings = {"model": str(model), "corpus": corpus, "dtype": "float32", "target": "es", "experts": 30}
    path = tmp_path / "measured.json"
    path.write_text('{"before": {"figures": {}}}', encoding="utf-8")
    recorded.measure({"ja": settings}, "a command", path)
    record = recorded.read(path)
    assert record["before"] == {"figures": {}}
    run = record["ja"]
    assert str(tmp_path) not in json.dumps({**run["settings"], "model": ""})
    assert run["conditions"]["command"] == "a command"
    assert run["used"]["corpus_digest"]
    assert {"date", "commit", "processor", "versions"} <= set(run["conditions"])

    result = Engine(Store(tmp_path / "store")).run(Experiment(**settings))
    mine = result.pairs[result.pairs["query"] == "es"]
    figures = run["figures"]
    assert figures["target_top1"] == {"pre": mine["top1_pre"].mean(), "post": mine["top1_post"].mean()}
    assert figures["distance"]["post"] == pytest.approx(result.pairs["distance_post"].mean())
    assert figures["best_candidate"]["post"] == mine["top1_post"].max()
    assert figures["candidates"] == len(mine)
    assert figures["pairs"] == len(result.pairs)
    assert 0 <= figures["map"]["beyond"] <= 1


def test_random_draws_are_the_runs_of_their_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    model, corpus = save_tiny(tmp_path / "model", "llama"), write_table(tmp_path / "sentences.tsv")
    settings = {"model": str(model), "corpus": corpus, "dtype": "float32", "target": "es", "experts": 30}
    name = "ja, random draws"
    record = recorded.measure({name: settings | {"control": "random"}}, "a command", tmp_path / "measured.json")
    draws = record[name]["figures"]["draws"]
    assert list(draws) == ["0", "1", "2", "3", "4"]
    engine = Engine(Store(tmp_path / "store"))
    for seed, values in draws.items():
        result = engine.run(Experiment(**settings, control="random", seed=int(seed)))
        assert values["target_top1"] == result.target_top1.post
        assert values["distance"] == pytest.approx(result.all_pairs_distance.post)
    assert "seed" not in record[name]["used"]
