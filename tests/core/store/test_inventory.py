"""What the cache holds, against a walk over its folder; what is taken away is computed again."""

from __future__ import annotations

import re
from pathlib import Path

from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store import inventory
from core.store.artefact import Artefact, Payload
from core.store.opening import open_store
from core.store.stage import STAGES


def test_every_artefact_is_counted_and_weighed(asked: Experiment, engine: Engine) -> None:
    engine.run(asked)
    found = inventory.table(engine.store).set_index("stage")
    stages = {path.parent.parent.name for path in engine.store.root.glob("*/*/manifest.json")}
    assert set(found.index) == stages
    for stage in stages:
        folders = [path.parent for path in engine.store.root.glob(f"{stage}/*/manifest.json")]
        assert found.loc[stage, "artefacts"] == len(folders)
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        assert found.loc[stage, "bytes"] == sum(file.stat().st_size for file in files) > 0
    assert found["bytes"].is_monotonic_decreasing


def test_what_is_taken_away_is_computed_again_and_the_rest_stays(asked: Experiment, engine: Engine) -> None:
    before = engine.run(asked)
    kept = {entry.digest for entry in engine.store.entries() if entry.stage not in ("embeddings", "layer")}
    count, size = inventory.remove(engine.store, ["embeddings", "layer"])
    assert count > 0
    assert size > 0
    assert {entry.digest for entry in engine.store.entries()} == kept
    assert Engine(engine.store).known(asked) is None
    after = engine.run(asked)
    assert set(after.computed) == {"embed_pre", "embed_post"}
    assert after.to_json()["retrieval"] == before.to_json()["retrieval"]


def test_what_is_shared_and_what_waits_is_counted_in_words(tmp_path: Path) -> None:
    address, alone = f"file://{tmp_path / 'shared'}", open_store(tmp_path / "cache")
    made = [alone.put("ranks", STAGES["ranks"].spec(layer=layer), Payload(facts={"n": layer})) for layer in range(4)]
    store = open_store(tmp_path / "cache", shared=address)
    assert store.shared is not None
    assert inventory.shared_words(alone) == ""

    def said(*sent_later: Artefact) -> str:
        assert store.shared is not None
        for artefact in sent_later:
            store.shared.note(artefact)
        words = inventory.shared_words(store).replace(f"shared in {address}", "there")
        store.send_waiting()
        return re.sub(r" in [\d.]+ \w+", "", words)

    assert said(made[0]).endswith("; 1 of this cache waits to be sent there.")
    assert said(*made[1:3]) == "1 artefact is there; 2 of this cache wait to be sent there."
    assert said(made[3]) == "3 artefacts are there; 1 of this cache waits to be sent there."
    assert said() == "4 artefacts are there."


def test_an_empty_cache(engine: Engine) -> None:
    assert inventory.table(engine.store).empty
    assert inventory.remove(engine.store, ["embeddings"]) == (0, 0)
    assert 0 < inventory.disk(engine.store).free <= inventory.disk(engine.store).total


def test_an_artefact_of_another_version_of_the_product_is_listed_and_can_be_removed(engine: Engine) -> None:
    engine.store.put("of-tomorrow", {"version": 1}, Payload(facts={"n": 1}))
    engine.store.put("ranks", STAGES["ranks"].spec(layer=1), Payload(facts={"n": 1}))
    kept = inventory.table(engine.store).set_index("stage")
    assert kept["what"].to_dict() == {"of-tomorrow": "of-tomorrow", "ranks": STAGES["ranks"].keeps}
    assert kept["again"].to_dict() == {"of-tomorrow": "computing it again", "ranks": STAGES["ranks"].again}
    assert inventory.remove(engine.store, ["of-tomorrow"])[0] == 1
    assert list(inventory.table(engine.store)["stage"]) == ["ranks"]
