"""The probe sentences that one neuron responds to most, token by token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from core.analyses import experts
from core.analyses.own_sentence import token_texts
from core.inference.token_outputs import token_outputs
from core.pipeline.run import Run
from core.store.artefact import Artefact, Payload
from core.store.files import digest
from core.store.stage import STAGES

MOST = 10
"""Sentences that are read."""


@dataclass(frozen=True)
class TopSentence:
    """A probe sentence, and what a neuron gives at each of its tokens.

    Attributes
    ----------
    language : str
    row : int
        Of the probe.
    response : float
        Pooled over the tokens, as experts are found by it.
    tokens : tuple of str
        As text, special ones left out.
    outputs : ndarray of float32, (n_tokens,)
        The neuron's output at each, in the unmodified model.
    """

    language: str
    row: int
    response: float
    tokens: tuple[str, ...]
    outputs: np.ndarray


def find(run: Run, neuron: int) -> tuple[TopSentence, ...]:
    """Read the sentences of all probe languages that a neuron responds to most, the strongest first; `MOST` at most."""
    responses, stage = experts.responses(run, neuron), STAGES["top-sentences"]
    languages = run.plan.probe.languages
    best = np.argsort(-responses, axis=None, kind="stable")[:MOST]
    places = [(languages[number], row) for number, row in zip(*divmod(best, responses.shape[1]), strict=True)]
    spec = stage.spec(
        neuron=neuron,
        responses={code: digest(run.stages.responses_spec(code)) for code in languages},
    )

    def compute() -> Payload:
        return _read(run, neuron, [(code, int(row)) for code, row in places])

    def read(artefact: Artefact) -> tuple[TopSentence, ...]:
        tokens = cast("list[list[str]]", artefact.facts["tokens"])
        return tuple(
            TopSentence(
                code, int(row), float(responses.flat[place]), tuple(tokens[number]), artefact.array(f"outputs-{number}")
            )
            for number, ((code, row), place) in enumerate(zip(places, best, strict=True))
        )

    found = run.stages.get(stage.name, spec, compute, read)
    run.progress.finish()
    return found


def _read(run: Run, neuron: int, places: list[tuple[str, int]]) -> Payload:
    model, within = run.model(), run.plan.outline.neurons
    run.progress.stage(STAGES["top-sentences"].title, len(places))
    arrays, texts = {}, []
    for number, (code, row) in enumerate(places):
        tokens = run.stages.tokens((run.plan.probe.texts[code][row],), code)
        (outputs,) = token_outputs(model, tokens, np.array([neuron]), within)
        counted = np.flatnonzero(tokens.counted[0])
        arrays[f"outputs-{number}"] = outputs[counted, 0]
        texts.append(list(token_texts(model, [tokens.ids[0][place] for place in counted])))
        run.progress.advance(1)
    facts: dict[str, Any] = {"tokens": texts}
    return Payload(arrays=arrays, facts=facts)
