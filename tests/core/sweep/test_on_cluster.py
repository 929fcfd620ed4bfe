"""A sweep's tasks on workers that refuse them and are lost, with a pool that only says so."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, cast

from core.cluster.pool import Member, Pool
from core.cluster.worker import MessageBuffer
from core.errors import CorpusError, as_parts
from core.experiment.settings import Experiment
from core.pipeline.backend import LocalBackend
from core.pipeline.engine import Engine
from core.pipeline.worker import ReportedProgress, outcome
from core.progress import Progress, Snapshot
from core.serialisation import encode
from core.sweep import graph, run
from core.sweep.local import NOTHING_FREE
from core.sweep.on_cluster import ClusterRunner
from core.sweep.tasks import CAPTURE


class OneIsLost:
    """Two workers: the first refuses everything, the second is lost at the first task that it is given."""

    def __init__(self) -> None:
        self.members = [Member(number, None, host=f"host-{number}") for number in range(2)]

    def idle(self) -> Iterator[Member]:
        return (member for member in self.members if member.running is None)

    def ask(self, member: Member, request: Any, _: Progress) -> None:
        member.running = request

    def ended(self, _: float) -> list[tuple[Member, dict[str, Any]]]:
        busy = [member for member in self.members if member.running is not None]
        assert busy, "it looks for outcomes where nothing runs"
        refused = as_parts(CorpusError("corpus", "it is not on this machine", "Copy it."))
        outcomes: list[tuple[Member, dict[str, Any]]] = []
        for member in busy:
            member.running = None
            if member.number:
                self.members.remove(member)
            outcomes.append((member, {"lost": True} if member.number else {"refused": refused}))
        return outcomes

    def stop(self, _: float) -> None:
        """None works."""


def test_what_all_that_are_left_refused_fails(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    runner = ClusterRunner(cast(Pool, OneIsLost()))
    outcome = run.sweep(engine, [replace(asked, languages=("en", "ja"))], "measures", tmp_path / "c", runner=runner)
    (why,) = set(outcome.failures.values())
    assert "it is not on this machine" in why


class Willing(OneIsLost):
    """One worker, which does what it is asked in this process."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.members = self.members[:1]
        self.engine, self.asked = engine, list[str]()

    def ended(self, _: float) -> list[tuple[Member, dict[str, Any]]]:
        (member,) = self.members
        if member.running is None:
            return []
        task, member.running = member.running, None
        self.asked.append(task.language)
        ended, sound = outcome(LocalBackend(self.engine), encode(task), ReportedProgress(MessageBuffer(), Event()))
        return [(member, {**ended, "sound": sound, "state": self.engine.models.state(), "damaged": []})]


def test_what_another_process_is_at_is_put_off(asked: Experiment, engine: Engine, tmp_path: Path) -> None:
    """The captures of two languages are held by somebody else until all else has been asked for."""
    cells = [replace(asked, languages=("en", "ja"), seed=8)]
    made = graph.build(engine, cells, "measures")
    captures = [task for task in made.tasks if task.kind == CAPTURE]
    held, other = ExitStack(), ThreadPoolExecutor(1)  # a thread has its own locks, as a process does
    for task in captures[:-1]:
        lock = task.lock(engine)
        assert lock is not None
        assert other.submit(held.enter_context, engine.store.lock(*lock, wait=False)).result()
    waited = list[str]()

    def let_go(snapshot: Snapshot) -> None:
        waited.append(snapshot.stage)
        if NOTHING_FREE.stage in snapshot.stage:
            other.submit(held.close).result()

    pool = Willing(engine)
    table = tmp_path / "c"
    runner = ClusterRunner(cast(Pool, pool))
    outcome_of_all = run.sweep(engine, cells, "measures", table, runner=runner, report=let_go, graph=made)
    assert outcome_of_all.failures == {}
    assert pool.asked[0] == captures[-1].language
    assert any(NOTHING_FREE.stage in stage for stage in waited)
