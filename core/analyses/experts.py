"""Where the experts are, how they score among all neurons, and what the languages' experts have in common.

Everything here follows from the stored expertise of every probe language; no pass of the model is needed for it. One
neuron's responses come from the stored responses, which are read anew if they were removed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.experiment.plan import Plan
from core.neurons.experts import Expertise, Experts
from core.neurons.neuron_map import NeuronMap
from core.neurons.overlap import Ranking, places
from core.neurons.selection import layers_of
from core.pipeline.run import Run
from core.store.files import digest
from core.store.stage import STAGES, NotCached


@dataclass(frozen=True)
class Anatomy:
    """All that is known of the neurons without a pass of the model.

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


def read(run: Run) -> Anatomy:
    """The experts and every neuron's expertise; the spaces are not needed."""
    experts, stages = run.experts(), run.stages
    return Anatomy(run.plan, experts, stages.expertise(), digest(stages.expertise_spec()))


def responses(run: Run, neuron: int) -> np.ndarray:
    """One neuron's responses to the probe sentences: float32, (n_languages, n_sentences).

    Where the responses were removed from the store, the model reads all neurons again.
    """
    missing = run.stages.missing_responses()
    if missing and run.only_cached:
        raise NotCached("responses")
    if missing:
        tokens = sum(run.stages.tokens(run.plan.probe.texts[code]).n_tokens for code in missing)
        run.progress.stage(STAGES["responses"].title, tokens)
        for code in missing:
            run.stages.capture(code)
    return run.stages.responses_of(np.array([neuron]))[:, 0]


def by_site(neurons: NeuronMap, chosen: np.ndarray) -> pd.DataFrame:
    """How many of the neurons ``(k,)`` each site has.

    Returns
    -------
    DataFrame
        ``layer, site, experts, width, share``, one row a site; ``width``: its neurons, ``share``: of them, experts.
    """
    rows = pd.DataFrame(
        {
            "layer": [site.layer for site in neurons.sites],
            "site": [site.name for site in neurons.sites],
            "experts": 0,
            "width": [site.width for site in neurons.sites],
        }
    )
    number = {site: row for row, site in enumerate(neurons.sites)}
    for site, units, _ in neurons.by_site(chosen):
        rows.loc[number[site], "experts"] = len(units)
    return rows.assign(share=rows["experts"] / rows["width"])


def histogram(scores: np.ndarray, chosen: np.ndarray, bins: int = 80) -> pd.DataFrame:
    """Distribution of the scores ``(n_neurons,)``, of all neurons and of the chosen ``(k,)``.

    Returns
    -------
    DataFrame
        ``low, high, neurons, experts``, one row a bin of equal width; the last bin has its upper end inside. Scores
        that are not finite are in no bin.
    """
    finite = scores[np.isfinite(scores)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1e-9, bins + 1)
    best = scores[chosen]
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "neurons": np.histogram(finite, edges)[0],
            "experts": np.histogram(best[np.isfinite(best)], edges)[0],
        }
    )


def ranking(found: Expertise, plan: Plan) -> Ranking:
    """Rank the neurons that may be experts, for every probe language, as the selection does.

    A lowest score is not regarded: with it, the languages' sets would not be of one size.
    """
    asked, neurons = plan.experiment.selection, plan.outline.neurons
    candidates = asked.candidates(neurons)
    groups = layers_of(candidates, neurons) if asked.over == "layer" else np.zeros(len(candidates), dtype=np.int64)
    return Ranking(found.languages, places(found.scores[:, candidates], groups), tuple(np.unique_counts(groups).counts))
