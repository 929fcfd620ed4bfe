"""The model in memory: loaded once, shared by all experiments of a process, and how fast it runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.inference.ranks import load_over
from core.models import sharding
from core.models.load import load, skeleton_of
from core.models.loaded_model import LoadedModel
from core.models.placement import SHARDED
from core.models.spec import ResolvedModel
from core.spaces import projection
from core.store.store import Store

_GUESS_WEIGHS = 20_000.0  # tokens


class ModelHost:
    """Keeps the last model in memory.

    All forward passes on it are serialised by the model's own lock.

    Attributes
    ----------
    store : Store
        Keeps the converted embedded model.
    ranks : int
        Processes over which a model is spread (`core.inference.ranks`); 1 for none but this one.
    """

    def __init__(self, store: Store, ranks: int = 1) -> None:
        self.store, self.ranks = store, ranks
        self._models: dict[ResolvedModel, LoadedModel] = {}
        self._loading = threading.Lock()
        self._ran: dict[str, tuple[float, float]] = {}  # tokens and seconds so far, by model digest
        self._elsewhere: list[dict[str, str]] = []  # models that another process has in memory for this one
        self._warm: threading.Thread | None = None

    def get(self, resolved: ResolvedModel) -> LoadedModel:
        """The loaded model; one is kept in memory."""
        with self._loading:
            if resolved not in self._models:
                self.clear()
                spread = self.ranks > 1 and resolved.device != SHARDED  # which is one process over all devices
                self._models[resolved] = (
                    load_over(resolved, self.store, self.ranks) if spread else load(resolved, self.store)
                )
            return self._models[resolved]

    def clear(self) -> None:
        """Let go of the model in memory, and end the processes that hold its weights."""
        for model in self._models.values():
            if model.ranks is not None:
                model.ranks.close()
        self._models.clear()

    def check(self, resolved: ResolvedModel) -> None:
        """Refuse a model that cannot be spread over the processes, before any work; raises `ModelError`."""
        if self.ranks > 1:
            sharding.check(resolved, skeleton_of(resolved), self.ranks)

    def is_loaded(self, resolved: ResolvedModel) -> bool:
        """Whether the model is in memory, here or in the process that computes for this one."""
        return resolved in self._models or asdict(resolved) in self._elsewhere

    def state(self) -> dict[str, Any]:
        """What is in memory, and how fast models ran: plain data, for `take_over`."""
        return {"loaded": [asdict(resolved) for resolved in self._models], "ran": dict(self._ran)}

    def take_over(self, state: Mapping[str, Any]) -> None:
        """Take over the `state` of the process that computes for this one; a pace once measured stays."""
        self._elsewhere = list(state["loaded"])
        self._ran |= {str(digest): (float(tokens), float(spent)) for digest, (tokens, spent) in state["ran"].items()}

    def pace(self, resolved: ResolvedModel, n_parameters: int) -> float:
        """Tokens a second: a guess from the model's size, which measured runs of this process replace step by step."""
        rate = 2e13 if resolved.device != "cpu" else 2e11
        guess = self.ranks * rate / (0.75 * n_parameters)
        tokens, seconds = self._ran.get(resolved.digest, (0.0, 0.0))
        # A short run says little (it may have shared the machine with a compilation), so the guess is weighed in.
        return (tokens + _GUESS_WEIGHS) / (seconds + _GUESS_WEIGHS / guess)

    def measured(self, resolved: ResolvedModel, tokens: float, seconds: float) -> None:
        """Remember how fast the model ran."""
        so_far = self._ran.get(resolved.digest, (0.0, 0.0))
        self._ran[resolved.digest] = (so_far[0] + tokens, so_far[1] + seconds)

    def warm_up(self) -> None:
        """Compile the projection's kernels in the background, beside the model's conversion and passes."""
        if self._warm is None:
            self._warm = threading.Thread(target=projection.warm_up, name="warm-up", daemon=True)
            self._warm.start()
