"""The cache while the server runs: it is kept within its limit, and a job under way keeps what it began with."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.store.artefact import Payload
from core.store.store import Store
from core.sweep import status
from core.sweep.status import Status
from dashboard.work.housekeeping import Housekeeping
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, X, Y, Z, ends, until


def test_an_active_job_keeps_what_it_looked_up(tmp_path: Path) -> None:
    store, bench = Store(tmp_path), Bench()
    jobs = Jobs(bench)
    keeper = Housekeeping(store, jobs, limit=0)
    needed, other = (store.put("layer", {"n": n}, Payload(arrays={"x": np.zeros(9)})) for n in range(2))
    job = jobs.submit("a visitor", X)
    bench.runs(X)
    os.utime(other.path, (time.time() - 3600,) * 2)
    assert keeper.round().artefacts == 1
    assert [entry.digest for entry in store.entries()] == [needed.digest]
    os.utime(needed.path, (time.time() - 60,) * 2)  # long ago for one who does not know when the job was asked
    assert keeper.round().artefacts == 0
    bench.finish(X)
    until(lambda: not job.active, "the job ends")
    os.utime(needed.path, (time.time() - 3600,) * 2)
    assert keeper.round().artefacts == 1
    assert store.entries() == []


def test_a_sweep_under_way_keeps_what_it_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keeper = Housekeeping(store, Jobs(Bench()), limit=0)
    needed, other = (store.put("layer", {"n": n}, Payload(arrays={"x": np.zeros(9)})) for n in range(2))
    running = Status("A sweep", "/out", "local", 4, 1, 0, 0.25, 60.0, "cell", elapsed=1800.0)
    status.write(tmp_path, "one", running)
    os.utime(needed.path, (time.time() - 1700,) * 2)
    os.utime(other.path, (time.time() - 3600,) * 2)
    assert keeper.round().artefacts == 1
    assert [entry.digest for entry in store.entries()] == [needed.digest]
    status.write(tmp_path, "one", replace(running, state=status.DONE))
    assert keeper.round().artefacts == 1


def test_a_job_that_only_waits_does_not_keep_the_cache_beyond_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bench = Store(tmp_path), Bench()
    jobs = Jobs(bench)
    keeper = Housekeeping(store, jobs, limit=0)
    store.put("layer", {"n": 0}, Payload(arrays={"x": np.zeros(9)}))
    first = jobs.submit("a visitor", X)
    bench.runs(X)
    waiting = jobs.submit("a visitor", Y, background=True)
    last = jobs.submit("another", Z)
    assert keeper.round().artefacts == 0
    bench.finish(X)
    bench.runs(Z)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)  # an hour later
    assert waiting.state == "waiting"
    assert keeper.round().artefacts == 1
    for job in (last, waiting):
        bench.finish(job.request)
    for job in (first, last, waiting):
        ends(job)
