"""Maps by source language as a stage: fitted once for a set of experts, kept bit for bit, and never where one looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.experiment.settings import Experiment
from core.neurons import source_maps
from core.neurons.interventions import Intervention, intervene_by_source
from core.neurons.source_maps import SourceEvidence, UnitMap
from core.pipeline.engine import Engine
from core.pipeline.fitted_maps import packed, unpacked
from core.pipeline.run import Run
from core.pipeline.stored import Stored
from core.store.artefact import Artefact


def built(engine: Engine, asked: Experiment) -> Intervention:
    return engine.answer(asked, lambda run: run.stages.intervention(run.experts()))


@pytest.mark.parametrize("n", [3, 40])  # fewer sentences than units of a site, and more
def test_what_is_kept_is_what_was_fitted(n: int) -> None:
    random = np.random.default_rng(n)
    responses = random.normal(size=(3, 9, n)).astype(np.float32)
    sites = [np.array([0, 4, 8, 2, 1]), np.array([3]), np.array([5, 7, 6])]
    evidence = SourceEvidence(("de", "en", "ja"), "ja", responses.mean(axis=2), lambda: responses, sites, {})
    maps = {code: source_maps.least_squares(evidence, code) for code in (None, "de", "en", "ja")}
    payload = packed(maps, sites, np.arange(20, 29))
    read, neurons = unpacked(payload.arrays.__getitem__, payload.facts)
    np.testing.assert_array_equal(neurons, np.arange(20, 29))
    assert list(read) == list(maps)
    z = random.normal(size=9).astype(np.float32)
    for code, of in maps.items():
        assert (read[code].factors is None) == (of.factors is None)
        np.testing.assert_array_equal(applied(read[code], z), applied(of, z))


def applied(of: UnitMap, z: np.ndarray) -> np.ndarray:
    """The map as it is written: in single precision."""
    offset = np.broadcast_to(np.asarray(of.offset, dtype=np.float32), z.shape)
    if of.factors is None:
        return of.factor * z + offset
    first, second = (np.asarray(factor, dtype=np.float32) for factor in of.factors)
    return first @ (second @ z) + offset


def test_nothing_is_fitted_where_one_looks(asked: Experiment, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(asked, method="incline", strength=0.5)
    engine.run(replace(asked, method="diff-mean"))  # the neurons and their responses are known
    calls = []

    def counted(*arguments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        calls.append(arguments)
        return fit(*arguments)

    fit = source_maps.ridge_factors
    monkeypatch.setattr(source_maps, "ridge_factors", counted)
    before = engine.estimate(asked)
    assert (engine.known(asked), calls) == (None, [])
    assert before["embed_post"] > 0
    result = engine.run(asked)
    assert calls
    calls.clear()
    assert engine.known(asked) is not None
    assert engine.estimate(asked)["embed_post"] == 0
    full = built(engine, replace(asked, strength=1.0))  # its strength is free
    control = built(engine, replace(asked, control="random"))
    assert calls == []
    assert control.sources["de"].digest != full.sources["de"].digest
    assert full.neurons.tolist() == result.experts.neurons.tolist()
    for entry in engine.store.entries("source-maps"):
        engine.store.remove(entry)
    assert engine.known(asked) is None
    # Fitted again from what the neurons gave, without the cache, it is the same.
    assert engine.answer(replace(asked, strength=1.0), fitted_here).digest == full.digest


def fitted_here(run: Run) -> Intervention:
    stages, neurons = run.stages, run.experts().neurons
    assert run.plan.sources is not None
    languages = run.plan.sources.languages
    responses = stages.responses_of(neurons, languages)
    sites = [places for _, _, places in run.plan.outline.neurons.by_site(neurons)]
    means = responses.mean(axis=2, dtype=np.float64)
    evidence = SourceEvidence(languages, run.plan.target, means, lambda: responses, sites, {})
    return intervene_by_source("incline", neurons, evidence, 1.0, run.plan.experiment.tokens)


def test_what_follows_from_the_responses_is_built_once(
    asked: Experiment, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []

    def counted(stored: Stored, artefact: Artefact, name: str) -> np.ndarray:
        if artefact.stage == "responses":
            reads.append(name)
        return array(stored, artefact, name)

    array = Stored.array
    monkeypatch.setattr(Stored, "array", counted)
    built_first = {method: built(engine, replace(asked, method=method)) for method in ("linear-act", "diff-mean")}
    assert reads
    reads.clear()
    for method, first in built_first.items():
        assert built(engine, replace(asked, method=method)).digest == first.digest
    assert reads == []
    # Whatever changes it is not taken for it.
    digests = {first.digest for first in built_first.values()}
    changes = {"strength": 0.25, "tokens": "last", "experts": 12, "target": "es", "score": "mean-difference"}
    for method in built_first:
        for change in ({name: value} for name, value in changes.items()):
            digests.add(built(engine, replace(asked, method=method, **change)).digest)  # type: ignore[arg-type]
    assert len(digests) == 2 * 6
