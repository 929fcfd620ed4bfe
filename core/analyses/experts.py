"""The experts among all scored neurons, and what one neuron responds to.

Everything here follows from the stored expertise of every probe language; no pass of the model is needed for it. One
neuron's responses come from the stored responses, which are read anew if they were removed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.experiment.plan import Plan
from core.neurons.experts import Expertise, Experts
from core.pipeline.run import Run
from core.store.files import digest
from core.store.stage import STAGES, NotCached


@dataclass(frozen=True)
class ScoredNeurons:
    """The experts, and the score of every neuron for every probe language.

    Attributes
    ----------
    experts : Experts
        The chosen ones, best first.
    expertise : Expertise
        Every neuron's score and mean response, for every probe language.
    key : str
        Digest of what determines the expertise: what is derived from it may be kept under it.
    """

    plan: Plan
    experts: Experts
    expertise: Expertise
    key: str


def read(run: Run) -> ScoredNeurons:
    """The experts and every neuron's expertise; the spaces are not needed."""
    experts, stages = run.experts(), run.stages
    return ScoredNeurons(run.plan, experts, stages.expertise(), digest(stages.expertise_spec()))


def responses(run: Run, neuron: int) -> np.ndarray:
    """One neuron's responses to the probe sentences: float32, (n_languages, n_sentences).

    Where the responses were removed from the store, the model reads all neurons again.
    """
    missing = run.stages.missing_responses()
    if missing and run.only_cached:
        raise NotCached("responses")
    if missing:
        texts = run.plan.response_rows.texts
        tokens = sum(run.stages.tokens(texts[code], code).n_tokens for code in missing)
        run.progress.stage(STAGES["responses"].title, tokens)
        for code in missing:
            run.stages.capture(code)
    return run.stages.responses_of(np.array([neuron]))[:, 0]
