"""Analyses of chosen sentences alone: which pairs and which meanings count, and the ranks of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.analyses.translation_ranks import Ranks
from core.neurons.interventions import Intervention
from core.pipeline.before_after import ways
from core.pipeline.run import Run
from core.spaces.similarity import Comparison, normalise


@dataclass(frozen=True)
class ChosenSentences:
    """Sentences that somebody has chosen among the evaluation rows.

    Attributes
    ----------
    groups : sequence of mapping of language to ndarray of bool, (n,)
        By set of rows, whether each sentence is chosen.
    """

    groups: Sequence[Mapping[str, np.ndarray]]

    @property
    def counts(self) -> dict[str, int]:
        """How many are chosen of each language that has any, the most first."""
        counts: dict[str, int] = {}
        for group in self.groups:
            for code, chosen in group.items():
                counts[code] = counts.get(code, 0) + int(chosen.sum())
        return dict(sorted(((code, n) for code, n in counts.items() if n), key=lambda item: -item[1]))

    @property
    def meanings(self) -> tuple[np.ndarray, ...]:
        """By set of rows, whether a row has a chosen sentence in any language: ndarrays of bool, (n,)."""
        return tuple(np.any(list(group.values()), axis=0) for group in self.groups)

    def pairs(self, group: int, one: str, other: str) -> np.ndarray:
        """Whether one of a pair of translations is chosen, by row: ndarray of bool, (n,)."""
        sides = self.groups[group]
        return np.asarray(sides[one] | sides[other])


def ranks_of(ranks: Ranks, target: str, chosen: ChosenSentences) -> Ranks:
    """The ranks of chosen pairs alone, among the same candidates; languages without any are left out.

    Parameters
    ----------
    target : str
        The target of the ranks. A pair is a sentence and its translation into the target.
    """
    rows = [chosen.pairs(group, code, target) for group, code in ranks.candidates]
    kept = [place for place, some in enumerate(rows) if some.any()]
    return Ranks(
        ranks.layer,
        tuple(ranks.candidates[place] for place in kept),
        {way: [by_candidate[place][rows[place]] for place in kept] for way, by_candidate in ranks.found.items()},
    )


def meanings_of(ranks: Ranks, target: str, chosen: ChosenSentences) -> np.ndarray:
    """A number for the meaning of every chosen pair, in the order of the candidates of `ranks_of`: (n_pairs,).

    Pairs of one meaning in several languages have the same number, so that an interval can draw them together.
    """
    first = np.cumsum([0, *(len(mask) for mask in chosen.meanings)])
    return np.concatenate(
        [first[group] + np.flatnonzero(chosen.pairs(group, code, target)) for group, code in ranks.candidates]
    )


def by_layer(run: Run, chosen: ChosenSentences) -> pd.DataFrame:
    """Top-1 of the target's sentences in chosen pairs at every layer, before and after: the mean over these pairs.

    Returns
    -------
    DataFrame
        ``layer, n, top1_pre, top1_post, centred_pre, centred_post``; ``n`` counts pairs. Further ways of comparing
        likewise, as `core.pipeline.before_after.ways` lists them.
    """
    _, intervention = run.spaces()
    rows: list[dict[str, float]] = []
    for layer in range(run.plan.outline.n_layers + 1):
        row: dict[str, float] = {"layer": layer}
        for end, space in (("pre", None), ("post", intervention)):
            for name, comparison in ways().items():
                hits = _hits(run, space, layer, comparison, chosen)
                row |= {"n": len(hits), f"{name}_{end}": float(hits.mean()) if len(hits) else np.nan}
        rows.append(row)
    return pd.DataFrame(rows)


def _hits(
    run: Run, intervention: Intervention | None, layer: int, comparison: Comparison, chosen: ChosenSentences
) -> np.ndarray:
    """Whether the target's sentence of each chosen pair finds its translation at a layer: ndarray of bool, (n_pairs,).

    Of equal candidates the first counts, as in `core.spaces.retrieval.correct`.
    """
    target, found = run.plan.target, [np.zeros(0, dtype=bool)]
    for number, group in enumerate(run.plan.groups):
        if target not in group.languages:
            continue
        space = run.stages.embeddings(number, intervention, layer)
        unit = dict(zip(group.languages, normalise(comparison.fit(space)(space)), strict=True))
        for code in group.languages:
            if code != target:
                rows = np.flatnonzero(chosen.pairs(number, code, target))
                found.append((unit[target][rows] @ unit[code].T).argmax(axis=1) == rows)
    return np.concatenate(found)
