"""The stage of a method that is learned: on which sentences, what determines it, and where it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import numpy as np

from core.experiment.plan import Plan
from core.inference.batching import TokenisedSentences
from core.inference.learned_map import learn, passes
from core.models.loaded_model import LoadedModel
from core.neurons.experts import Experts
from core.neurons.methods import METHODS
from core.store.artefact import Payload
from core.store.files import digest
from core.store.stage import STAGES
from core.store.store import Store

T = TypeVar("T")


class Stages(Protocol):
    """What is needed of `core.pipeline.stages.Stages`."""

    plan: Plan
    store: Store
    load: Callable[[], LoadedModel]
    advance: Callable[[int], None]
    learning: Callable[[int], AbstractContextManager[None]]

    def responses_spec(self, language: str) -> dict[str, Any]:
        """What determines the responses on one language's probe sentences."""
        ...

    def has_expertise(self) -> bool:
        """Whether the experts are known without a forward pass."""
        ...

    def experts(self) -> Experts:
        """The chosen neurons."""
        ...

    def samples(self, neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Responses to the target's probe sentences, and to all others."""
        ...

    def tokens(self, sentences: Sequence[str], language: str) -> TokenisedSentences:
        """Sentences of a language as tokens."""
        ...

    def get(self, stage: str, spec: Mapping[str, Any], compute: Callable[[], Payload], read: Callable[..., T]) -> T:
        """Read an artefact, which is computed first if it is not stored."""
        ...


def must_learn(stages: Stages) -> bool:
    """Whether the intervention is learned, and is not stored."""
    experiment = stages.plan.experiment
    if not METHODS[experiment.method].learned or not experiment.strength:
        return False
    if not stages.has_expertise():
        return True
    return stages.store.find("learned-map", _spec(stages, stages.experts().neurons)) is None


def tokens_to_pass(stages: Stages, guess: Callable[[tuple[str, ...]], float]) -> float:
    """How many tokens are passed, forward and back, where ``guess`` gives those of some sentences."""
    return float(passes(round(sum(map(guess, _texts(stages).values()))), stages.plan.experiment.learning))


def learned(stages: Stages, neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give factor and offset, ``(k,)``, of maps that are learned together for neurons ``(k,)``.

    Raises
    ------
    AskError, NotCached, Cancelled
    """
    experiment = stages.plan.experiment

    def compute() -> Payload:
        tokens = TokenisedSentences.joined(
            [stages.tokens(sentences, code) for code, sentences in _texts(stages).items()]
        )
        target, _ = stages.samples(neurons)
        model = stages.load()
        with stages.learning(passes(tokens.n_tokens, experiment.learning)):
            found = learn(
                model,
                tokens,
                neurons,
                target,
                units=stages.plan.outline.neurons,
                pooling=experiment.pooling,
                written_to=experiment.tokens,
                learning=experiment.learning,
                advance=stages.advance,
            )
        facts: dict[str, Any] = {"before": found.before, "after": found.after}
        return Payload(arrays={"factor": found.factor, "offset": found.offset}, facts=facts)

    return stages.get(
        "learned-map",
        _spec(stages, neurons),
        compute,
        lambda artefact: (artefact.array("factor"), artefact.array("offset")),
    )


def _texts(stages: Stages) -> dict[str, tuple[str, ...]]:
    """Draw the sentences that maps are learned on, from all languages of the probe but the targets."""
    plan = stages.plan
    others = [code for code in plan.probe.languages if code not in (plan.targets or (plan.target,))]
    random = np.random.default_rng(plan.experiment.seed)
    each = max(1, plan.experiment.learning.sentences // len(others))
    drawn = {code: np.sort(random.permutation(len(plan.probe))[:each]) for code in others}
    return {code: tuple(plan.probe.texts[code][row] for row in rows) for code, rows in drawn.items()}


def _spec(stages: Stages, neurons: np.ndarray) -> dict[str, Any]:
    """What determines maps that are learned for neurons ``(k,)``."""
    plan = stages.plan
    return STAGES["learned-map"].spec(
        responses={code: digest(stages.responses_spec(code)) for code in plan.probe.languages},
        targets=list(plan.targets or (plan.target,)),
        neurons=neurons_digest(neurons),
        tokens=plan.experiment.tokens,
        seed=plan.experiment.seed,
        learning=vars(plan.experiment.learning),
    )


def neurons_digest(neurons: np.ndarray) -> str:
    """SHA-256 of neurons ``(k,)`` in their order, hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(neurons, dtype="<i8").tobytes()).hexdigest()
