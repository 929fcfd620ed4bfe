"""The stages of an experiment, each a pure function of its spec and inputs, each kept in the store.

responses -> expertise -> expert set -> embeddings pre and post -> retrieval, geometry, projection. Responses and
embeddings are stored by language, so that adding a language, or stopping half-way, loses nothing; changing k or
strength computes the post side alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np

from core.experiment.plan import Plan
from core.inference.batching import TokenisedSentences, tokenise
from core.inference.forward import forward
from core.models.loaded_model import LoadedModel
from core.neurons import rank_statistics
from core.neurons.expert_sets import together
from core.neurons.experts import Expertise, Experts
from core.neurons.interventions import Intervention, intervene, intervene_by_source
from core.neurons.methods import METHODS, Evidence
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, random_by_site
from core.neurons.source_maps import SourceEvidence
from core.pipeline import embedding_layout as layout
from core.pipeline.fitted_maps import fitted
from core.pipeline.learning import learned
from core.pipeline.recent import Recent
from core.pipeline.stored import Stored
from core.store.artefact import Artefact, Payload
from core.store.files import digest
from core.store.stage import PASSING, NotCached
from core.store.store import Store

_built = Recent[Intervention](16)
# Files of responses have every neuron, and most methods ask for those of the same few.
_responses = Recent[np.ndarray](3)
_MOST_HELD = 1 << 26  # bytes of responses that are held in memory


@lru_cache(maxsize=2)
def _expertise_in(artefact: Artefact, languages: tuple[str, ...]) -> Expertise:
    """Read an expertise from its artefact, once for each artefact; the store has checked that it is unchanged."""
    return Expertise(languages, artefact.array("scores"), artefact.array("means"))


class Stages(Stored):
    """Runs the stages of one plan, and reads from the store what it has already.

    Parameters
    ----------
    load : callable
        Gives the loaded model; called only when a forward pass is needed.
    advance : callable
        Called with the number of tokens of each batch that is done.
    only_cached : bool
        Raise `NotCached` instead of computing.
    learning : callable
        Called with the number of tokens before an intervention is learned; what it gives is entered meanwhile.

    Attributes
    ----------
    passing : bool
        Whether embeddings that are made now are noted as passing, which `drop_passing` then removes. False at first.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        load: Callable[[], LoadedModel],
        advance: Callable[[int], None] = lambda _: None,
        only_cached: bool = False,
        learning: Callable[[int], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        super().__init__(plan, store, only_cached)
        self.load, self.advance, self.learning = load, advance, learning
        self.passing = False
        self._tokens: dict[tuple[str, tuple[str, ...]], TokenisedSentences] = {}
        self._expertise: Expertise | None = None

    # -- stages --------------------------------------------------------------------------------------------------------

    def missing_responses(self) -> list[str]:
        """Languages in which neurons are read, and whose responses are not stored."""
        languages = self.plan.response_rows.languages
        return [code for code in languages if not self.store.find("responses", self.responses_spec(code))]

    def missing_embeddings(self, intervention: Intervention | None, layer: int | None = None) -> list[tuple[int, str]]:
        """Groups and languages whose embeddings are not stored; a sentence list that two groups share counts once.

        Parameters
        ----------
        layer : int, optional
            Where one layer is enough, that layer.
        """
        missing = {
            digest(spec): (number, code)
            for number, group in enumerate(self.plan.groups)
            for code in group.languages
            if not self.embedded(spec := self.embeddings_spec(number, code, intervention), layer)
        }
        return list(missing.values())

    def drop_passing(self, intervention: Intervention | None, keep_layer: bool = False) -> int:
        """Remove the embeddings of a space that are noted as passing; returns their bytes.

        Parameters
        ----------
        keep_layer : bool
            Keep those of the plan's layer.
        """
        removed = 0
        for number, group in enumerate(self.plan.groups):
            for code in group.languages:
                spec = self.embeddings_spec(number, code, intervention)
                stored = self.store.find("embeddings", spec, here=True)  # what passes is shared with nobody
                if stored is None or not stored.facts.get(PASSING):
                    continue
                if keep_layer:
                    facts = {name: value for name, value in stored.facts.items() if name != PASSING}
                    array = {layout.layer_name(self.plan.layer): self.stored_layer(stored, self.plan.layer)}
                    self.store.put(
                        "layer-embeddings", self.layer_spec(spec, self.plan.layer), Payload(array, facts=facts)
                    )
                self.store.remove(stored)
                removed += stored.nbytes
        return removed

    def has_expertise(self) -> bool:
        """Whether the experts are known without a forward pass."""
        return self.store.find("expertise", self.expertise_spec()) is not None

    def capture(self, language: str) -> None:
        """Read every neuron on one language's probe sentences."""

        def compute() -> Payload:
            tokens = self.tokens(self.plan.response_rows.texts[language], language)
            result = forward(
                self.load(),
                tokens,
                pooling=self.plan.experiment.pooling,
                responses=True,
                neurons=self.plan.outline.neurons,
                encoding=self.plan.encoding,
                advance=self.advance,
            )
            assert result.responses is not None
            return Payload(arrays=result.responses, facts=tokens.facts)

        self.get("responses", self.responses_spec(language), compute, lambda artefact: artefact.facts)

    def expertise(self) -> Expertise:
        """Rank every neuron for every probe language, from the stored responses, site by site; read once."""
        if self._expertise is None:
            self._expertise = self._expertise_of(self.plan.probe.languages)
        return self._expertise

    def _expertise_of(self, languages: Sequence[str]) -> Expertise:
        """Rank every neuron for some languages, each told from the others."""
        score = SCORES[self.plan.experiment.score]

        def compute() -> Payload:
            parts = [self.stored("responses", self.responses_spec(code)) for code in languages]
            labels = np.repeat(np.arange(len(languages)), len(self.plan.probe))
            statistics, means = [], []
            for site in self.plan.outline.neurons.sites:
                responses = np.concatenate([self.array(part, site.path) for part in parts], axis=1)
                statistics.append(score.at_site(responses, labels, len(languages)))
                means.append(rank_statistics.means(responses, labels, len(languages)))
            scores = score.over_model(np.concatenate(statistics, axis=1))
            return Payload(arrays={"scores": scores, "means": np.concatenate(means, axis=1)})

        return self.get(
            "expertise",
            self.expertise_spec(languages),
            compute,
            lambda artefact: _expertise_in(artefact, tuple(languages)),
        )

    def experts(self) -> Experts:
        """The neurons chosen for the target language, or named by a file, and what they are held at."""
        if self.plan.imported is not None:
            return self.expertise().of(self.plan.imported.neurons, self.plan.imported.values, self.plan.target)
        experiment = self.plan.experiment
        if self.plan.targets:
            return together(
                self.expertise(),
                experiment.selection,
                self.plan.outline.neurons,
                self.plan.targets,
                experiment.combine,
                experiment.held_at,
            )
        return self.expertise().choose(self.plan.experiment.selection, self.plan.target, self.plan.outline.neurons)

    def needs_samples(self) -> bool:
        """Whether the intervention is built from the responses themselves."""
        method = METHODS[self.plan.experiment.method]
        return method.samples or method.by_source is not None

    def intervention(self, experts: Experts, strength: float | None = None) -> Intervention:
        """Build the intervention: what is written to the experts, or under a control to neurons drawn at random.

        Parameters
        ----------
        strength : float, optional
            The experiment's unless given.
        """
        experiment = self.plan.experiment
        strength = experiment.strength if strength is None else strength
        method = METHODS[experiment.method]
        build = self._same_for_all if method.by_source is None else self._by_source
        # From means alone it is a moment's work; without the artefact of what is learned or fitted nothing is known.
        if self.needs_samples() and not (method.learned or method.fits):
            intervention = _built.get(self._determined_by(experts, strength), lambda: build(experts, strength))
        else:
            intervention = build(experts, strength)
        draw = CONTROLS[experiment.control].draw
        if draw is None:
            return intervention
        if method.fits:  # a site's units are read and written together
            draw = random_by_site
        return intervention.moved_to(draw(intervention.neurons, self.plan.outline.neurons, experiment.seed))

    def _determined_by(self, experts: Experts, strength: float) -> str:
        """A digest of all that determines an intervention which follows from the responses."""
        experiment, sources = self.plan.experiment, self.plan.sources
        arrays = (np.ascontiguousarray(each).tobytes() for each in (experts.neurons, experts.values))
        return digest(
            {
                "store": str(self.store.root),
                "expertise": [self.expertise_spec(), self.expertise_spec(sources.languages) if sources else None],
                "targets": [self.plan.target, *self.plan.targets],
                "written": [experiment.method, experiment.tokens, repr(strength), repr(experiment.selection)],
                "experts": [hashlib.sha256(each).hexdigest() for each in arrays],
            }
        )

    def _same_for_all(self, experts: Experts, strength: float) -> Intervention:
        """Build the intervention of a method that is the same for every sentence."""
        experiment, expertise = self.plan.experiment, self.expertise()
        rows = [expertise.languages.index(code) for code in self.plan.targets or (self.plan.target,)]
        other_languages = np.delete(expertise.means, rows, axis=0)
        # of no other language, where all are targets: no method that is left by then compares with them
        rest = other_languages[:, experts.neurons] if len(other_languages) else np.zeros((1, len(experts.neurons)))
        evidence = Evidence(
            experts.values,
            rest.mean(axis=0, dtype=np.float64),
            lambda: self.samples(experts.neurons),
            lambda: learned(self, experts.neurons),
        )
        return intervene(experiment.method, experts.neurons, evidence, strength, experiment.tokens)

    def _by_source(self, experts: Experts, strength: float) -> Intervention:
        """Build the intervention of a method that goes by the language of a sentence."""
        experiment, neurons, sources = self.plan.experiment, self.plan.outline.neurons, self.plan.sources
        assert sources is not None  # the plan has them for such a method
        languages, chosen = sources.languages, {self.plan.target: experts.neurons}
        if METHODS[experiment.method].source_experts:
            others = self._expertise_of(languages)
            chosen |= {
                code: others.choose(experiment.selection, code, neurons).neurons
                for code in languages
                if code != self.plan.target
            }
        written = np.array(list(dict.fromkeys(np.concatenate(list(chosen.values())).tolist())), dtype=np.int64)
        place = {neuron: number for number, neuron in enumerate(written.tolist())}

        def evidence() -> SourceEvidence:
            responses = self.responses_of(written, languages)
            return SourceEvidence(
                languages=languages,
                target=self.plan.target,
                means=responses.mean(axis=2, dtype=np.float64),
                samples=lambda: responses,
                sites=[positions for _, _, positions in neurons.by_site(written)],
                experts={
                    code: np.array([place[neuron] for neuron in each.tolist()], dtype=np.int64)
                    for code, each in chosen.items()
                },
            )

        if METHODS[experiment.method].fits:
            return fitted(self, written, languages, strength, evidence)
        return intervene_by_source(experiment.method, written, evidence(), strength, experiment.tokens)

    def responses_of(self, neurons: np.ndarray, languages: Sequence[str] = ()) -> np.ndarray:
        """Stored responses of neurons ``(k,)`` to the probe: float32, (n_languages, k, n_sentences); not to be changed.

        In the probe's languages unless others are given. What was read last is held in memory.
        """
        languages = languages or self.plan.probe.languages
        stored = [self.stored("responses", self.responses_spec(code)) for code in languages]

        def read() -> np.ndarray:
            responses = np.empty((len(languages), len(neurons), len(self.plan.probe)), dtype=np.float32)
            for row, artefact in enumerate(stored):
                for site, units, positions in self.plan.outline.neurons.by_site(neurons):
                    responses[row, positions] = self.array(artefact, site.path)[units]
            responses.setflags(write=False)
            return responses

        if 4 * len(languages) * len(neurons) * len(self.plan.probe) > _MOST_HELD:
            return read()
        return _responses.get((str(self.store.root), *(each.digest for each in stored), neurons.tobytes()), read)

    def samples(self, neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Responses of neurons ``(k,)`` to the target's probe sentences (or the targets'), and to all others."""
        targets = self.plan.targets or (self.plan.target,)
        by_language = dict(zip(self.plan.probe.languages, self.responses_of(neurons), strict=True))
        target = np.concatenate([by_language.pop(code) for code in targets], axis=1)
        return target, np.concatenate(list(by_language.values()) or [target[:, :0]], axis=1)

    def embeddings(self, group: int, intervention: Intervention | None, layer: int) -> np.ndarray:
        """One space at one layer: ndarray of float32, (n_languages, n_sentences, hidden)."""
        parts = []
        for code in self.plan.groups[group].languages:
            stored = self.embedded(self.embeddings_spec(group, code, intervention), layer)
            if stored is None:
                raise NotCached("embeddings")
            parts.append(self.stored_layer(stored, layer))
        return np.stack(parts)

    def embedding_facts(self, tokens: TokenisedSentences) -> dict[str, Any]:
        """What is noted with the embeddings of a list of sentences."""
        return {**tokens.facts, **({PASSING: True} if self.passing else {})}

    def rows_of(
        self, group: int, language: str, intervention: Intervention | None, rows: np.ndarray
    ) -> np.ndarray | None:
        """Rows of a language that is embedded already, at the plan's layer: (n_rows, hidden); None if it is not."""
        stored = self.embedded(self.embeddings_spec(group, language, intervention), self.plan.layer)
        return None if stored is None else self.stored_layer(stored, self.plan.layer)[rows]

    def counted(self, *facts: str) -> list[dict[str, int]]:
        """Counts kept with the unmodified embeddings, each by language: of sentences ``cut``, ``unknown``, ...

        0 where something was not yet counted when they were made.
        """
        counts: list[dict[str, int]] = [{} for _ in facts]
        for number, group in enumerate(self.plan.groups):
            for code in group.languages:
                stored = self.embedded(self.embeddings_spec(number, code, None), self.plan.layer)
                if stored is None:
                    raise NotCached("embeddings")
                for fact, by_language in zip(facts, counts, strict=True):
                    by_language[code] = by_language.get(code, 0) + int(str(stored.facts.get(fact, 0)))
        return counts

    def gpus(self) -> tuple[str, ...]:
        """Names of the GPUs that read the neurons and embedded the unmodified sentences; none where no GPU did."""
        specs = [
            *(("responses", self.responses_spec(code)) for code in self.plan.response_rows.languages),
            *(
                ("embeddings", self.embeddings_spec(number, code, None))
                for number, group in enumerate(self.plan.groups)
                for code in group.languages
            ),
        ]
        found = [artefact for stage, spec in specs if (artefact := self.store.find(stage, spec)) is not None]
        return tuple(sorted({artefact.made_by["gpu"] for artefact in found if "gpu" in artefact.made_by}))

    def tokens(self, sentences: Sequence[str], language: str) -> TokenisedSentences:
        """Tokenise sentences of a language; each list is tokenised once."""
        key = language, tuple(sentences)
        if key not in self._tokens:
            self._tokens[key] = tokenise(self.load(), sentences, language, self.plan.encoding)
        return self._tokens[key]
