"""The stage of methods whose maps by source language take seconds to fit: what determines them, and how they are kept.

A page that looks whether a setting is known must know what is written, and fits nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from core.neurons.interventions import Intervention, mixed_by_source
from core.neurons.methods import METHODS
from core.neurons.source_maps import SourceEvidence, UnitMap
from core.pipeline.learning import Stages, neurons_digest
from core.store.artefact import Artefact, Payload
from core.store.files import digest
from core.store.stage import STAGES


def must_fit(stages: Stages) -> bool:
    """Whether the intervention is of maps that are to be fitted, and are not stored."""
    if not METHODS[stages.plan.experiment.method].fits:
        return False
    if not stages.has_expertise():
        return True
    assert stages.plan.sources is not None  # the plan has them for such a method
    spec = _spec(stages, stages.experts().neurons, stages.plan.sources.languages)
    return stages.store.find("source-maps", spec) is None


def fitted(
    stages: Stages,
    neurons: np.ndarray,
    languages: Sequence[str],
    strength: float,
    evidence: Callable[[], SourceEvidence],
) -> Intervention:
    """Give the intervention of a method that `fits`, on neurons ``(k,)``; what was built last is held in memory.

    Raises
    ------
    SettingError, NotCached
    """
    experiment = stages.plan.experiment
    build = METHODS[experiment.method].by_source
    assert build is not None  # of a method that fits

    def compute() -> Payload:
        found = evidence()
        return packed({language: build(found, language) for language in (None, *languages)}, found.sites, neurons)

    return stages.get(
        "source-maps",
        _spec(stages, neurons, languages),
        compute,
        lambda artefact: _intervention_in(artefact, strength, experiment.tokens),
    )


def _spec(stages: Stages, neurons: np.ndarray, languages: Sequence[str]) -> dict[str, Any]:
    return STAGES["source-maps"].spec(
        method=stages.plan.experiment.method,
        responses={code: digest(stages.responses_spec(code)) for code in languages},
        target=stages.plan.target,
        neurons=neurons_digest(neurons),
    )


@lru_cache(maxsize=4)
def _intervention_in(artefact: Artefact, strength: float, tokens: str) -> Intervention:
    """Read an intervention from its artefact; the store has checked that it is unchanged."""
    maps, neurons = unpacked(artefact.array, artefact.facts)
    return mixed_by_source(neurons, maps, strength, tokens)


def packed(maps: Mapping[str | None, UnitMap], sites: Sequence[np.ndarray], neurons: np.ndarray) -> Payload:
    """Write maps as arrays of float32, as they are applied; of factors, what belongs to units of one site.

    Parameters
    ----------
    maps
        By source language; None: of none that is known.
    sites : sequence of ndarray of int64
        Where the units of each site stand among the neurons ``(k,)``.
    """
    arrays = {"neurons": neurons, "places": np.concatenate([np.zeros(0, np.int64), *sites])}
    listed = []
    for number, (language, each) in enumerate(maps.items()):
        arrays[f"offset-{number}"] = np.broadcast_to(np.asarray(each.offset, dtype=np.float32), neurons.shape)
        rank = 0
        if each.factors is not None:
            first, second = (np.asarray(factor, dtype=np.float32) for factor in each.factors)
            rank = first.shape[1]
            arrays[f"first-{number}"] = np.concatenate([first[of, : len(of)].ravel() for of in sites])
            arrays[f"second-{number}"] = np.concatenate([second[: len(of), of].ravel() for of in sites])
        listed.append({"language": language, "factor": float(each.factor), "rank": rank})
    facts: dict[str, Any] = {"maps": listed, "sites": [len(of) for of in sites]}
    return Payload(arrays={name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts=facts)


def unpacked(
    arrays: Callable[[str], np.ndarray], facts: Mapping[str, Any]
) -> tuple[dict[str | None, UnitMap], np.ndarray]:
    """Read what `packed` has written: the maps, and the neurons."""
    neurons = arrays("neurons")
    sites = np.split(arrays("places"), np.cumsum(facts["sites"])[:-1])
    maps: dict[str | None, UnitMap] = {}
    for number, each in enumerate(facts["maps"]):
        rank, factors = each["rank"], None
        if rank:
            first, second = np.zeros((len(neurons), rank), np.float32), np.zeros((rank, len(neurons)), np.float32)
            widths = [min(rank, len(of)) for of in sites]
            ends = np.cumsum([len(of) * width for of, width in zip(sites, widths, strict=True)])[:-1]
            parts = (np.split(arrays(f"{name}-{number}"), ends) for name in ("first", "second"))
            for of, width, left, right in zip(sites, widths, *parts, strict=True):
                first[of, :width], second[:width, of] = left.reshape(len(of), width), right.reshape(width, len(of))
            factors = (first, second)
        maps[each["language"]] = UnitMap(each["factor"], arrays(f"offset-{number}"), factors)
    return maps, neurons
