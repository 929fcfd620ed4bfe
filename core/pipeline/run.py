"""One pass through the stages of one experiment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np

from core.corpora.corpus import ParallelSet
from core.experiment.plan import Plan, probe_in_evaluation_languages
from core.inference.language_codes import check_languages
from core.models.embedded import MODELS, is_converted
from core.models.loaded_model import LoadedModel
from core.neurons.experts import Experts
from core.neurons.interventions import Intervention
from core.pipeline import fitted_maps, joint_map, learning
from core.pipeline.before_after import BeforeAfter
from core.pipeline.computed_settings import Summary, summary
from core.pipeline.early_estimates import estimate
from core.pipeline.incremental import EmbeddedRows, embed
from core.pipeline.measures import Measures
from core.pipeline.model_host import ModelHost
from core.pipeline.result import Result
from core.pipeline.stages import Stages
from core.progress import Progress
from core.stats.paired import Part
from core.stats.units import counted, listed
from core.store.stage import STAGES, NotCached

Maps = tuple[tuple[np.ndarray, np.ndarray], ...]

# The steps of a run, in order: their names in a result's seconds, and what its progress report says.
STEPS = {
    "load": "loading the model",
    "capture": STAGES["responses"].title,
    "expertise": STAGES["expertise"].title,
    "learn": STAGES["learned-map"].title,
    "embed_pre": f"{STAGES['embeddings'].title}, before",
    "embed_post": f"{STAGES['embeddings'].title}, after",
    "measure": STAGES["layer"].title,
    "projection": STAGES["projection"].title,
}


class Run:
    """One pass through the stages of one experiment; every question to the engine reads from one.

    Attributes
    ----------
    plan : Plan
    models : ModelHost
        Gives the loaded model.
    stages : Stages
        Responses, expertise, embeddings.
    measures : Measures
        What is measured of both spaces.
    only_cached : bool
        Whether `NotCached` is raised instead of computing.
    """

    def __init__(self, bound: Plan, models: ModelHost, progress: Progress, only_cached: bool = False) -> None:
        self.plan, self.models, self.progress = bound, models, progress
        self.only_cached = only_cached
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self.computed: list[str] = []
        self.stages = Stages(bound, models.store, self.model, self._advance, only_cached, self._learning)
        self.measures = Measures(self.stages)
        self._tokens = 0

    def spaces(self) -> tuple[Experts, Intervention]:
        """Make sure that both spaces are embedded; return the experts and the intervention between the two."""
        if not self.only_cached:
            self._announce()
        experts = self.experts()
        intervention = self.stages.intervention(experts)
        # What may only be read is read at the plan's layer above all; where another is missing, that is found there.
        layer = self.plan.layer if self.only_cached else None
        self._embed("embed_pre", None, layer)
        self._embed("embed_post", intervention, layer)
        return experts, intervention

    def intervention(self) -> Intervention:
        """What is written between the two spaces; finds the experts first."""
        return self.stages.intervention(self.experts())

    def measured(self, layers: bool = True) -> BeforeAfter:
        """What is measured of both spaces; a space is embedded only where its measures are not stored.

        Parameters
        ----------
        layers : bool
            Also measure every layer; if False, the table of layers has no rows.
        """
        intervention = self.measure_spaces(layers)
        return self.measures.before_after(intervention, layers)

    def sentence_values(self) -> dict[str, list[Part]]:
        """Every measure of the space after, sentence by sentence; embeds only what has not been measured."""
        return self.measures.sentence_values(self.measure_spaces(sentences=True))

    def measure_spaces(self, layers: bool = True, sentences: bool = False) -> Intervention:
        """Make sure that both spaces are measured, or are embedded so that they can be; returns the intervention."""
        if not self.only_cached:
            self._announce()
        intervention = self.intervention()
        for stage, space in (("embed_pre", None), ("embed_post", intervention)):
            if not self.measures.are_stored(space, layers, sentences):
                self._embed(stage, space)
        return intervention

    def capture(self, language: str) -> None:
        """Read every neuron on one language's probe sentences."""
        missing = [language] if language in self.stages.missing_responses() else []
        tokens = self._count([(code, self.plan.response_rows.texts[code]) for code in missing])
        self.progress.plan({STEPS["load"]: self._load_seconds(), STEPS["capture"]: tokens / self._pace()})
        with self._passing("capture", tokens):
            for code in missing:
                self.stages.capture(code)

    def embed(self, intervention: Intervention | None, layers: bool = True, sentences: bool = True) -> None:
        """Embed one space, unless what is measured of it is stored already.

        Parameters
        ----------
        layers, sentences : bool
            Whether it is measured at every layer too, and sentence by sentence.
        """
        if not self.measures.are_stored(intervention, layers, sentences):
            self._announce()
            self._embed("embed_pre" if intervention is None else "embed_post", intervention)

    def further(self, spaces: Mapping[str, Intervention]) -> None:
        """Embed more spaces than the experiment's two, side by side, each by its name in the progress report.

        The experiment's two spaces must be embedded before (see `spaces`). What is stored is not computed again.
        """
        self._embed_beside(self.stages, spaces, "")

    def probe_spaces(self, spaces: Mapping[str, Intervention | None]) -> Stages:
        """Embed the probe rows in all evaluation languages that the probe corpus has: what free rivals are fitted on.

        Parameters
        ----------
        spaces : mapping of str to Intervention or None
            Each by its name in the progress report; None is the unmodified model. What is stored is not computed again.

        Returns
        -------
        Stages
            Over the probe rows as the only group: ``embeddings(0, intervention, layer)`` reads them.
        """
        return self.beside((probe_in_evaluation_languages(self.plan),), spaces, " of the probe")

    def beside(
        self, groups: tuple[ParallelSet, ...], spaces: Mapping[str, Intervention | None], of: str = ""
    ) -> Stages:
        """Embed other sentences than the evaluation rows, in several spaces side by side.

        Parameters
        ----------
        groups : tuple of ParallelSet
            The sentences.
        spaces : mapping of str to Intervention or None
            Each by its name in the progress report; None is the unmodified model. What is stored is not computed again.
        of : str
            What is embedded, for the progress report, after "embedding the sentences".

        Returns
        -------
        Stages
            Over these groups.
        """
        bound = replace(self.plan, groups=groups)
        stages = Stages(bound, self.models.store, self.model, self._advance, self.only_cached, self._learning)
        self._embed_beside(stages, spaces, of)
        return stages

    def _embed_beside(self, stages: Stages, spaces: Mapping[str, Intervention | None], of: str) -> None:
        """Embed what is missing of several spaces side by side; ``of`` is added to the title of the progress report."""
        missing = {name: stages.missing_embeddings(space) for name, space in spaces.items()}
        to_embed = {name: lists for name, lists in missing.items() if lists}
        if not to_embed:
            return
        if self.only_cached:
            raise NotCached("embeddings")
        title = f"{STAGES['embeddings'].title}{of}, " + ", ".join(to_embed)
        texts = [(code, stages.plan.groups[g].texts[code]) for lists in to_embed.values() for g, code in lists]
        self.progress.plan({title: sum(guessed_tokens(sentences) for _, sentences in texts) / self._pace()})
        tokens = sum(stages.tokens(sentences, language).n_tokens for language, sentences in texts)
        self.model()
        self.progress.stage(title, tokens)
        start = time.perf_counter()
        embed(stages, [spaces[name] for name in to_embed])
        self.models.measured(self.plan.resolved, tokens, time.perf_counter() - start)

    def result(self) -> Result:
        """Everything that is measured of the experiment."""
        intervention = self.measure_spaces()
        experts = self.stages.experts()
        self._embed("embed_pre", None, self.plan.layer)  # the map is of one layer
        self._embed("embed_post", intervention, self.plan.layer)
        with self._timed("measure"):
            measured = self.measures.before_after(intervention)
        with self._timed("projection"):
            maps = self.measures.projection(intervention)
        self.progress.finish()
        return self._result(experts, measured, tuple(maps), self._notes())

    def figures(self) -> Result:
        """As `result`, without the map: measures that are stored are enough for it."""
        intervention = self.measure_spaces()
        experts = self.stages.experts()
        with self._timed("measure"):
            measured = self.measures.before_after(intervention)
        self.progress.finish()
        return self._result(experts, measured, (), self.plan.notes)

    def summary(self) -> Summary:
        """What lists say of the setting; measures that are stored are enough for it."""
        return summary(self.measured())

    def _result(self, experts: Experts, measured: BeforeAfter, maps: Maps, notes: tuple[str, ...]) -> Result:
        return Result(
            plan=self.plan,
            experts=experts,
            pairs=measured.pairs,
            medoid=measured.medoid,
            layers=measured.layers,
            maps=maps,
            seconds=self.seconds,
            computed=tuple(self.computed),
            notes=notes,
        )

    def experts(self) -> Experts:
        """The experts alone, best first."""
        self._capture()
        with self._timed("expertise", computes=not self.stages.has_expertise()):
            return self.stages.experts()

    def expected(self) -> dict[str, float]:
        """Seconds by stage, before anything has run."""
        stages = self.stages
        pace = self._pace()
        probe = stages.missing_responses() if stages.needs_samples() or not stages.has_expertise() else []
        pre, learns, fits = stages.missing_embeddings(None), learning.must_learn(stages), fitted_maps.must_fit(stages)
        # Before the ranking the experts are unknown, and so is whether the post side is stored: count all of it.
        post = (
            stages.missing_embeddings(stages.intervention(stages.experts()))
            if stages.has_expertise() and not (probe and stages.needs_samples()) and not (learns or fits)
            else [(g, code) for g, group in enumerate(self.plan.groups) for code in group.languages]
        )
        capture = sum(guessed_tokens(self.plan.response_rows.texts[code]) for code in probe) / pace
        embed_pre, embed_post = (
            sum(guessed_tokens(self.plan.groups[g].texts[code]) for g, code in missing) / pace
            for missing in (pre, post)
        )
        learn = learning.tokens_to_pass(stages, guessed_tokens) / pace if learns else 0.0
        passes = capture + embed_pre + embed_post + learn > 0
        return {
            "load": self._load_seconds() if passes else 0.0,
            "capture": capture,
            "expertise": 0.0 if stages.has_expertise() else 3.0,
            "learn": learn,
            "embed_pre": embed_pre,
            "embed_post": embed_post,
            "measure": 3.0 if passes else 0.0,
            "projection": 4.0 + joint_map.placing_seconds(self.plan) if passes else 0.0,
        }

    def _pace(self) -> float:
        return self.models.pace(self.plan.resolved, self.plan.outline.n_parameters)

    def _load_seconds(self) -> float:
        resolved = self.plan.resolved
        if self.models.is_loaded(resolved):
            return 0.0
        if resolved.name in MODELS:
            return 6.0 if is_converted(self.models.store, resolved.name) else MODELS[resolved.name].seconds
        return 4.0 + self.plan.outline.n_parameters * 4 / 5e8

    def _announce(self) -> None:
        expected = self.expected()
        self.progress.plan({STEPS[name]: seconds for name, seconds in expected.items()})

    def _capture(self) -> None:
        if self.stages.has_expertise() and not self.stages.needs_samples():
            return
        missing = self.stages.missing_responses()
        if missing and self.only_cached:
            raise NotCached("responses")
        tokens = self._count([(code, self.plan.response_rows.texts[code]) for code in missing])
        with self._passing("capture", tokens):
            for code in missing:
                self.stages.capture(code)

    def _embed(self, stage: str, intervention: Intervention | None, layer: int | None = None) -> None:
        """Embed what is missing of a space, at every layer; nothing, where one layer is named that is stored."""
        missing = self.stages.missing_embeddings(intervention, layer)
        if missing and self.only_cached:
            raise NotCached("embeddings")
        tokens = self._count([(code, self.plan.groups[g].texts[code]) for g, code in missing])
        with self._passing(stage, tokens):
            if missing:
                embed(self.stages, [intervention], lambda seen: self._estimate(intervention, seen))

    def _estimate(self, intervention: Intervention | None, seen: EmbeddedRows) -> None:
        """Publish an estimate from the sentences so far, as soon as there are two spaces to compare."""
        if intervention is None or self.stages.missing_embeddings(None, self.plan.layer):
            return
        pre, post = {}, {}
        for g, rows in seen.rows.items():
            pre[g] = self.stages.embeddings(g, None, self.plan.layer)[:, rows]
            parts = [
                seen.layer[g, code] if (g, code) in seen.layer else self.stages.rows_of(g, code, intervention, rows)
                for code in self.plan.groups[g].languages
            ]
            available = [part for part in parts if part is not None]
            if len(available) == len(parts):
                post[g] = np.stack(available)
        if early := estimate(self.plan, pre, post):
            self.progress.publish(early)

    def _count(self, texts: list[tuple[str, tuple[str, ...]]]) -> int:
        """Tokens of lists of sentences, each with its language."""
        return sum(self.stages.tokens(sentences, language).n_tokens for language, sentences in texts)

    def model(self) -> LoadedModel:
        """The loaded model; loading it takes a stage of its own."""
        resolved = self.plan.resolved
        loaded = self.models.is_loaded(resolved)
        with nullcontext() if loaded else self._timed("load", computes=True):
            model = self.models.get(resolved)
        check_languages(model, (*self.plan.response_rows.languages, *self.plan.languages))
        if not loaded:
            self.models.warm_up()  # not before: converting the embedded model keeps both cores busy
        return model

    @contextmanager
    def _timed(self, stage: str, computes: bool = False) -> Iterator[None]:
        if computes:
            self.computed.append(stage)
        if not self.only_cached:
            self.progress.stage(STEPS[stage])
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start

    @contextmanager
    def _passing(self, stage: str, tokens: int) -> Iterator[None]:
        """A stage of forward passes, which counts tokens and measures the model's pace."""
        if not tokens:
            yield
            return
        self.computed.append(stage)
        self.progress.stage(STEPS[stage], tokens)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start
        self.models.measured(self.plan.resolved, tokens, self.seconds[stage])

    @contextmanager
    def _learning(self, tokens: int) -> Iterator[None]:
        """The stage in which an intervention is learned; passes back go at another pace, which is not kept."""
        with self._timed("learn", computes=True):
            self.progress.stage(STEPS["learn"], tokens)
            yield

    def _advance(self, tokens: int) -> None:
        self.progress.advance(tokens)

    def _notes(self) -> tuple[str, ...]:
        cut, unknown = self.stages.counted("cut", "unknown")
        notes = []
        if long := sum(cut.values()):
            notes.append(f"Longer than the model's context, and therefore cut: {counted(long, 'sentence')}.")
        if blank := sum(unknown.values()):
            where = ", ".join(f"{code} {n:,}" for code, n in unknown.items() if n)
            notes.append(
                f"{counted(blank, 'sentence')} {'is' if blank == 1 else 'are'} nothing but unknown text to the model's "
                f"tokenizer, and what is measured of {'it' if blank == 1 else 'them'} says nothing: {where}."
            )
        if placed := joint_map.in_words(self.plan):
            notes.append(f"{placed} Every number is computed from all of them.")
        if gpus := self.stages.gpus():
            mixed = "; what GPUs of several types compute may differ in the last bits" if len(gpus) > 1 else ""
            notes.append(f"The model ran on {listed(gpus)}{mixed}.")
        return (*self.plan.notes, *notes)


def guessed_tokens(sentences: tuple[str, ...]) -> float:
    """A guess at the number of tokens, from bytes: close enough for an estimate of time."""
    return sum(len(text.encode()) / 4.5 + 1 for text in sentences)
