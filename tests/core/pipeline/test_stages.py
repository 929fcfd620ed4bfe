"""An experiment computes nothing twice, and survives being stopped and having its artefacts damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.incremental import rounds
from core.pipeline.result import Result
from core.pipeline.run import Run
from core.progress import Cancelled, Progress, Snapshot
from core.store.artefact import Payload
from core.store.store import Store
from tests.helpers.tiny import LANGUAGES, make_word_tokenizer, save_tiny

K = 30  # experts of the experiment that the fixture gives
PASSES = {"load", "capture", "expertise", "embed_pre", "embed_post"}


def numbers(result: Result) -> str:
    """All that a result says but how long it took and what came from the store."""
    record = result.to_json()
    del record["seconds"], record["computed"]
    maps = [[plane.tolist() for plane in pair] for pair in result.maps]
    tables = [table.to_json(double_precision=15) for table in (result.pairs, result.medoid, result.layers)]
    return json.dumps([record, maps, tables, result.experts.neurons.tolist(), result.experts.values.tolist()])


# -- what was counted ----------------------------------------------------------------------------------------------


def test_sentences_of_unknown_text_are_counted_also_beside_artefacts_that_did_not(
    asked: Experiment, store: Store, tmp_path: Path
) -> None:
    folder = save_tiny(tmp_path / "words", "llama")
    make_word_tokenizer([code for code in LANGUAGES if code not in ("ru", "ja")]).save_pretrained(folder)
    words = replace(asked, model=str(folder), target="es", probe_languages=("en", "de", "es"))
    counted = "are nothing but unknown text"
    result = Engine(store).run(words)
    (note,) = [note for note in result.notes if counted in note]
    assert note.startswith("14 sentences ")
    assert set(note.partition("nothing: ")[2].removesuffix(".").split(", ")) == {"ru 7", "ja 7"}

    # As they were stored before any were counted: the same artefacts without that fact.
    for old in [entry for entry in store.entries() if "unknown" in entry.facts]:
        payload = Payload(
            arrays={name: old.array(name).copy() for name in old.arrays},
            facts={name: fact for name, fact in old.facts.items() if name != "unknown"},
        )
        store.remove(old)
        store.put(old.stage, old.spec, payload)
    known = Engine(store).known(words)
    assert known is not None
    assert known.computed == ()
    assert list(known.notes) == [note for note in result.notes if counted not in note]


def test_sentences_of_known_text_are_not_mentioned(finished: tuple[Result, Path]) -> None:
    assert not [note for note in finished[0].notes if "unknown" in note]


# -- computed once ---------------------------------------------------------------------------------------------------


def test_the_second_run_computes_nothing(asked: Experiment, store: Store) -> None:
    first, second = Engine(store), Engine(store)
    assert first.known(asked) is None
    result = first.run(asked)
    assert set(result.computed) == PASSES
    assert first.models.is_loaded(result.plan.resolved)
    entries = {(entry.stage, entry.digest, entry.created) for entry in store.entries()}
    for again in (second.run(asked), second.known(asked)):
        assert again is not None
        assert again.computed == ()
        assert numbers(again) == numbers(result)
    assert not second.models.is_loaded(result.plan.resolved)
    assert {(entry.stage, entry.digest, entry.created) for entry in store.entries()} == entries
    assert sum(second.estimate(asked).values()) == 0


def test_known_asks_for_every_stage(asked: Experiment, engine: Engine) -> None:
    engine.experts(asked)
    assert engine.known(asked) is None
    assert not engine.store.root.joinpath("embeddings").exists()
    engine.run(asked)
    assert engine.known(asked) is not None
    assert engine.known(replace(asked, strength=0.3)) is None
    assert engine.known(replace(asked, seed=6)) is None


@pytest.mark.parametrize(
    ("change", "computed"),
    [
        ({"strength": 1.5}, {"embed_post"}),
        ({"experts": K - 1}, {"embed_post"}),
        ({"control": "random"}, {"embed_post"}),
        ({"target": "de"}, {"embed_post"}),
        ({"strength": 0.0}, set()),
        ({"layer": 1}, set()),
        ({"seed": 9}, set()),
        ({"languages": ("ja", "de")}, set()),
        ({"pooling": "max"}, {"capture", "expertise", "embed_post"}),
        ({"probe_languages": ("en", "de", "ja")}, {"expertise", "embed_post"}),
        ({"eval_sentences": 5}, {"embed_pre", "embed_post"}),
        ({"dtype": "bfloat16"}, PASSES - {"load"}),
    ],
    ids=lambda value: str(value if isinstance(value, dict) else sorted(value)),
)
def test_a_change_computes_what_depends_on_it(
    change: dict[str, object], computed: set[str], asked: Experiment, filled: Store
) -> None:
    changed = Engine(filled).run(replace(asked, **change))  # type: ignore[arg-type]
    needs_model = computed & {"capture", "embed_pre", "embed_post"}
    assert set(changed.computed) == computed | ({"load"} if needs_model else set())


def test_two_fresh_caches_give_the_same_record(
    asked: Experiment, engine: Engine, finished: tuple[Result, Path]
) -> None:
    again = engine.run(asked)
    assert numbers(again) == numbers(finished[0])
    assert again.computed == finished[0].computed
    json.dumps(again.to_json(), allow_nan=False)


# -- stopped and damaged ---------------------------------------------------------------------------------------------


def test_a_stopped_run_keeps_the_languages_it_read(
    asked: Experiment, store: Store, finished: tuple[Result, Path]
) -> None:
    def kept() -> set[Path]:
        return set(store.root.glob("responses/[0-9a-f]*"))

    def stop(snapshot: Snapshot) -> None:
        if snapshot.stage == "reading every neuron on the probe sentences" and len(kept()) == 2:
            raise Cancelled

    engine = Engine(store)
    with pytest.raises(Cancelled):
        engine.run(asked, Progress(stop))
    made = {entry.digest: entry.created for entry in store.entries()}
    assert len(kept()) == 2
    resumed = engine.run(asked)
    assert {entry.digest: entry.created for entry in store.entries() if entry.digest in made} == made
    assert numbers(resumed) == numbers(finished[0])


@pytest.mark.parametrize("space", ["before", "after"])
def test_a_stopped_run_keeps_the_rounds_it_finished(
    space: str, asked: Experiment, store: Store, finished: tuple[Result, Path], tmp_path: Path
) -> None:
    words = f"embedding the sentences, {space}"
    whole: list[str] = []
    Engine(Store(tmp_path / "whole")).run(asked, Progress(lambda snapshot: whole.append(snapshot.stage)))
    left = whole.count(words)

    def stop(snapshot: Snapshot) -> None:
        nonlocal left
        left -= snapshot.stage == words
        if left == 0:  # at the last batch of the last round
            raise Cancelled

    def parts() -> dict[str, float]:
        return {entry.digest: entry.created for entry in store.entries() if entry.stage == "embedding-parts"}

    engine = Engine(store)
    with pytest.raises(Cancelled):
        engine.run(asked, Progress(stop))
    made = parts()
    files = {path.stat().st_ino for path in store.root.glob("embedding-parts/[0-9a-f]*/*.npy")}
    assert len(made) == len(LANGUAGES) * (len(rounds(len(finished[0].plan.groups[0]))) - 1)
    seen: list[float] = []
    resumed = engine.run(asked, Progress(lambda _: seen.append(min(parts().values(), default=0.0))))
    assert set(seen) >= {min(made.values())}  # they were there, and were not made anew
    assert numbers(resumed) == numbers(finished[0])
    assert parts() == {}
    # Nothing that was kept is written again: the embeddings are made of the same files.
    assert files <= {path.stat().st_ino for path in store.root.glob("embeddings/[0-9a-f]*/*.npy")}
    known = Engine(store).known(asked)
    assert known is not None
    assert numbers(known) == numbers(finished[0])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("stage", "lost"),
    [
        ("responses", ("expertise",)),
        ("expertise", ()),
        ("expertise", ("embeddings", "layer", "profile", "projection")),
        ("embeddings", ("layer",)),
        ("embeddings", ("profile",)),
        ("embeddings", ("projection",)),
        ("embeddings", ("layer", "profile", "projection")),
        ("layer", ()),
        ("profile", ()),
        ("projection", ()),
    ],
    ids=str,
)
@pytest.mark.parametrize("harm", ["altered", "missing"])
def test_damage_is_computed_anew(
    stage: str, lost: tuple[str, ...], harm: str, asked: Experiment, filled: Store, finished: tuple[Result, Path]
) -> None:
    for name in lost:
        shutil.rmtree(filled.root / name)
    for path in (filled.root / stage).glob("*/*"):
        if path.suffix in (".npy", ".parquet"):
            flip(path) if harm == "altered" else path.unlink()
    engine = Engine(filled)
    assert engine.known(asked) is None
    assert numbers(engine.run(asked)) == numbers(finished[0])
    assert filled.damaged
    known = Engine(filled).known(asked)
    assert known is not None
    assert numbers(known) == numbers(finished[0])


# -- what may be kept ----------------------------------------------------------------------------------------------


def test_what_is_not_in_the_table_of_stages_is_refused_before_it_is_computed(filled: Store, asked: Experiment) -> None:
    engine = Engine(filled)

    def keep(stage: str, spec: dict[str, object]) -> Callable[[Run], object]:
        return lambda run: run.stages.get(stage, spec, lambda: pytest.fail("computed"), lambda artefact: artefact)

    with pytest.raises(LookupError, match="'unheard-of' is not in"):
        engine.answer(asked, keep("unheard-of", {"version": 1}))
    with pytest.raises(LookupError, match="of version 1, its spec of 7"):
        engine.answer(asked, keep("ranks", {"version": 7}))
