"""One pass through the stages of one experiment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import numpy as np

from core.experiment.plan import Plan
from core.inference.language_codes import check_languages
from core.models.embedded import MODELS, is_converted
from core.models.load import LoadedModel
from core.neurons.experts import Experts
from core.neurons.interventions import Intervention
from core.pipeline import joint_map
from core.pipeline.early_estimates import estimate
from core.pipeline.incremental import Seen, embed
from core.pipeline.measures import Measures
from core.pipeline.model_host import ModelHost
from core.pipeline.result import Result
from core.pipeline.stages import Stages
from core.progress import Progress
from core.store.stage import STAGES, NotCached

# The steps of a run, in order: their names in a result's seconds, and what its progress report says.
STEPS = {
    "load": "loading the model",
    "capture": STAGES["responses"].title,
    "expertise": STAGES["expertise"].title,
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
        self.stages = Stages(bound, models.store, self.model, self._advance, only_cached)
        self.measures = Measures(self.stages)
        self._tokens = 0

    def spaces(self) -> tuple[Experts, Intervention]:
        """Make sure that both spaces are embedded; return the experts and the intervention between the two."""
        if not self.only_cached:
            self._announce()
        experts = self.experts()
        intervention = self.stages.intervention(experts)
        self._embed("embed_pre", None)
        self._embed("embed_post", intervention)
        return experts, intervention

    def further(self, spaces: Mapping[str, Intervention]) -> None:
        """Embed more spaces than the experiment's two, side by side, each by its name in the progress report.

        The experiment's two spaces must be embedded before (see `spaces`). What is stored is not computed again.
        """
        missing = {name: self.stages.missing_embeddings(space) for name, space in spaces.items()}
        to_embed = {name: lists for name, lists in missing.items() if lists}
        if not to_embed:
            return
        if self.only_cached:
            raise NotCached("embeddings")
        title = f"{STAGES['embeddings'].title}, " + ", ".join(to_embed)
        texts = [(code, self.plan.groups[g].texts[code]) for lists in to_embed.values() for g, code in lists]
        pace = self.models.pace(self.plan.resolved, self.plan.outline.n_parameters)
        self.progress.plan({title: sum(_tokens(sentences) for _, sentences in texts) / pace})
        tokens = self._count(texts)
        self.model()
        self.progress.stage(title, tokens)
        start = time.perf_counter()
        embed(self.stages, [spaces[name] for name in to_embed])
        self.models.measured(self.plan.resolved, tokens, time.perf_counter() - start)

    def result(self) -> Result:
        """Everything that is measured of the experiment."""
        experts, intervention = self.spaces()
        with self._timed("measure"):
            measured = self.measures.before_after(intervention)
        with self._timed("projection"):
            maps = self.measures.projection(intervention)
        self.progress.finish()
        return Result(
            plan=self.plan,
            experts=experts,
            pairs=measured.pairs,
            medoid=measured.medoid,
            layers=measured.layers,
            maps=tuple(maps),
            seconds=self.seconds,
            computed=tuple(self.computed),
            notes=self._notes(),
        )

    def experts(self) -> Experts:
        """The experts alone, best first."""
        self._capture()
        with self._timed("expertise", computes=not self.stages.has_expertise()):
            return self.stages.experts()

    def expected(self) -> dict[str, float]:
        """Seconds by stage, before anything has run."""
        shape, stages = self.plan.outline, self.stages
        pace = self.models.pace(self.plan.resolved, shape.n_parameters)
        probe = stages.missing_responses() if stages.needs_samples() or not stages.has_expertise() else []
        pre = stages.missing_embeddings(None)
        # Before the ranking the experts are unknown, and so is whether the post side is stored: count all of it.
        post = (
            stages.missing_embeddings(stages.intervention(stages.experts()))
            if stages.has_expertise() and not (probe and stages.needs_samples())
            else [(g, code) for g, group in enumerate(self.plan.groups) for code in group.languages]
        )
        capture = sum(_tokens(self.plan.probe.texts[code]) for code in probe) / pace
        embed_pre, embed_post = (
            sum(_tokens(self.plan.groups[g].texts[code]) for g, code in missing) / pace for missing in (pre, post)
        )
        passes = capture + embed_pre + embed_post > 0
        return {
            "load": self._load_seconds() if passes else 0.0,
            "capture": capture,
            "expertise": 0.0 if stages.has_expertise() else 3.0,
            "embed_pre": embed_pre,
            "embed_post": embed_post,
            "measure": 3.0 if passes else 0.0,
            "projection": 4.0 if passes else 0.0,
        }

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
        tokens = self._count([(code, self.plan.probe.texts[code]) for code in missing])
        with self._passing("capture", tokens):
            for code in missing:
                self.stages.capture(code)

    def _embed(self, stage: str, intervention: Intervention | None) -> None:
        missing = self.stages.missing_embeddings(intervention)
        if missing and self.only_cached:
            raise NotCached("embeddings")
        tokens = self._count([(code, self.plan.groups[g].texts[code]) for g, code in missing])
        with self._passing(stage, tokens):
            if missing:
                embed(self.stages, [intervention], lambda seen: self._estimate(intervention, seen))

    def _estimate(self, intervention: Intervention | None, seen: Seen) -> None:
        """Publish an estimate from the sentences so far, as soon as there are two spaces to compare."""
        if intervention is None:
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
        self.progress.partial = estimate(self.plan, pre, post) or self.progress.partial

    def _count(self, texts: list[tuple[str, tuple[str, ...]]]) -> int:
        """Tokens of lists of sentences, each with its language."""
        return sum(self.stages.tokens(sentences, language).n_tokens for language, sentences in texts)

    def model(self) -> LoadedModel:
        """The loaded model; loading it takes a stage of its own."""
        resolved = self.plan.resolved
        loaded = self.models.is_loaded(resolved)
        with nullcontext() if loaded else self._timed("load", computes=True):
            model = self.models.get(resolved)
        check_languages(model, (*self.plan.probe.languages, *self.plan.languages))
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

    def _advance(self, tokens: int) -> None:
        self.progress.advance(tokens)

    def _notes(self) -> tuple[str, ...]:
        cut, unknown = self.stages.counted("cut", "unknown")
        notes = []
        if long := sum(cut.values()):
            notes.append(f"{long:,} sentences were longer than the model's context and were cut.")
        if blank := sum(unknown.values()):
            where = ", ".join(f"{code} {n:,}" for code, n in unknown.items() if n)
            notes.append(
                f"{blank:,} sentences are nothing but unknown text to the model's tokenizer, and what is measured of "
                f"them says nothing: {where}."
            )
        points = sum(len(g) * len(g.languages) for g in self.plan.groups)
        rows = joint_map.shown_rows(self.plan)
        shown = sum(n * len(g.languages) for n, g in zip(rows, self.plan.groups, strict=True))
        if shown < points:
            notes.append(f"The map shows {shown:,} of {points:,} sentences; every number is computed from all of them.")
        return (*self.plan.notes, *notes)


def _tokens(sentences: tuple[str, ...]) -> float:
    """A guess at the number of tokens, from bytes: close enough for an estimate of time."""
    return sum(len(text.encode()) / 4.5 + 1 for text in sentences)
