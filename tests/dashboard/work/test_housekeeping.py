"""The cache while the server runs: it is kept within its limit, and a job under way keeps what it began with."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from core.store.artefact import Payload
from core.store.store import Store
from dashboard.work.housekeeping import Housekeeping
from dashboard.work.queue import Jobs
from tests.helpers.bench import Bench, X, until


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
