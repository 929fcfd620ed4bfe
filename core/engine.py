"""Runs experiments: plans, loads the model if it must, goes through the stages, and puts the result together.

One engine serves a whole process. It keeps the last model in memory; all forward passes on it are serialised by the
model's own lock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from core import projection
from core.embedded_model import is_converted
from core.estimates import estimate
from core.experiment import Experiment, Plan, plan
from core.interventions import Intervention
from core.measures import Measures
from core.models import EMBEDDED, LoadedModel, ResolvedModel, load
from core.progress import Progress
from core.results import Result, merge_spaces
from core.rounds import Seen
from core.stages import Experts, NotCached, Stages
from core.store import DamagedArtefact, Store

T = TypeVar("T")

STAGES = ("load", "capture", "expertise", "embed_pre", "embed_post", "measure", "projection")
_GUESS_WEIGHS = 20_000.0  # tokens
_WORDS = {
    "load": "loading the model",
    "capture": "reading every neuron on the probe sentences",
    "expertise": "ranking the neurons",
    "embed_pre": "embedding the sentences, before",
    "embed_post": "embedding the sentences, after",
    "measure": "measuring retrieval and distance",
    "projection": "drawing the map",
}


def default_cache() -> Path:
    """Where artefacts are kept: ``$LANGUAGE_NEURONS_CACHE``, or the ``cache`` folder of the project."""
    return Path(os.environ.get("LANGUAGE_NEURONS_CACHE") or Path(__file__).resolve().parent.parent / "cache")


class Engine:
    """Runs experiments over one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._models: dict[ResolvedModel, LoadedModel] = {}
        self._loading = threading.Lock()
        self._ran: dict[str, tuple[float, float]] = {}  # tokens and seconds so far, by model digest
        self._warm: threading.Thread | None = None

    def known(self, experiment: Experiment) -> Result | None:
        """The result if it can be had without computing anything, else None."""
        return self.answer_known(experiment, Run.result)

    def answer(self, experiment: Experiment, question: Callable[[Run], T], progress: Progress | None = None) -> T:
        """Answer a question about an experiment from its stages, computing what is missing.

        Parameters
        ----------
        question : callable
            Reads what it needs from a `Run`; asked again where an artefact turned out to be damaged.

        Raises
        ------
        AskError, Cancelled
        """
        bound = plan(experiment)
        return self._retried(lambda: question(Run(self, bound, progress or Progress())))

    def answer_known(self, experiment: Experiment, question: Callable[[Run], T]) -> T | None:
        """The same if it can be had without computing anything, else None."""
        try:
            return question(Run(self, plan(experiment), Progress(), only_cached=True))
        except (NotCached, DamagedArtefact):
            return None

    def holds(self, result: Result) -> bool:
        """Whether a result's model and sentences are still what they were when it was computed."""
        return plan(result.plan.experiment) == result.plan

    def experts(self, experiment: Experiment, progress: Progress | None = None) -> tuple[Plan, Experts]:
        """Find the experts alone, best first."""
        return self.answer(experiment, lambda run: (run.plan, run.experts()), progress)

    def run(self, experiment: Experiment, progress: Progress | None = None) -> Result:
        """Run an experiment; whatever the store has is not computed again.

        Raises
        ------
        AskError
            If it cannot be; everything that is known beforehand is refused before any work.
        Cancelled
            If the progress report raised it; finished languages are kept.
        """
        return self.answer(experiment, Run.result, progress)

    def estimate(self, experiment: Experiment) -> dict[str, float]:
        """Seconds that each stage is expected to take now, by stage; 0 where the store has it."""
        return Run(self, plan(experiment), Progress()).expected()

    def model(self, resolved: ResolvedModel) -> LoadedModel:
        """The loaded model; one is kept in memory."""
        with self._loading:
            if resolved not in self._models:
                self._models.clear()
                self._models[resolved] = load(resolved, self.store)
            return self._models[resolved]

    def is_loaded(self, resolved: ResolvedModel) -> bool:
        """Whether the model is in memory."""
        return resolved in self._models

    def pace(self, resolved: ResolvedModel, n_parameters: int) -> float:
        """Tokens a second: guessed from the model's size, and the more it has run in this process, as measured."""
        rate = 2e13 if resolved.device != "cpu" else 2e11
        guess = rate / (0.75 * n_parameters)
        tokens, seconds = self._ran.get(resolved.digest, (0.0, 0.0))
        # A short run says little (it may have shared the machine with a compilation): the guess counts as much as this.
        return (tokens + _GUESS_WEIGHS) / (seconds + _GUESS_WEIGHS / guess)

    def measured(self, resolved: ResolvedModel, tokens: float, seconds: float) -> None:
        """Remember how fast the model ran."""
        before = self._ran.get(resolved.digest, (0.0, 0.0))
        self._ran[resolved.digest] = (before[0] + tokens, before[1] + seconds)

    def _retried(self, work: Callable[[], T]) -> T:
        """Do again what met an artefact that vanished, or was found damaged and removed, between two stages."""
        tries = 2
        while True:
            known = set(self.store.damaged)
            try:
                return work()
            except (NotCached, DamagedArtefact):
                # A try that found other damage than before has removed it: that is headway, however often.
                tries -= set(self.store.damaged) <= known
                if tries < 0:
                    raise

    def warm_up(self) -> None:
        """Compile the projection's kernels in the background, beside the model's conversion and passes."""
        if self._warm is None:
            self._warm = threading.Thread(target=projection.warm_up, name="warm-up", daemon=True)
            self._warm.start()


