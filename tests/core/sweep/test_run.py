"""A sweep against single runs: the same figures, each thing computed once, and what fails is said."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock

from core.analyses import grid, paired_settings
from core.errors import ComputeError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.pipeline.measure_table import MEASURES
from core.progress import Cancelled, Snapshot
from core.store.opening import open_store
from core.store.store import Store
from core.sweep import graph, run, status
from core.sweep.forecast import forecast
from core.sweep.settings import Sweep
from core.sweep.tasks import KINDS
from tests.helpers.hub_server import COMMIT, Repository, serving, surroundings
from tests.helpers.passes import count_sentences


@pytest.fixture
def cells(asked: Experiment) -> list[Experiment]:
    """Nine settings: two targets, two methods, and strength 0 once a target; and one that cannot be."""
    base = replace(asked, languages=("en", "es", "ja"))
    swept = Sweep(base, (base.model,), ("ja", "es"), ("set-mean", "linear-act"), (10, 30), (0.0, 0.5))
    made = swept.cells()
    assert len(made) == 2 * (1 + 2 * 2)
    assert Counter(cell.strength for cell in made) == {0.0: 2, 0.5: 8}
    return [*made[:-1], replace(made[-1], target="fr")]


@pytest.mark.parametrize("changes", [{"select": "all"}, {"experts_from": "1:down_proj:3=2.5"}])
def test_numbers_that_say_nothing_make_no_cells(changes: dict[str, str], asked: Experiment) -> None:
    base = replace(asked, **changes)  # type: ignore[arg-type]
    made = Sweep(base, (base.model,), ("ja", "es"), ("set-mean", "zero"), (10, 30), (0.0, 0.5)).cells()
    assert Counter((cell.target, cell.method, cell.strength) for cell in made) == {
        (target, method, strength): 1
        for target in ("ja", "es")
        for method, strength in (("set-mean", 0.0), ("set-mean", 0.5), ("zero", 0.5))
    }
    assert {cell.experts for cell in made} == {10}


def test_it_measures_what_single_runs_do_and_drops_what_they_keep(
    cells: list[Experiment], engine: Engine, tmp_path: Path
) -> None:
    made = graph.build(engine, cells, "measures")
    kinds = Counter(task.kind for task in made.tasks)
    # Five probe languages are read once, for both targets; the unmodified space is embedded once.
    assert kinds == {"capture": 4, "rank": 1, "space": 1 + 7, "cell": 9}
    cost = forecast(made.tasks)
    assert [row.tasks for row in cost.rows] == [*(kinds[kind] for kind in KINDS), 0]

    shown: list[Snapshot] = []
    outcome = run.sweep(engine, cells, "measures", tmp_path / "cells.parquet", report=shown.append, title="nine")
    assert outcome.measured == 9
    with pytest.raises(ComputeError, match=r"1 of 10 cells: French, 30 experts, strength 0.5, .*'fr'.*failed\.json"):
        run.check(outcome)
    (failed,) = json.loads(run.failed_beside(outcome.table).read_text(encoding="utf-8"))
    assert Experiment.from_dict(failed["setting"]) == cells[-1]
    assert "'fr'" in failed["why"]
    fractions = [snapshot.fraction for snapshot in shown]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    (file,) = status.read(engine.store.root)
    assert (file.title, file.state, file.cells, file.done, file.failed) == ("nine", "done", 10, 9, 1)

    stages = Counter(entry.stage for entry in engine.store.entries())
    assert stages["embeddings"] == stages["embedding-parts"] == 0
    held = sum(e.nbytes for e in engine.store.entries() if e.stage in ("responses", "expertise"))
    assert cost.held_bytes == pytest.approx(held, rel=0.2)
    table = pd.read_parquet(outcome.table)
    assert len(table) == 9 * 2 * len(MEASURES)

    alone = Engine(Store(tmp_path / "alone"))
    for cell in cells[:-1]:
        result = alone.run(cell)
        of = table[
            (table.target == cell.target)
            & (table.method == cell.method)
            & (table.experts == cell.experts)
            & (table.strength == cell.strength)
        ]
        for name, measure in MEASURES.items():
            rows = of[of.measure == name].set_index("space")
            change = measure.read(result)
            assert (rows.value["pre"], rows.value["post"]) == (change.pre, change.post)
            assert (rows.low <= rows.value + 1e-9).all()
            assert (rows.value <= rows.high + 1e-9).all()
        # The pages' questions read the measures alone.
        assert engine.answer_known(cell, grid.cell) == alone.answer(cell, grid.cell)
        assert engine.answer_known(cell, paired_settings.sentence_values) is not None
        assert engine.known(cell) is None  # its map would need the embeddings

    before = outcome.table.read_bytes()
    again = run.sweep(engine, cells, "measures", outcome.table, report=shown.append)
    assert again.table.read_bytes() == before
    assert not graph.build(engine, cells, "measures").tasks

    # Fewer cells than the table has, and none that fails: the fuller table stays beside the new one.
    run.sweep(engine, cells[:-1], "measures", outcome.table)
    assert outcome.table.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"cells.parquet"}
    run.sweep(engine, cells[:2], "measures", outcome.table)
    assert pd.read_parquet(outcome.table).digest.nunique() == 2
    assert (tmp_path / "cells.earlier.parquet").read_bytes() == before


def test_a_lock_that_cannot_be_had_ends_no_sweep(
    asked: Experiment, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = iter([OSError(errno.ESTALE, "Stale file handle")])
    acquire = FileLock.acquire

    def stale_once(lock: FileLock, **how: Any) -> Any:
        for fault in faults:
            raise fault
        return acquire(lock, **how)

    monkeypatch.setattr(FileLock, "acquire", stale_once)
    cell = replace(asked, languages=("en", "ja"), seed=11)
    assert run.sweep(engine, [cell], "measures", tmp_path / "cells.parquet").failures == {}
    assert list(faults) == []


@pytest.mark.usefixtures("interruptible")
def test_stopped_it_keeps_what_it_has_and_goes_on_to_the_same_table(
    cells: list[Experiment], engine: Engine, tmp_path: Path
) -> None:
    root = engine.store.root

    def stop(snapshot: Snapshot) -> None:
        """Have it stopped from elsewhere, in the middle of work that reports nothing any more."""
        if snapshot.stage.startswith("4 of"):
            (running,) = status.read(root)
            assert running.alive
            status.stop(root, running)
            assert status.stops(root, running)
            threading.Event().wait(60)

    with pytest.raises(Cancelled):
        run.sweep(engine, cells[:-1], "layer", tmp_path / "cells.parquet", report=stop)
    assert pd.read_parquet(tmp_path / "cells.parquet").digest.nunique() == 4
    (ended,) = status.read(root)
    assert (ended.state, status.stops(root, ended)) == ("stopped", False)
    outcome = run.sweep(Engine(engine.store), cells[:-1], "layer", tmp_path / "cells.parquet")
    whole = run.sweep(Engine(Store(tmp_path / "other")), cells[:-1], "embeddings", tmp_path / "whole.parquet")
    assert outcome.table.read_bytes() == whole.table.read_bytes()

    # One layer is enough for the map: no pass is made for it.
    assert not list(engine.store.entries("embeddings"))
    result = engine.run(cells[1])
    assert result.computed == ()
    assert result.maps[0][1].shape == Engine(Store(tmp_path / "other")).run(cells[1]).maps[0][1].shape


def test_two_that_share_a_cache_divide_the_work(cells: list[Experiment], tmp_path: Path) -> None:
    root, halves = tmp_path / "shared", [cells[:-1:2], cells[1:-1:2]]
    engines = [Engine(Store(root)) for _ in halves]
    counted = [count_sentences(engine, cells[0]) for engine in engines]
    barrier = threading.Barrier(2)

    def work(number: int) -> None:
        barrier.wait()
        run.sweep(engines[number], halves[number], "embeddings", tmp_path / f"{number}.parquet")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plan = engines[0].plan(cells[0])
    probe = len(plan.response_rows) * len(plan.response_rows.languages)
    evaluated = sum(len(group) * len(group.languages) for group in plan.groups)
    spaces = 1 + 7  # the unmodified one, and those of nine cells of which two are unmodified
    assert sum(each["passed"] for each in counted) == probe + spaces * evaluated
    whole = run.sweep(engines[0], cells[:-1], "embeddings", tmp_path / "cells.parquet")
    parts = pd.concat([pd.read_parquet(tmp_path / f"{number}.parquet") for number in range(2)])
    assert set(parts.digest) == set(pd.read_parquet(whole.table).digest)


def test_measures_are_shared_and_what_passes_is_not(cells: list[Experiment], tmp_path: Path) -> None:
    shared = f"file://{tmp_path / 'shared'}"
    here, there = (Engine(open_store(tmp_path / name, shared=shared)) for name in ("here", "there"))
    run.sweep(here, cells[:2], "measures", tmp_path / "cells.parquet")
    assert not list((tmp_path / "shared").rglob("embeddings/*"))
    made = graph.build(there, cells[:2], "measures")
    assert not made.tasks
    assert len(made.known) == 2


# Plans a cell, waits until somebody has pushed, and does all its tasks.
_PUSHED = """
import sys, tempfile
from pathlib import Path
from core.experiment.settings import Experiment
from core.models import hub
from core.models.resolve import resolve
from core.pipeline.engine import Engine
from core.progress import Progress
from core.store.store import Store
from core.sweep import graph

of_model = {"model": "tiny/llama", "dtype": "float32", "device": "cpu", "corpus": "embedded"}
asked = Experiment(**of_model, target="ja", languages=("en", "ja"), experts=10)
engine = Engine(Store(tempfile.mkdtemp()))
hub._BELIEVED = 0.0
made = graph.build(engine, [asked], "measures")
print("planned", flush=True)
input()
for task in made.tasks[:1]:
    task.run(engine, Progress())
with hub.holding({"tiny/llama": sys.argv[1]}):
    held = resolve(asked.model_spec).revision
print(held, resolve(asked.model_spec).revision)
"""


def test_a_task_is_of_the_commit_that_was_planned(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    pushed = COMMIT[::-1]
    served = {"tiny/llama": Repository(tiny_folders["llama"])}
    with serving(served) as endpoint:
        process = subprocess.Popen(
            [sys.executable, "-c", _PUSHED, COMMIT],
            env=surroundings(tmp_path, endpoint),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "planned\n"
        served["tiny/llama"] = replace(served["tiny/llama"], revisions=("main", pushed, COMMIT), commit=pushed)
        said, _ = process.communicate("\n")
    assert (process.returncode, said.split()) == (0, [COMMIT, pushed])
