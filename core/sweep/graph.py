"""The graph of a sweep's tasks: what must be done for some cells, each thing once, and what needs what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from core.errors import AskError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.models import hub
from core.pipeline.engine import Engine
from core.pipeline.run import Run, guessed_tokens
from core.progress import Progress
from core.store.files import DamagedArtefact, digest
from core.store.stage import NotCached
from core.sweep.cells import ALL_MEASURES, CellAnalysis
from core.sweep.tasks import CAPTURE, CELL, RANK, SPACE, Task, commits_of, ground

_RESPONSE_BYTES = {"float32": 4}  # of one response; other precisions have two
_RANKING = 3e-8  # seconds to rank one response
_FLOPS, _MOMENT = 3e10, 0.3  # of measuring a space, a second, and seconds that it takes at least


@dataclass(frozen=True)
class Graph:
    """The tasks of a sweep.

    Attributes
    ----------
    tasks : tuple of Task
        Each after those that it needs.
    cells : mapping of Experiment to str
        The key of the task that measures a cell, for those that are to be measured.
    known : mapping of Experiment to object
        The answers of cells that are measured already.
    refused : mapping of Experiment to AskError
        Cells that cannot be, and why.
    begun : float
        When it began to be made, by `time.monotonic`: what it found in the store is needed since.
    """

    tasks: tuple[Task, ...]
    cells: dict[Experiment, str]
    known: dict[Experiment, Any]
    refused: dict[Experiment, AskError]
    begun: float = field(default_factory=time.monotonic, compare=False)

    def needed(self, cells: Iterable[Experiment]) -> list[Task]:
        """The tasks that some of the cells need, each once."""
        by_key = {task.key: task for task in self.tasks}
        found: dict[str, Task] = {}
        keys = [self.cells[cell] for cell in cells if cell in self.cells]
        while keys:
            key = keys.pop()
            if key in by_key and key not in found:
                found[key] = by_key[key]
                keys += found[key].needs
        return list(found.values())


def build(engine: Engine, settings: Sequence[Experiment], keep: str, asked: CellAnalysis = ALL_MEASURES) -> Graph:
    """Make the graph of some cells; reads the store, and computes nothing but what takes a moment.

    Parameters
    ----------
    keep : str
        A name in `core.sweep.keep.KEEP`.
    asked : CellAnalysis
        What is asked of every cell.
    """
    begun = time.monotonic()
    tasks: dict[str, Task] = {}
    made: dict[Experiment, str] = {}
    known: dict[Experiment, Any] = {}
    refused: dict[Experiment, AskError] = {}
    guess = lru_cache(guessed_tokens)  # cells share their sentences
    with hub.holding():  # what is pushed while this goes on is another model
        for experiment in settings:
            try:
                run = Run(engine.plan(experiment), engine.models, Progress(), only_cached=True)
                answer = _known(run, asked)  # where there is a ranking, this may find that no neuron meets a bound
                own = [] if answer is not None else _Cell(run, experiment, keep, asked, guess).tasks()
            except AskError as error:
                refused[experiment] = error
                continue
            if answer is not None:
                known[experiment] = answer
                continue
            for task in own:
                tasks.setdefault(task.key, task)
                made[experiment] = task.key  # the last is the cell's own
    return Graph(tuple(tasks.values()), made, known, refused, begun)


def _known(run: Run, asked: CellAnalysis) -> Any | None:
    try:
        return asked.read(run)
    except (NotCached, DamagedArtefact):
        return None


class _Cell:
    """The tasks that one cell needs."""

    def __init__(
        self,
        run: Run,
        experiment: Experiment,
        keep: str,
        asked: CellAnalysis,
        guess: Callable[[tuple[str, ...]], float],
    ) -> None:
        self.run, self.plan, self.stages, self._guess = run, run.plan, run.stages, guess
        self.base = Task(
            CELL,
            experiment,
            "",
            ground=ground(run.plan),
            commits=tuple(commits_of(run.plan).items()),
            keep=keep,
            asked=asked,
        )
        self.pace = run.models.pace(self.plan.resolved, self.plan.outline.n_parameters)

    def tasks(self) -> list[Task]:
        """In order, the cell's own last."""
        captures = self._captures()
        keys = tuple(task.key for task in captures)
        rank = self._rank(keys)
        before = keys if rank is None else (rank.key,)
        spaces = self._spaces(before)
        cell = replace(
            self.base,
            key=f"{CELL}-{digest(self.base.experiment.to_dict())}",
            # The unmodified space needs no ranking, and a cell of strength 0 does.
            needs=tuple(dict.fromkeys((*(space.key for space in spaces), *before))),
            tokens=(tokens := self.base.asked.tokens(self.plan)),
            seconds=_measuring(self.plan, self.base.asked.layers) + tokens / self.pace,
        )
        return [*captures, *([] if rank is None else [rank]), *spaces, cell]

    def _captures(self) -> list[Task]:
        if self.stages.has_expertise() and not self.stages.needs_samples():
            return []
        rows = self.plan.response_rows
        width = _RESPONSE_BYTES.get(self.plan.resolved.dtype, 2)
        return [
            replace(
                self.base,
                kind=CAPTURE,
                key=f"{CAPTURE}-{digest(self.stages.responses_spec(code))}",
                language=code,
                sentences=len(rows),
                nbytes=(nbytes := self.plan.outline.neurons.total * len(rows) * width),
                kept=nbytes,
                tokens=(tokens := self._guess(rows.texts[code])),
                seconds=tokens / self.pace,
            )
            for code in self.stages.missing_responses()
        ]

    def _rank(self, needs: tuple[str, ...]) -> Task | None:
        if self.stages.has_expertise():
            return None
        probe = self.plan.probe
        total = self.plan.outline.neurons.total
        return replace(
            self.base,
            kind=RANK,
            key=f"{RANK}-{digest(self.stages.expertise_spec())}",
            needs=needs,
            nbytes=(nbytes := 8 * total * len(probe.languages)),
            kept=nbytes,
            seconds=_RANKING * total * len(probe) * len(probe.languages),
        )

    def _spaces(self, needs: tuple[str, ...]) -> list[Task]:
        spaces = []
        pre = digest({"space": self.stages.space_spec(None)})
        if self._lacks_pre():
            spaces.append(self._space(f"{SPACE}-{pre}", (), modified=False))
        if self.base.experiment.strength:
            # Which neurons are held, and so what the space is, is not known before they are ranked.
            settings = replace(self.base.experiment, layer="last").to_dict()
            spaces.append(self._space(f"{SPACE}-{digest(settings)}", needs, modified=True))
        return spaces

    def _lacks_pre(self) -> bool:
        missing = self.stages.missing_embeddings(None)
        asked = self.base.asked
        return bool(missing) and not self.run.measures.are_stored(None, asked.layers, asked.sentences)

    def _space(self, key: str, needs: tuple[str, ...], *, modified: bool) -> Task:
        lists = [texts for group in self.plan.groups for texts in group.texts.values()]
        tokens, sentences = sum(map(self._guess, lists)), sum(map(len, lists))
        outline = self.plan.outline
        layer = 4 * outline.hidden_size * sentences
        nbytes = layer * (outline.n_layers + 1)
        return replace(
            self.base,
            kind=SPACE,
            key=key,
            needs=needs,
            modified=modified,
            sentences=sentences,
            nbytes=nbytes,
            kept={"measures": 0, "layer": layer, "embeddings": nbytes}[self.base.keep],
            tokens=tokens,
            seconds=tokens / self.pace,
        )


def _measuring(plan: Plan, layers: bool) -> float:
    """Seconds that measuring the space after takes: products of all sentences with all, by pair of languages."""
    flops = 0.0
    for group in plan.groups:
        pairs = len(group.languages) ** 2 + layers * (plan.outline.n_layers + 1) * len(group.languages)
        flops += 4.0 * pairs * len(group) ** 2 * plan.outline.hidden_size
    return _MOMENT + flops / _FLOPS
