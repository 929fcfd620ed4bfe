"""Spaces embedded in rounds: a few sentences of all languages first, then twice as many, and so on.

Sentences come in a random order (the same for every run), so that the sentences of the first rounds give an estimate of
the final result. A stopped run continues where it stopped: finished rounds are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from core.inference.batching import TokenisedSentences
from core.inference.forward import embed_spaces
from core.neurons.interventions import Intervention
from core.pipeline import embedding_layout as layout
from core.pipeline.stages import Stages
from core.store.artefact import Artefact, Payload
from core.store.files import digest
from core.store.stage import STAGES, NotCached

_FIRST, _LARGEST = 4, 128  # rows
_KEEP_AFTER = 20.0  # seconds of work that a killed process may lose
_HELD_BYTES = 1 << 29  # of embeddings in memory, beside the model

SentenceList = tuple[int, str]
"""A list of sentences: the number of its group, and its language."""
SpaceList = tuple[int, int, str]
"""A list of sentences in one space: the space's number before the list's."""


def rounds(n: int) -> list[np.ndarray]:
    """Rows 0 to ``n - 1`` in the order in which they are embedded, cut into rounds: 4 rows, then 8, 16, ... 128.

    Depends on ``n`` alone, so that every run embeds the same rows together.
    """
    order = np.random.default_rng(0).permutation(n)
    cuts, size = [0], _FIRST
    while cuts[-1] < n:
        cuts.append(min(n, cuts[-1] + size))
        size = min(2 * size, _LARGEST)
    return [order[a:b] for a, b in pairwise(cuts)]


@dataclass(frozen=True)
class EmbeddedRows:
    """What has been embedded after a round.

    Attributes
    ----------
    rows : dict of int to ndarray of int64
        By group, the rows that are embedded in all its languages.
    layer : dict of (group, language) to ndarray of float32, (n_rows, hidden)
        Their embeddings at the plan's layer, for lists that are being embedded.
    """

    rows: dict[int, np.ndarray]
    layer: dict[SentenceList, np.ndarray]


def embed(
    stages: Stages, interventions: Sequence[Intervention | None], seen: Callable[[EmbeddedRows], None] = lambda _: None
) -> None:
    """Embed all evaluation sentences that are not embedded yet, at every layer, in rounds.

    Parameters
    ----------
    interventions : sequence
        The spaces, embedded side by side; None is the unmodified one.
    seen : callable
        Called after each round but the last with what has been embedded of the first space.

    Raises
    ------
    NotCached
        Where the stages may not compute, and something is missing.
    """
    specs = [{"space": stages.space_spec(intervention)} for intervention in interventions]
    with ExitStack() as held:
        # The second caller waits. Locks are taken in one order, so that no two callers wait for each other.
        for spec in sorted(specs, key=digest):
            held.enter_context(stages.store.lock("rounds", spec))
        missing = [(intervention, stages.missing_embeddings(intervention)) for intervention in interventions]
        if stages.only_cached and any(lists for _, lists in missing):
            raise NotCached("embeddings")
        Rounds(stages, missing).run(seen)


class Rounds:
    """Embeds lists of sentences of one space, or of several together.

    Parameters
    ----------
    missing : sequence of (intervention, lists)
        The spaces, each with the lists ``(group, language)`` to embed; those of a group advance together.
    """

    def __init__(self, stages: Stages, missing: Sequence[tuple[Intervention | None, Sequence[SentenceList]]]) -> None:
        self.stages, self.plan = stages, stages.plan
        self.spaces = [intervention for intervention, _ in missing]
        self.items = [(space, *key) for space, (_, lists) in enumerate(missing) for key in lists]
        self.cuts = {group: rounds(len(self.plan.groups[group])) for _, group, _ in self.items}
        self._held: dict[tuple[SpaceList, int], np.ndarray] = {}  # (n_layers + 1, n_rows, hidden), not yet in the store
        self._layer: dict[SpaceList, list[np.ndarray]] = {item: [] for item in self.items}

    def run(self, seen: Callable[[EmbeddedRows], None]) -> None:
        """Embed and store all lists; ``seen`` is called after each round but the last, for the first space."""
        last_kept = time.monotonic()
        n_rounds = max((len(cuts) for cuts in self.cuts.values()), default=0)
        try:
            for number in range(n_rounds):
                self._round(number)
                held = sum(part.nbytes for part in self._held.values())
                if number + 1 < n_rounds:
                    if time.monotonic() - last_kept > _KEEP_AFTER or held > _HELD_BYTES:
                        self._keep()
                        last_kept = time.monotonic()
                    seen(self._seen(number))
        except BaseException:
            self._keep()
            raise
        for item in self.items:
            self._store(item)

    def _round(self, number: int) -> None:
        """Embed what is missing of one round, all languages in the same passes."""
        spaces_by_lists: dict[tuple[SentenceList, ...], list[int]] = {}  # spaces that lack the same lists pass together
        for space in range(len(self.spaces)):
            if lacking := tuple(item[1:] for item in self.items if item[0] == space and self._lacks(item, number)):
                spaces_by_lists.setdefault(lacking, []).append(space)
        for lists, spaces in spaces_by_lists.items():
            tokens = [self._tokens(key, number) for key in lists]
            embedded = embed_spaces(
                self.stages.load(),
                TokenisedSentences.joined(tokens),
                [self.spaces[space] for space in spaces],
                parts=[len(part.ids) for part in tokens],
                neurons=self.plan.outline.neurons,
                encoding=self.plan.encoding,
                advance=self.stages.advance,
            )
            ends = np.cumsum([len(part.ids) for part in tokens])[:-1]
            for space, states in zip(spaces, embedded, strict=True):
                for key, part in zip(lists, np.split(states, ends, axis=1), strict=True):
                    self._held[(space, *key), number] = part
                    self._layer[(space, *key)].append(part[self.plan.layer])

    def _lacks(self, item: SpaceList, number: int) -> bool:
        """Whether a round of a list must still be embedded; if an earlier run has stored it, read it instead."""
        _, group, language = item
        if number >= len(self.cuts[group]):
            return False
        stored = self.stages.store.find("embedding-parts", self._part_spec(item, number))
        if stored is None:
            return True
        self._layer[item].append(self.stages.stored_layer(stored, self.plan.layer))
        self.stages.advance(self._tokens((group, language), number).n_tokens)
        return False

    def _seen(self, number: int) -> EmbeddedRows:
        first_space = [item for item in self.items if item[0] == 0]
        rows = {group: np.concatenate(self.cuts[group][: number + 1]) for _, group, _ in first_space}
        return EmbeddedRows(rows, {item[1:]: np.concatenate(self._layer[item]) for item in first_space})

    def _keep(self) -> None:
        """Store the embeddings that are only in memory, part by part."""
        for item, number in list(self._held):
            states = self._held.pop((item, number))
            payload = Payload(arrays=layout.whole(states))
            self.stages.store.put("embedding-parts", self._part_spec(item, number), payload)

    def _store(self, item: SpaceList) -> None:
        """Store a list's embeddings, and remove its parts.

        Those in memory are joined in the order of their rows; where some are stored already, since they did not fit
        there, the embeddings stay in parts, so that nothing is written twice.
        """
        space, group, language = item
        tokens = self.stages.tokens(self.plan.groups[group].texts[language], language)

        def compute() -> Payload:
            parts = [self._part(item, number) for number in range(len(self.cuts[group]))]
            held = [part for part in parts if isinstance(part, np.ndarray)]
            facts = self.stages.embedding_facts(tokens)
            if len(held) < len(parts):
                return layout.in_parts(parts, np.concatenate(self.cuts[group]), self.plan.outline.n_layers, facts)
            states = np.empty((held[0].shape[0], len(tokens.ids), held[0].shape[2]), dtype=np.float32)
            for rows, part in zip(self.cuts[group], held, strict=True):
                states[:, rows] = part
            return Payload(arrays=layout.whole(states), facts=facts)

        spec = self.stages.embeddings_spec(group, language, self.spaces[space])
        self.stages.get("embeddings", spec, compute, lambda artefact: artefact.facts)
        for number in range(len(self.cuts[group])):
            self._held.pop((item, number), None)
            stored = self.stages.store.find("embedding-parts", self._part_spec(item, number))
            if stored is not None:
                self.stages.store.remove(stored)

    def _part(self, item: SpaceList, number: int) -> np.ndarray | Artefact:
        held = self._held.get((item, number))
        if held is not None:
            return held

        def absent() -> Payload:  # it was damaged, and so removed: a retry embeds it again
            raise NotCached("embedding-parts")

        return self.stages.store.get_or_compute("embedding-parts", self._part_spec(item, number), absent)

    def _part_spec(self, item: SpaceList, number: int) -> Mapping[str, Any]:
        space, group, language = item
        spec = self.stages.embeddings_spec(group, language, self.spaces[space])
        return STAGES["embedding-parts"].spec(embeddings=spec, round=number)

    def _tokens(self, key: SentenceList, number: int) -> TokenisedSentences:
        group, language = key
        return self.stages.tokens(self.plan.groups[group].texts[language], language).select(self.cuts[group][number])
