"""Reading what the store has of a plan: an artefact, an array, one layer of embeddings, whole after damage too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from core.experiment.plan import Plan
from core.pipeline import embedding_layout as layout
from core.pipeline.specs import Specs
from core.store.artefact import Artefact, Payload
from core.store.files import DamagedArtefact
from core.store.stage import NotCached, registered
from core.store.store import Store

T = TypeVar("T")


class Stored(Specs):
    """The artefacts of one plan, as a store has them.

    Parameters
    ----------
    only_cached : bool
        Raise `NotCached` instead of computing.
    """

    def __init__(self, plan: Plan, store: Store, only_cached: bool = False) -> None:
        super().__init__(plan)
        self.store, self.only_cached = store, only_cached

    def get(
        self,
        stage: str,
        spec: Mapping[str, Any],
        compute: Callable[[], Payload],
        read: Callable[[Artefact], T],
    ) -> T:
        """Read an artefact, which is computed first if it is not stored.

        Raises
        ------
        NotCached
            If the stages may only read (``only_cached``), the artefact is missing and the stage is not `derived`.
        LookupError
            If no stage of that name is registered, or the spec is of another version of it.
        """
        definition = registered(stage)
        if spec.get("version") != definition.version:
            raise LookupError(f"stage {stage!r} is of version {definition.version}, its spec of {spec.get('version')}")
        only_cached = self.only_cached and not definition.derived
        if only_cached and self.store.find(stage, spec) is None:
            raise NotCached(stage)

        def compute_if_allowed() -> Payload:
            if only_cached:  # the store had it, but damaged
                raise NotCached(stage)
            return compute()

        return self.store.read(stage, spec, compute_if_allowed, read)

    def stored(self, stage: str, spec: Mapping[str, Any]) -> Artefact:
        """Look an artefact up; raises `NotCached` if there is none."""
        artefact = self.store.find(stage, spec)
        if artefact is None:
            raise NotCached(stage)
        return artefact

    def array(self, artefact: Artefact, name: str) -> np.ndarray:
        """Read one array; a damaged artefact is removed, and `NotCached` raised, so that a retry computes it."""

        def absent() -> Payload:
            raise NotCached(artefact.stage)

        try:
            return artefact.array(name)
        except DamagedArtefact:
            return self.store.get_or_compute(artefact.stage, artefact.spec, absent).array(name)

    def embedded(self, spec: Mapping[str, Any], layer: int | None) -> Artefact | None:
        """The embeddings of a list of sentences, or where one layer is enough, those of that layer alone."""
        stored = self.store.find("embeddings", spec)
        if stored is not None or layer is None:
            return stored
        return self.store.find("layer-embeddings", self.layer_spec(spec, layer))

    def stored_layer(self, artefact: Artefact, layer: int) -> np.ndarray:
        """One layer of an artefact of embeddings, (n_sentences, hidden); joined where it lies in parts."""
        if layout.ROWS not in artefact.arrays:
            return self.array(artefact, layout.layer_name(layer))
        rows, names = self.array(artefact, layout.ROWS), layout.parts_of(artefact, layer)
        parts = np.concatenate([self.array(artefact, name) for name in names])
        joined = np.empty_like(parts)
        joined[rows] = parts
        joined.setflags(write=False)
        return joined
