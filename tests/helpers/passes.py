"""Passing the tiny sentences through a tiny model, and comparing what comes out."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np

from core.experiment.settings import Experiment
from core.inference.batching import tokenise
from core.inference.forward import ForwardResult, forward
from core.models.loaded_model import LoadedModel
from core.neurons.interventions import Intervention, intervene
from core.neurons.methods import Evidence
from core.pipeline.engine import Engine
from tests.helpers.tiny import LANGUAGES, sentences

TEXTS = [text for code in LANGUAGES for text in sentences(code, 4)]


def close(actual: np.ndarray, expected: np.ndarray) -> None:
    """Assert equality within the rounding of float32."""
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def same_bits(first: ForwardResult, second: ForwardResult) -> None:
    """Assert equality bit for bit."""
    assert (first.responses is None, first.embeddings is None) == (second.responses is None, second.embeddings is None)
    if first.embeddings is not None and second.embeddings is not None:
        assert first.embeddings.tobytes() == second.embeddings.tobytes()
    for path in first.responses or {}:
        assert first.responses is not None
        assert second.responses is not None
        assert first.responses[path].tobytes() == second.responses[path].tobytes()


def count_sentences(engine: Engine, experiment: Experiment) -> Counter[str]:
    """Count every sentence that passes through the model that the engine's host has in memory from now on."""
    counted: Counter[str] = Counter()
    one_at_a_time = threading.Lock()  # batches pass side by side
    base = engine.models.get(engine.plan(experiment).resolved).base

    def note(_module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        with one_at_a_time:
            counted["passed"] += len(ids)

    base.register_forward_pre_hook(note, with_kwargs=True)
    return counted


def run(model: LoadedModel, intervention: Intervention | None = None, **settings: object) -> ForwardResult:
    """Pass all sentences through; responses and embeddings unless told otherwise."""
    settings = {"responses": True, "embeddings": True} | settings
    return forward(model, tokenise(model, TEXTS), intervention=intervention, **settings)  # type: ignore[arg-type]


def hooks(model: LoadedModel) -> dict[str, list[int]]:
    """All hooks of all modules, by identity (transformers itself may leave some, for hidden states)."""
    return {
        path: [id(hook) for registered in (m._forward_hooks, m._forward_pre_hooks) for hook in registered.values()]
        for path, m in model.lm.named_modules()
    }


def pull(model: LoadedModel, strength: float, neurons: list[int] | None = None) -> Intervention:
    """Set-mean on a few neurons of every site."""
    indices = np.array(neurons or [site.start + unit for site in model.neurons.sites for unit in (0, 5)])
    return set_value(indices, np.linspace(-2, 3, len(indices)), strength)


def set_value(neurons: np.ndarray, values: np.ndarray, strength: float) -> Intervention:
    """Pull neurons ``(k,)`` towards ``values`` ``(k,)``, as set-mean does: ``z' = (1 - s) z + s value``."""

    def no_samples() -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError("set-mean needs the means alone")

    return intervene("set-mean", neurons, Evidence(values, np.zeros_like(values), no_samples), strength)
