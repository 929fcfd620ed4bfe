"""A cluster of two workers on this machine: the same bits as without one, whatever dies in the middle."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from core.cluster.backend import ClusterBackend as Backend
from core.cluster.connection import Cluster, connected
from core.cluster.pool import RETRIES, Pool
from core.cluster.worker import Worker
from core.errors import ComputeError, CorpusError
from core.experiment.settings import Experiment
from core.pipeline import messages
from core.pipeline.engine import Engine
from core.progress import Cancelled, Progress, Snapshot
from core.store.store import Store
from core.sweep import run
from core.sweep.on_cluster import ClusterRunner
from core.sweep.settings import Sweep
from dashboard.work.questions import CellQuestion
from tests.helpers.bench import LONG, until


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with connected("", cores=2) as joined:
        yield joined


def next_ended(pool: Pool, what: str) -> tuple[Any, dict[str, Any]]:
    """Wait for the next request to end: the worker that was asked, and what it said."""
    ended: list[tuple[Any, dict[str, Any]]] = []
    until(lambda: ended.extend(pool.ended(0.2)) or ended, f"{what} ends")
    return ended[0]


def pids(pool: Pool) -> list[int]:
    return [about["pid"] for about in pool.ray.get([member.actor.about.remote() for member in pool.members])]


def test_a_sweep_whose_worker_is_killed_gives_the_bits_of_one_without_a_cluster(
    asked: Experiment, cluster: Cluster, tmp_path: Path
) -> None:
    cells = Sweep(asked, (asked.model,), ("ja", "es"), ("set-mean",), (10,), (0.0, 0.5, 1.0)).cells()
    alone = run.sweep(Engine(Store(tmp_path / "alone")), cells, "measures", tmp_path / "alone.parquet")

    engine = Engine(Store(tmp_path / "shared"))
    pool = Pool(cluster, engine.store.root, cluster.places(0, 2))
    workers = pids(pool)
    assert len(set(workers)) == 2
    seen: list[Snapshot] = []

    def kill_one(snapshot: Snapshot) -> None:
        seen.append(snapshot)
        if snapshot.fraction > 0.2 and psutil.pid_exists(workers[0]):
            psutil.Process(workers[0]).kill()
            psutil.Process(workers[0]).wait()

    outcome = run.sweep(
        engine, cells, "measures", tmp_path / "cells.parquet", runner=ClusterRunner(pool), report=kill_one
    )
    assert not outcome.failures
    assert workers[0] not in pids(pool)
    assert outcome.table.read_bytes() == alone.table.read_bytes()
    assert not engine.store.entries("embeddings")
    fractions = [snapshot.fraction for snapshot in seen]
    assert fractions == sorted(fractions)

    # Stopped, it lets the workers stop; begun again, it goes on to the same table.
    more = [replace(cell, score="ap") for cell in cells[:3]]

    def stop(snapshot: Snapshot) -> None:
        if snapshot.fraction > 0.1:
            raise Cancelled

    runner: Any = ClusterRunner(pool)
    with pytest.raises(Cancelled):
        run.sweep(engine, more, "measures", tmp_path / "more.parquet", runner=runner, report=stop)
    assert all(member.running is None for member in pool.members)
    begun = run.sweep(engine, more, "measures", tmp_path / "more.parquet", runner=ClusterRunner(pool))
    assert begun.measured == len(more)
    pool.close()


def test_a_worker_whose_model_lost_a_process_starts_it_anew(
    asked: Experiment, cluster: Cluster, tmp_path: Path
) -> None:
    cells = [replace(asked, languages=("en", "ja"))]
    alone = run.sweep(Engine(Store(tmp_path / "alone")), cells, "measures", tmp_path / "alone.parquet")
    engine = Engine(Store(tmp_path / "shared"), ranks=2)
    pool = Pool(cluster, engine.store.root, cluster.places(0, 1), ranks=2)
    (worker,) = pids(pool)
    killed: list[int] = []

    def kill_one(_: Snapshot) -> None:
        ranks = [child for child in psutil.Process(worker).children() if "core.inference.rank" in child.cmdline()]
        if len(ranks) == 2 and not killed:
            killed.append(ranks[1].pid)
            ranks[1].kill()

    outcome = run.sweep(
        engine, cells, "measures", tmp_path / "cells.parquet", runner=ClusterRunner(pool), report=kill_one
    )
    assert killed
    assert not outcome.failures
    assert pids(pool) == [worker]
    assert not psutil.pid_exists(killed[0])
    here, there = (pd.read_parquet(table.table).select_dtypes("number") for table in (alone, outcome))
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-5)
    pool.close()


def test_the_dashboards_jobs_run_there(
    asked: Experiment, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.address == ""
    backend = Backend(Engine(Store(tmp_path / "cache")), "")
    asked = replace(asked, experts=12)
    seen: list[Snapshot] = []
    assert backend.known(CellQuestion(asked)) is None
    found = backend.run(CellQuestion(asked), Progress(seen.append))
    assert (
        found
        == backend.known(CellQuestion(asked))
        == Engine(Store(tmp_path / "alone")).answer(asked, CellQuestion.question)
    )
    assert {"done"} < {snapshot.stage for snapshot in seen}
    result = backend.run(asked, Progress())
    assert backend.holds(result)

    with pytest.raises(CorpusError) as refused:
        backend.run(replace(asked, corpus="table:nowhere.tsv"), Progress())
    assert refused.value.instead

    def stop(_: Snapshot) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        backend.run(CellQuestion(replace(asked, experts=13)), Progress(stop))
    assert backend.run(CellQuestion(replace(asked, experts=14)), Progress()) is not None
    assert "Ray on this machine" in backend.about()

    assert backend._pool is not None
    with pytest.raises(ComputeError, match="has not answered"):
        backend._pool._give_up(backend._pool.members[0])
    assert "the next job starts a worker" in backend.about()
    assert backend.run(CellQuestion(replace(asked, experts=15)), Progress()) is not None

    def gone(*_: object) -> None:
        raise ConnectionError("Client is shutting down.")  # as Ray's client does once the cluster has gone

    assert backend._pool is not None
    monkeypatch.setattr(backend._pool, "ask", gone)
    with pytest.raises(ComputeError, match="shutting down"):
        backend.run(CellQuestion(replace(asked, experts=16)), Progress())
    assert "the next job starts a worker" in backend.about()
    assert backend.run(CellQuestion(replace(asked, experts=16)), Progress()) is not None
    backend.close()


def test_workers_that_have_a_cache_of_their_own_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    apart = Pool(cluster, tmp_path / "shared", cluster.places(0, 1))
    try:
        (tmp_path / "elsewhere").mkdir()
        with pytest.raises(ComputeError, match=r"the folder .*elsewhere of .* is another one than this machine's"):
            apart._check_cache(tmp_path / "elsewhere")
        assert list((tmp_path / "elsewhere").iterdir()) == []
        apart._check_cache(tmp_path / "shared")
    finally:
        apart.close()


def test_a_driver_that_stood_still_gives_nobody_up(asked: Experiment, cluster: Cluster, tmp_path: Path) -> None:
    """Its clock says that nobody has answered for an hour; they would, if they were asked."""
    pool = Pool(cluster, Engine(Store(tmp_path / "cache")).store.root, cluster.places(0, 2))
    for member, experts in zip(pool.members, (21, 22), strict=True):
        pool.ask(member, CellQuestion(replace(asked, experts=experts)), Progress())
    for member in pool.members:
        member._heard_at -= 3600
    ended = []
    while len(ended) < 2:
        ended += pool.ended(0.25)
    assert [sorted(message) for _, message in ended if "lost" in message] == []
    assert all("done" in message for _, message in ended)
    pool.close()


def test_a_request_that_was_stopped_or_hangs_is_not_done_by_the_worker_that_starts_in_its_place(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"

    class Deaf(Worker):
        """Does not hear that its first request is stopped; says nothing about its third, and does not end it."""

        def __init__(self, *_: Any) -> None:
            self._one, self._stops = threading.Lock(), {}

        def _why_not_shared(self) -> str:  # it has no cache, and so no shared store
            return ""

        def run(self, number: int, _: Any) -> dict[str, Any]:
            with self._one:
                begun.touch()
                time.sleep(10 * LONG if number in (1, 3) else 0)
                return {"sound": True, "number": number}

        def heard(self, _: int) -> list[Any]:
            return []

    monkeypatch.setattr("core.cluster.pool.Worker", Deaf)
    pool = Pool(cluster, tmp_path, cluster.places(0, 1))
    pool.ask(pool.members[0], None, Progress())
    until(begun.exists, "the first request begins")
    pool.stop(0.2)
    pool.ask(pool.members[0], None, Progress())
    assert next_ended(pool, "what waits behind the request that was stopped")[1]["number"] == 2

    monkeypatch.setattr(messages, "HANGS", 0.0)
    member = pool.members[0]
    pool.ask(member, None, Progress())
    hung, outcome = next_ended(pool, "the request that hangs")
    assert hung is member
    assert "said nothing" in outcome["failed"]
    monkeypatch.undo()
    pool.ask(member, None, Progress())
    assert next_ended(pool, "what waits behind the request that hung")[1]["number"] == 4
    pool.close()


def test_a_request_that_ends_every_worker_fails(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"

    class Doomed(Worker):
        """Dies of every request, once it has been heard."""

        def __init__(self, *_: Any) -> None:
            self._asked = threading.Semaphore(0)

        def _why_not_shared(self) -> str:  # it has no cache, and so no shared store
            return ""

        def run(self, *_: Any) -> dict[str, Any]:
            with begun.open("a", encoding="ascii") as marks:
                marks.write("x")
            self._asked.acquire()
            self._asked.acquire()  # the first answer has arrived then
            os._exit(1)

        def heard(self, _: int) -> list[Any]:
            self._asked.release()
            return []

    monkeypatch.setattr("core.cluster.pool.Worker", Doomed)
    pool = Pool(cluster, tmp_path, cluster.places(0, 1))
    pool.ask(pool.members[0], None, Progress())
    assert "its worker died" in next_ended(pool, "the request that ends its worker")[1]["failed"]
    assert begun.read_text(encoding="ascii") == "x" * (1 + RETRIES)
    pool.close()
