"""The stages of an experiment, each a pure function of its spec and inputs, each kept in the store.

responses -> expertise -> expert set -> embeddings pre and post -> retrieval, geometry, projection. Responses and
embeddings are stored by language, so that adding a language, or stopping half-way, loses nothing; changing k or
strength computes the post side alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from core.experiment.plan import Plan
from core.inference.batching import Tokenised, tokenise
from core.inference.forward import forward
from core.models.load import LoadedModel
from core.neurons import rank_statistics
from core.neurons.experts import Expertise, Experts
from core.neurons.interventions import METHODS, Evidence, Intervention, intervene
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS
from core.store.artefact import Artefact, Payload
from core.store.files import DamagedArtefact, digest
from core.store.stage import STAGES, NotCached, registered
from core.store.store import Store

T = TypeVar("T")


@lru_cache(maxsize=2)
def _expertise_in(artefact: Artefact, languages: tuple[str, ...]) -> Expertise:
    """Read an expertise from its artefact, once for each artefact; the store has checked that it is unchanged."""
    return Expertise(languages, artefact.array("scores"), artefact.array("means"))


class Stages:
    """Runs the stages of one plan, and reads from the store what it has already.

    Parameters
    ----------
    load : callable
        Gives the loaded model; called only when a forward pass is needed.
    advance : callable
        Called with the number of tokens of each batch that is done.
    only_cached : bool
        Raise `NotCached` instead of computing.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        load: Callable[[], LoadedModel],
        advance: Callable[[int], None] = lambda _: None,
        only_cached: bool = False,
    ) -> None:
        self.plan, self.store = plan, store
        self.load, self.advance, self.only_cached = load, advance, only_cached
        self._tokens: dict[tuple[str, tuple[str, ...]], Tokenised] = {}
        self._expertise: Expertise | None = None

    # -- specs: what determines each artefact ------------------------------------------------------------------------

    def responses_spec(self, language: str) -> dict[str, Any]:
        """What determines the responses on one language's probe sentences."""
        return STAGES["responses"].spec(
            model=self.plan.resolved.identity,
            sentences=self.plan.probe.digest(language),
            pooling=self.plan.experiment.pooling,
            **self._neurons_spec(),
            **self._language_spec(language),
        )

    def embeddings_spec(self, group: int, language: str, intervention: Intervention | None) -> dict[str, Any]:
        """What determines one language's embeddings; pre if there is no intervention."""
        changed = intervention is not None and not intervention.is_identity
        return STAGES["embeddings"].spec(
            model=self.plan.resolved.identity,
            sentences=self.plan.groups[group].digest(language),
            intervention=intervention.digest if changed and intervention is not None else None,
            **(self._neurons_spec() if changed else {}),
            **self._language_spec(language),
        )

    def _neurons_spec(self) -> dict[str, Any]:
        """Which neurons the indices count through, where they are not the MLP's."""
        kinds = self.plan.experiment.neurons
        return {} if kinds == ("mlp",) else {"neurons": list(kinds)}

    def _language_spec(self, language: str) -> dict[str, Any]:
        """Which language, where the tokens depend on it and not on the sentences alone."""
        return {"language": language} if self.plan.outline.language_coded else {}

    def expertise_spec(self) -> dict[str, Any]:
        """What determines the expertise of all neurons."""
        return STAGES["expertise"].spec(
            score=self.plan.experiment.score,
            responses={code: digest(self.responses_spec(code)) for code in self.plan.probe.languages},
        )

    def space_spec(self, intervention: Intervention | None) -> list[dict[str, str]]:
        """What determines one space: digests of all its embeddings."""
        return [
            {code: digest(self.embeddings_spec(number, code, intervention)) for code in group.languages}
            for number, group in enumerate(self.plan.groups)
        ]

    # -- stages --------------------------------------------------------------------------------------------------------

    def missing_responses(self) -> list[str]:
        """Probe languages whose responses are not stored."""
        return [c for c in self.plan.probe.languages if not self.store.find("responses", self.responses_spec(c))]

    def missing_embeddings(self, intervention: Intervention | None) -> list[tuple[int, str]]:
        """Groups and languages whose embeddings are not stored; a sentence list that two groups share counts once."""
        missing = {
            digest(spec): (number, code)
            for number, group in enumerate(self.plan.groups)
            for code in group.languages
            if not self.store.find("embeddings", spec := self.embeddings_spec(number, code, intervention))
        }
        return list(missing.values())

    def has_expertise(self) -> bool:
        """Whether the experts are known without a forward pass."""
        return self.store.find("expertise", self.expertise_spec()) is not None

    def capture(self, language: str) -> None:
        """Read every neuron on one language's probe sentences."""

        def compute() -> Payload:
            tokens = self.tokens(self.plan.probe.texts[language], language)
            result = forward(
                self.load(),
                tokens,
                pooling=self.plan.experiment.pooling,
                responses=True,
                neurons=self.plan.outline.neurons,
                advance=self.advance,
            )
            assert result.responses is not None
            return Payload(arrays=result.responses, facts=tokens.facts)

        self.get("responses", self.responses_spec(language), compute, lambda artefact: artefact.facts)

    def expertise(self) -> Expertise:
        """Rank every neuron for every probe language, from the stored responses, site by site; read once."""
        if self._expertise is not None:
            return self._expertise
        languages, score = self.plan.probe.languages, SCORES[self.plan.experiment.score]

        def compute() -> Payload:
            parts = [self._stored("responses", self.responses_spec(code)) for code in languages]
            labels = np.repeat(np.arange(len(languages)), len(self.plan.probe))
            statistics, means = [], []
            for site in self.plan.outline.neurons.sites:
                responses = np.concatenate([self._array(part, site.path) for part in parts], axis=1)
                statistics.append(score.at_site(responses, labels, len(languages)))
                means.append(rank_statistics.means(responses, labels, len(languages)))
            scores = score.over_model(np.concatenate(statistics, axis=1))
            return Payload(arrays={"scores": scores, "means": np.concatenate(means, axis=1)})

        self._expertise = self.get(
            "expertise", self.expertise_spec(), compute, lambda artefact: _expertise_in(artefact, tuple(languages))
        )
        return self._expertise

    def experts(self) -> Experts:
        """The neurons chosen for the target language, and their mean responses to it."""
        return self.expertise().choose(self.plan.experiment.selection, self.plan.target, self.plan.outline.neurons)

    def needs_samples(self) -> bool:
        """Whether the intervention is built from the responses themselves."""
        return METHODS[self.plan.experiment.method].samples

    def intervention(self, experts: Experts, strength: float | None = None) -> Intervention:
        """Build the intervention: what is written to the experts, or under a control to neurons drawn at random.

        Parameters
        ----------
        strength : float, optional
            The experiment's unless given.
        """
        experiment, neurons = self.plan.experiment, self.plan.outline.neurons
        strength = experiment.strength if strength is None else strength
        expertise = self.expertise()
        other_languages = np.delete(expertise.means, expertise.languages.index(self.plan.target), axis=0)
        rest = other_languages[:, experts.neurons]
        evidence = Evidence(experts.values, rest.mean(axis=0, dtype=np.float64), lambda: self._samples(experts.neurons))
        intervention = intervene(experiment.method, experts.neurons, evidence, strength, experiment.tokens)
        draw = CONTROLS[experiment.control].draw
        if draw is None:
            return intervention
        return replace(intervention, neurons=draw(experts.neurons, neurons, experiment.seed))

    def responses_of(self, neurons: np.ndarray) -> np.ndarray:
        """Stored responses of neurons ``(k,)`` to the probe: float32, (n_languages, k, n_sentences)."""
        languages = self.plan.probe.languages
        responses = np.empty((len(languages), len(neurons), len(self.plan.probe)), dtype=np.float32)
        for row, code in enumerate(languages):
            stored = self._stored("responses", self.responses_spec(code))
            for site, units, positions in self.plan.outline.neurons.by_site(neurons):
                responses[row, positions] = self._array(stored, site.path)[units]
        return responses

    def _samples(self, neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Responses of neurons ``(k,)`` to the target's probe sentences and to all others."""
        by_language = list(self.responses_of(neurons))
        target = by_language.pop(self.plan.probe.languages.index(self.plan.target))
        return target, np.concatenate(by_language, axis=1)

    def embeddings(self, group: int, intervention: Intervention | None, layer: int) -> np.ndarray:
        """One space at one layer: ndarray of float32, (n_languages, n_sentences, hidden)."""
        return np.stack(
            [
                self._array(
                    self._stored("embeddings", self.embeddings_spec(group, code, intervention)), _layer_name(layer)
                )
                for code in self.plan.groups[group].languages
            ]
        )

    @staticmethod
    def layer_arrays(states: np.ndarray) -> dict[str, np.ndarray]:
        """Embeddings ``(n_layers + 1, n_sentences, hidden)`` as they are stored."""
        return {_layer_name(layer): state for layer, state in enumerate(states)}

    def stored_layers(self, stage: str, spec: Mapping[str, Any]) -> np.ndarray:
        """The inverse of `layer_arrays`."""
        stored = self._stored(stage, spec)
        return np.stack([self.stored_layer(stored, layer) for layer in range(self.plan.outline.n_layers + 1)])

    def stored_layer(self, artefact: Artefact, layer: int) -> np.ndarray:
        """One layer of an artefact of embeddings, (n_sentences, hidden)."""
        return self._array(artefact, _layer_name(layer))

    def rows_of(
        self, group: int, language: str, intervention: Intervention | None, rows: np.ndarray
    ) -> np.ndarray | None:
        """Rows of a language that is embedded already, at the plan's layer: (n_rows, hidden); None if it is not."""
        stored = self.store.find("embeddings", self.embeddings_spec(group, language, intervention))
        return None if stored is None else self.stored_layer(stored, self.plan.layer)[rows]

    def counted(self, *facts: str) -> list[dict[str, int]]:
        """Counts kept with the unmodified embeddings, each by language: of sentences ``cut``, ``unknown``, ...

        0 where something was not yet counted when they were made.
        """
        counts: list[dict[str, int]] = [{} for _ in facts]
        for number, group in enumerate(self.plan.groups):
            for code in group.languages:
                stored = self._stored("embeddings", self.embeddings_spec(number, code, None)).facts
                for fact, by_language in zip(facts, counts, strict=True):
                    by_language[code] = by_language.get(code, 0) + int(str(stored.get(fact, 0)))
        return counts

    def tokens(self, sentences: Sequence[str], language: str) -> Tokenised:
        """Tokenise sentences of a language; each list is tokenised once."""
        key = language, tuple(sentences)
        if key not in self._tokens:
            self._tokens[key] = tokenise(self.load(), sentences, language)
        return self._tokens[key]

    # -- helpers -------------------------------------------------------------------------------------------------------

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

    def _stored(self, stage: str, spec: Mapping[str, Any]) -> Artefact:
        artefact = self.store.find(stage, spec)
        if artefact is None:
            raise NotCached(stage)
        return artefact

    def _array(self, artefact: Artefact, name: str) -> np.ndarray:
        """Read one array; a damaged artefact is removed, and `NotCached` raised, so that a retry computes it."""

        def absent() -> Payload:
            raise NotCached(artefact.stage)

        try:
            return artefact.array(name)
        except DamagedArtefact:
            return self.store.get_or_compute(artefact.stage, artefact.spec, absent).array(name)


def _layer_name(layer: int) -> str:
    return f"layer-{layer:03d}"
