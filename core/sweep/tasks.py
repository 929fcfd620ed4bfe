"""The tasks of a sweep: what is done once for many cells, and by whom it is shared.

A task is a question to an engine (`core.pipeline.backend.Question`), so whatever answers questions does tasks: this
process, a child, a worker of a cluster. What a task makes lies in the store, where the next finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.cluster.version import stages
from core.errors import ModelError
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.models import hub
from core.pipeline.engine import Engine
from core.pipeline.run import Run
from core.progress import Progress
from core.store.files import digest
from core.sweep.cells import ALL_MEASURES, CellAnalysis
from core.version import __version__


@dataclass(frozen=True)
class Kind:
    """One kind of task.

    Attributes
    ----------
    name : str
    title : str
        For lists, in words.
    of : str
        What there is one task for.
    needs : tuple of str
        Kinds whose tasks come before it.
    rank : int
        Of several that could begin, the lowest begins first: captures, since most waits for them; a cell before the
        next space, so that few spaces lie on the disk at once.
    passes : bool
        Whether it takes passes of the model.
    work : callable
        Does a task, in a run of its experiment.
    """

    name: str
    title: str
    of: str
    needs: tuple[str, ...]
    rank: int
    passes: bool
    work: Callable[[Task, Run], Any]


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes
    ----------
    kind : str
        A name in `KINDS`.
    experiment : Experiment
        A cell that needs it; others that need the same share it.
    key : str
        Unique in a graph.
    needs : tuple of str
        Keys of the tasks that come before it.
    ground : str
        Digest of the model, the sentences and the program: a worker that has others refuses.
    commits : tuple of (str, str)
        By id, the commit of a model of the hub that was planned with; its owner may push another meanwhile.
    language : str
        Of a capture.
    modified : bool
        Of a space: whether it is the one after the intervention.
    keep : str
        A name in `core.sweep.keep.KEEP`.
    asked : CellAnalysis
        What is asked of cells; spaces are embedded for that.
    sentences, nbytes, kept : int
        That pass through the model; bytes that it stores, and those of them that stay.
    tokens, seconds : float
        Expected.
    """

    kind: str
    experiment: Experiment
    key: str
    needs: tuple[str, ...] = ()
    ground: str = ""
    commits: tuple[tuple[str, str], ...] = ()
    language: str = ""
    modified: bool = False
    keep: str = "embeddings"
    asked: CellAnalysis = ALL_MEASURES
    sentences: int = 0
    nbytes: int = 0
    kept: int = 0
    tokens: float = 0.0
    seconds: float = 0.0

    def known(self, engine: Engine) -> Any | None:
        """The answer of a cell, if that takes only a moment; of other tasks nothing is known but by doing them."""
        if self.kind != CELL:
            return None
        with hub.holding(dict(self.commits)):
            return engine.answer_known(self.experiment, self.asked.read)

    def estimate(self, engine: Engine) -> float:  # noqa: ARG002 - a task was estimated when it was made
        """Seconds that it is expected to take."""
        return self.seconds

    def run(self, engine: Engine, progress: Progress) -> Any:
        """Do it, unless what it makes is there.

        Raises
        ------
        AskError
            If it cannot be done here; above all if the model or the sentences are others than those that were planned.
        Cancelled
        """
        with hub.holding(dict(self.commits)):
            return engine.answer(self.experiment, self._work, progress)

    def lock(self, engine: Engine) -> tuple[str, dict[str, Any]] | None:
        """The lock that another process holds while it does the same; None where none is needed, or it is not known."""
        with hub.holding(dict(self.commits)):
            return engine.answer_known(self.experiment, self._lock)

    def _work(self, run: Run) -> Any:
        if self.ground and ground(run.plan) != self.ground:
            raise ModelError(
                f"compute {self.experiment.model} on {self.experiment.corpus} here",
                "this machine has another model, other sentences or another version of the program than the one that "
                "planned the sweep",
                "Give all machines the same folders and the same version, and start the sweep again.",
            )
        run.stages.passing = self.keep != "embeddings"
        return KINDS[self.kind].work(self, run)

    def _lock(self, run: Run) -> tuple[str, dict[str, Any]] | None:
        if self.kind == CAPTURE:
            return "responses", run.stages.responses_spec(self.language)
        if self.kind == RANK:
            return "expertise", run.stages.expertise_spec()
        if self.kind == SPACE:
            return "rounds", {"space": run.stages.space_spec(run.intervention() if self.modified else None)}
        return None


def commits_of(plan: Plan) -> dict[str, str]:
    """The commit of a plan's model by its id, where that is of the hub."""
    resolved = plan.resolved
    return {resolved.location: resolved.revision} if hub.is_commit(resolved.revision) else {}


def ground(plan: Plan) -> str:
    """Digest of the model and the sentences of a plan, and of the program: a worker that starts anew may be another."""
    sentences = [plan.corpus.digest, plan.probe_corpus.digest]
    program = {"version": __version__, "stages": stages()}
    return digest({"model": plan.resolved.identity, "sentences": sentences, "program": program})


def _capture(task: Task, run: Run) -> None:
    run.capture(task.language)


def _rank(_: Task, run: Run) -> None:
    run.experts()


def _space(task: Task, run: Run) -> None:
    run.embed(run.intervention() if task.modified else None, task.asked.layers, task.asked.sentences)


def _cell(task: Task, run: Run) -> Any:
    answer = task.asked.read(run)
    if task.keep != "embeddings" and task.experiment.strength:
        run.stages.drop_passing(run.intervention(), keep_layer=task.keep == "layer")
    return answer


CAPTURE, RANK, SPACE, CELL = "capture", "rank", "space", "cell"

KINDS = {
    kind.name: kind
    for kind in (
        Kind(CAPTURE, "reading neurons", "a model and a language", (), 0, True, _capture),
        Kind(RANK, "ranking neurons", "a model and its probe", (CAPTURE,), 1, False, _rank),
        Kind(SPACE, "embedding spaces", "a model and an intervention", (RANK,), 3, True, _space),
        Kind(CELL, "measuring cells", "a setting", (SPACE,), 2, False, _cell),
    )
}
"""Every kind of task by name, in the order in which they need each other."""
