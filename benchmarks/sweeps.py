"""What a sweep costs: on a cluster beside this process, with two workers beside one, and what it keeps on the disk.

How it would go with many workers is simulated: the tasks of a large sweep, each as long as this machine's measured
costs say, are done by as many workers as there are said to be, in the order of the product's own schedule.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.rows import Benchmark, NotRun, Target, Times, check
from benchmarks.setting import Setting
from core.cluster.connection import Cluster, connected
from core.errors import AskError
from core.experiment.settings import Experiment
from core.location import default_cache
from core.pipeline.engine import Engine
from core.store.artefact import Payload
from core.store.store import Store
from core.sweep import graph, local, on_cluster, run
from core.sweep.forecast import WRITING, simulate
from core.sweep.run import Runner
from core.sweep.settings import Sweep

SIZES = (1, 8, 64)
ROUNDS = 1  # a sweep takes minutes
_PUTS = 20
_BASE = Experiment(languages=("en", "es", "ja", "zh"), probe_sentences=60, eval_sentences=50)
# 24 cells: two targets, three numbers of experts, four strengths.
SWEEP = Sweep(_BASE, ("embedded",), ("ja", "es"), ("set-mean",), (500, 1000, 2000), (0.25, 0.5, 0.75, 1.0))
# As large as a study: 22 targets of which the corpus has 12, six numbers, five strengths; a machine's pace decides.
_LARGE = Sweep(
    Experiment(), ("embedded",), ("all",), ("set-mean",), (100, 200, 500, 1000, 2000, 5000), (0.2, 0.4, 0.6, 0.8, 1.0)
)


@contextmanager
def _cluster() -> Iterator[Cluster]:
    try:
        with connected("") as cluster:
            yield cluster
    except AskError as error:
        raise NotRun(str(error)) from error


def _cache(folder: Path) -> Path:
    """A cache that has the converted model and nothing else, as every worker finds it."""
    source = default_cache() / "model"
    if not source.exists():
        raise NotRun("the embedded model is not converted yet; open it once")
    folder.mkdir()
    (folder / "model").symlink_to(source.resolve())
    return folder


def _seconds(folder: Path, runner: Runner, engine: Engine, keep: str = "measures") -> float:
    """Seconds that the 24 cells take in an empty cache."""
    cells = SWEEP.cells()
    check(len(cells) == 24, f"there are {len(cells)} cells")
    start = time.perf_counter()
    outcome = run.sweep(engine, cells, keep, folder / "cells.parquet", runner=runner)
    check(not outcome.failures, f"cells failed: {outcome.failures}")
    return time.perf_counter() - start


def _on_workers(folder: Path, cluster: Cluster, workers: int, of: int) -> float:
    """The same with so many workers, each with its share of the cores as if there were ``of``."""
    engine = Engine(Store(_cache(folder)))
    with on_cluster.workers(cluster, engine.store.root, cluster.places(0, of)[:workers]) as runner:
        return _seconds(folder, runner, engine)


def _here(folder: Path) -> float:
    return _seconds(folder, local.run, Engine(Store(_cache(folder))))


def _against_local(_setting: Setting) -> tuple[float, str]:
    seconds: dict[str, list[float]] = {"cluster": [], "here": []}
    with tempfile.TemporaryDirectory() as name, _cluster() as cluster:
        for number in range(ROUNDS):
            seconds["here"].append(_here(Path(name) / f"here-{number}"))
            seconds["cluster"].append(_on_workers(Path(name) / f"cluster-{number}", cluster, 1, 1))
    times = Times(seconds)
    return times.ratio("cluster", "here"), (
        f"24 cells of the embedded model, its loading included: {times.median('cluster'):.1f} s on one worker of a "
        f"cluster, {times.median('here'):.1f} s in this process"
    )


def _two_workers(_setting: Setting) -> tuple[float, str]:
    seconds: dict[str, list[float]] = {"one": [], "two": []}
    with tempfile.TemporaryDirectory() as name, _cluster() as cluster:
        if sum(cluster.cores) < 2:
            raise NotRun("there is one core")
        for number in range(ROUNDS):
            for side, workers in (("one", 1), ("two", 2)):
                folder = Path(name) / f"{side}-{number}"
                seconds[side].append(_on_workers(folder, cluster, workers, 2))
    times = Times(seconds)
    return times.ratio("one", "two"), (
        f"24 cells: {times.median('one'):.1f} s with one worker, {times.median('two'):.1f} s with two, each on half of "
        f"the {sum(cluster.cores)} cores and with a model of its own to load"
    )


def _kept(_setting: Setting) -> tuple[float, str]:
    sizes = {}
    with tempfile.TemporaryDirectory() as name:
        for keep in ("measures", "embeddings"):
            folder = Path(name) / keep
            engine = Engine(Store(_cache(folder)))
            _seconds(folder, local.run, engine, keep)
            of_cells = [e for e in engine.store.entries() if e.stage not in ("model", "responses", "expertise")]
            sizes[keep] = sum(entry.nbytes for entry in of_cells) / len(SWEEP.cells())
    return sizes["embeddings"] / sizes["measures"], (
        f"{sizes['measures'] / 1e3:.0f} kB a cell with its measures alone, {sizes['embeddings'] / 1e6:.1f} MB with "
        "embeddings at every layer"
    )


def _puts(_setting: Setting) -> tuple[float, str]:
    states = {f"layer-{n:03d}": np.random.default_rng(n).random((200, 640), np.float32) for n in range(19)}
    nbytes = sum(state.nbytes for state in states.values())
    with tempfile.TemporaryDirectory(dir=default_cache()) as name:
        store = Store(name)
        start = time.perf_counter()
        for number in range(_PUTS):
            store.put("embeddings", {"version": 2, "number": number}, Payload(arrays=states))
        seconds = (time.perf_counter() - start) / _PUTS
    return nbytes / seconds / WRITING, (
        f"{1 / seconds:.1f} puts a second of {nbytes / 1e6:.1f} MB (a language, 19 layers of 200 sentences): "
        f"{nbytes / seconds / 1e6:.0f} MB/s, with checksums and forced to the disk"
    )


def _scaling(_setting: Setting) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as name:
        engine = Engine(Store(_cache(Path(name) / "cache")))
        paced(engine)
        tasks = graph.build(engine, _LARGE.cells(), "measures").tasks
    seconds = {workers: simulate(tasks, workers) for workers in SIZES}
    points = ", ".join(f"{workers}: {spent / 60:.1f} min" for workers, spent in seconds.items())
    shares = {workers: seconds[1] / workers / spent for workers, spent in seconds.items()}
    return shares[SIZES[-1]], (
        f"{len(tasks):,} tasks of {len(_LARGE.cells()):,} cells at this machine's pace, by number of workers {points} "
        f"({', '.join(f'{share:.0%}' for share in shares.values())} of the ideal); the disk is taken to keep up"
    )


def paced(engine: Engine) -> None:
    """Measure the model's pace, by one small cell."""
    cell = replace(_BASE, target="ja", experts=500)
    run.sweep(engine, [cell], "measures", engine.store.root / "pace.parquet")


BENCHMARKS = (
    Benchmark(
        "sweep-cluster",
        "24 cells on a cluster of one worker",
        "in this process",
        Target("at most", 1.1),
        _against_local,
    ),
    Benchmark("sweep-workers", "24 cells with one worker", "with two", Target("at least", 1.3), _two_workers),
    Benchmark("sweep-bytes", "a cell's embeddings", "its measures", Target("at least", 20), _kept),
    Benchmark(
        "sweep-puts", "bytes a second into the cache", "what --dry-run counts with", Target("at least", 0.5), _puts
    ),
    Benchmark("sweep-scaling", "360 cells on 64 workers, simulated", "the ideal", Target("at least", 0.5), _scaling),
)
