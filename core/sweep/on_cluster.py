"""Does the tasks of a sweep on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from core.cluster.connection import Cluster
from core.cluster.pool import LOOK, PATIENCE, Member, Pool
from core.errors import AskError, in_one_line
from core.pipeline.backend import LocalBackend
from core.pipeline.engine import Engine
from core.pipeline.messages import Message, answer_of, note_state
from core.progress import Progress, Snapshot
from core.sweep.local import Listener, rest, take_free
from core.sweep.schedule import Schedule
from core.sweep.tasks import Task


class ClusterRunner:
    """A `core.sweep.run.Runner` over a pool of workers.

    Each takes the next task as soon as it is idle, of the model that it has loaded if there is one. What one worker
    refuses (it has no such corpus, other sentences) another tries; only what all refuse fails.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._models: dict[int, str] = {}  # by worker, the model it was last at
        self._refused: dict[int, dict[str, str]] = {}  # by worker, tasks that it refused, and why

    def __call__(self, engine: Engine, schedule: Schedule, listener: Listener) -> None:
        """Do all tasks; a failed one is reported, and the rest goes on.

        Raises
        ------
        Cancelled
            Where the listener raised it; the workers have stopped then.
        """
        self._schedule, self._listener = schedule, listener
        self._engine, self._here = engine, LocalBackend(engine)
        try:
            while not schedule.ended:
                waits = False
                for member in self.pool.idle():
                    waits |= self._give(member)
                if all(member.running is None for member in self.pool.members):
                    if waits:
                        rest(listener)
                    else:
                        self._fail_refused()
                for member, message in self.pool.ended(LOOK):
                    note_state(message, engine)
                    self._take(member, message)
        except BaseException:
            self.pool.stop(PATIENCE)
            raise

    def _give(self, member: Member) -> bool:
        """Have a worker do the next task that nobody else is at; gives whether others are at all that are left."""
        model, refused = self._models.get(member.number), self._refused.get(member.number, {})
        with ExitStack() as held:  # the lock is let go of: the worker takes it
            task = take_free(self._engine, self._schedule, model, held, refused)
        if task is None:
            return self._may_take(model, refused)
        self._models[member.number], member.taken = task.experiment.model, task

        def report(snapshot: Snapshot) -> None:
            self._listener.progressed(task, snapshot)

        self.pool.ask(member, task, Progress(report))
        return False

    def _may_take(self, model: str | None, without: Collection[str]) -> bool:
        """Whether there is a task to take, whoever is at it."""
        task = self._schedule.take(model, without)
        if task is not None:
            self._schedule.put_back(task)
        return task is not None

    def _fail_refused(self) -> None:
        """Fail what could begin and nobody took: every worker that is left refused it, and who had not is lost."""
        while (task := self._schedule.take()) is not None:
            whys = [self._refused.get(member.number, {}).get(task.key, "") for member in self.pool.members]
            self._fail(task, f"every worker that is left refused it: {next(filter(None, whys), 'none says why')}")

    def _take(self, member: Member, message: Message) -> None:
        task: Task = member.taken
        if "lost" in message:
            self._schedule.put_back(task)
            return
        try:
            answer = answer_of(task, message, self._here)
        except AskError as error:
            why = f"{error} (on {member.host})"
            self._refused.setdefault(member.number, {})[task.key] = why
            if all(task.key in self._refused.get(other.number, ()) for other in self.pool.members):
                self._fail(task, why)
            else:
                self._schedule.put_back(task)
        except Exception as error:
            self._fail(task, f"{in_one_line(error)} (on {member.host})")
        else:
            self._schedule.finish(task)
            self._listener.done(task, answer)

    def _fail(self, task: Task, why: str) -> None:
        self._listener.failed(self._schedule.fail(task, why), why)


@contextmanager
def workers(cluster: Cluster, root: Path, places: Sequence[dict[str, float]]) -> Iterator[ClusterRunner]:
    """Start workers over the cache in a folder, and end them afterwards.

    Parameters
    ----------
    places : sequence of mapping
        What each takes of the cluster, as `Cluster.places` gives it.

    Raises
    ------
    ComputeError
        As `core.cluster.pool.Pool`.
    """
    pool = Pool(cluster, root, places)
    try:
        yield ClusterRunner(pool)
    finally:
        pool.close()