class Run:
    """One pass through the stages of one experiment; what a question to the engine reads from.

    Attributes
    ----------
    plan : Plan
    stages : Stages
        Responses, expertise, embeddings.
    measures : Measures
        What is measured of both spaces.
    only_cached : bool
        Whether `NotCached` is raised instead of computing.
    """

    def __init__(self, engine: Engine, bound: Plan, progress: Progress, only_cached: bool = False) -> None:
        self.engine, self.plan, self.progress = engine, bound, progress
        self.only_cached = only_cached
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.computed: list[str] = []
        self.stages = Stages(bound, engine.store, self.model, self._advance, only_cached)
        self.measures = Measures(self.stages)
        self._tokens = 0

    def spaces(self) -> tuple[Experts, Intervention]:
        """Make sure that both spaces are embedded; gives the experts and what leads from one space to the other."""
        if not self.only_cached:
            self._announce()
        experts = self.experts()
        intervention = self.stages.intervention(experts)
        self._embed("embed_pre", None)
        self._embed("embed_post", intervention)
        return experts, intervention

    def further(self, spaces: Mapping[str, Intervention]) -> None:
        """Embed more spaces than the experiment's two, side by side, each by its name in the progress report.

        The two are there already (see `spaces`); what of these is stored is not computed again.
        """
        missing = {name: self.stages.missing_embeddings(space) for name, space in spaces.items()}
        wanted = {name: lists for name, lists in missing.items() if lists}
        if not wanted:
            return
        if self.only_cached:
            raise NotCached("embeddings")
        title = "embedding the sentences, " + ", ".join(wanted)
        texts = [self.plan.groups[g].texts[code] for lists in wanted.values() for g, code in lists]
        pace = self.engine.pace(self.plan.resolved, self.plan.outline.n_parameters)
        self.progress.plan({title: sum(map(_tokens, texts)) / pace})
        tokens = self._count(texts)
        self.model()
        self.progress.stage(title, tokens)
        start = time.perf_counter()
        self.stages.embed([spaces[name] for name in wanted])
        self.engine.measured(self.plan.resolved, tokens, time.perf_counter() - start)

    def result(self) -> Result:
        """Everything that is measured of the experiment."""
        experts, intervention = self.spaces()
        with self._timed("measure"):
            (pairs_pre, medoid_pre), (pairs_post, medoid_post) = map(self.measures.layer_measures, (None, intervention))
            pairs = merge_spaces(pairs_pre, pairs_post, ["group", "query", "candidate", "n"])
            medoid = merge_spaces(medoid_pre, medoid_post, ["language"])
            layers = merge_spaces(self.measures.profile(None), self.measures.profile(intervention), ["layer"])
        with self._timed("projection"):
            maps = self.measures.projection(intervention)
        self.progress.finish()
        return Result(
            plan=self.plan,
            experts=experts,
            pairs=pairs,
            medoid=medoid.rename(columns={"to_medoid_pre": "pre", "to_medoid_post": "post"}),
            layers=layers,
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
        pace = self.engine.pace(self.plan.resolved, shape.n_parameters)
        probe = stages.missing_responses() if stages.needs_samples() or not stages.has_expertise() else []
        pre = stages.missing_embeddings(None)
        # What the experts are is not known before the ranking, nor then whether the post side is stored.
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
        if self.engine.is_loaded(resolved):
            return 0.0
        if resolved.name == EMBEDDED:
            return 6.0 if is_converted(self.engine.store) else 45.0
        return 4.0 + self.plan.outline.n_parameters * 4 / 5e8

    def _announce(self) -> None:
        expected = self.expected()
        self.progress.plan({_WORDS[name]: seconds for name, seconds in expected.items()})

    def _capture(self) -> None:
        if self.stages.has_expertise() and not self.stages.needs_samples():
            return
        missing = self.stages.missing_responses()
        if missing and self.only_cached:
            raise NotCached("responses")
        tokens = self._count([self.plan.probe.texts[code] for code in missing])
        with self._passing("capture", tokens):
            for code in missing:
                self.stages.capture(code)

    def _embed(self, stage: str, intervention: Intervention | None) -> None:
        missing = self.stages.missing_embeddings(intervention)
        if missing and self.only_cached:
            raise NotCached("embeddings")
        tokens = self._count([self.plan.groups[g].texts[code] for g, code in missing])
        with self._passing(stage, tokens):
            if missing:
                self.stages.embed([intervention], lambda seen: self._estimate(intervention, seen))

    def _estimate(self, intervention: Intervention | None, seen: Seen) -> None:
        """Publish what the sentences so far say, as soon as there are two spaces to compare."""
        if intervention is None:
            return
        pre, post = {}, {}
        for g, rows in seen.rows.items():
            pre[g] = self.stages.embeddings(g, None, self.plan.layer)[:, rows]
            parts = [
                seen.layer[g, code] if (g, code) in seen.layer else self.stages.rows_of(g, code, intervention, rows)
                for code in self.plan.groups[g].languages
            ]
            known = [part for part in parts if part is not None]
            if len(known) == len(parts):
                post[g] = np.stack(known)
        self.progress.partial = estimate(self.plan, pre, post) or self.progress.partial

    def _count(self, texts: list[tuple[str, ...]]) -> int:
        return sum(self.stages.tokens(sentences).n_tokens for sentences in texts)

    def model(self) -> LoadedModel:
        """The loaded model; loading it takes a stage of its own."""
        resolved = self.plan.resolved
        if self.engine.is_loaded(resolved):
            return self.engine.model(resolved)
        with self._timed("load", computes=True):
            model = self.engine.model(resolved)
        self.engine.warm_up()  # only now: converting the embedded model keeps both cores busy
        return model

    @contextmanager
    def _timed(self, stage: str, computes: bool = False) -> Iterator[None]:
        if computes:
            self.computed.append(stage)
        if not self.only_cached:
            self.progress.stage(_WORDS[stage])
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
        self.progress.stage(_WORDS[stage], tokens)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start
        self.engine.measured(self.plan.resolved, tokens, self.seconds[stage])

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
        shown = sum(n * len(g.languages) for n, g in zip(self.measures.shown(), self.plan.groups, strict=True))
        if shown < points:
            notes.append(f"The map shows {shown:,} of {points:,} sentences; every number is computed from all of them.")
        return (*self.plan.notes, *notes)


def _tokens(sentences: tuple[str, ...]) -> float:
    """A guess at the number of tokens, from bytes: close enough for an estimate of time."""
    return sum(len(text.encode()) / 4.5 + 1 for text in sentences)
