"""A child process that computes: the same answers as in this one, and however it ends, one job ends with it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from core.errors import ComputeError, SettingError, WorkFailed
from core.experiment.plan import plan
from core.experiment.settings import Experiment
from core.pipeline import worker
from core.pipeline.child import ChildBackend
from core.pipeline.early_estimates import Estimate
from core.pipeline.engine import Engine
from core.progress import Cancelled, Progress, Snapshot
from core.store.store import Store
from dashboard.work.preload import ModelLoadQuestion
from dashboard.work.questions import CellQuestion
from tests.helpers.asked_of_child import EARLY, EndingQuestion, EndlessQuestion, ReportingQuestion
from tests.helpers.bench import LONG, until
from tests.helpers.tiny import save_tiny, write_table

GIGABYTE = 1 << 30


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildBackend]:
    started = ChildBackend(Engine(Store(tmp_path_factory.mktemp("child") / "cache")), 3 * GIGABYTE)
    yield started
    started.close()
    assert not psutil.pid_exists(started._child.process.pid)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    folder = tmp_path_factory.mktemp("asked")
    return Experiment(
        model=str(save_tiny(folder / "model", "llama")),
        dtype="float32",
        device="cpu",
        corpus=write_table(folder / "sentences.tsv", 8, 12),
        target="ja",
        experts=20,
    )


def test_it_computes_what_this_process_would(child: ChildBackend, experiment: Experiment, tmp_path: Path) -> None:
    seen: list[Snapshot] = []
    progress = Progress(seen.append)
    assert child.known(experiment) is None
    result = child.run(experiment, progress)
    expected = Engine(Store(tmp_path / "alone")).run(experiment)
    pd.testing.assert_frame_equal(result.pairs, expected.pairs)
    np.testing.assert_array_equal(result.experts.neurons, expected.experts.neurons)
    for ours, theirs in zip(result.maps, expected.maps, strict=True):
        for space, same in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(space, same)
    assert result.plan == expected.plan
    assert result.computed == expected.computed
    assert result.seconds.keys() == expected.seconds.keys()
    assert sum(result.seconds.values()) > 0
    assert isinstance(progress.partial, Estimate)
    fractions = [snapshot.fraction for snapshot in seen]
    assert fractions == sorted(fractions)
    assert seen[-1].stage == "done"

    computing = psutil.Process(child.process_id)
    computing.suspend()
    again = child.known(experiment)  # read in this process, whatever the other one does
    computing.resume()
    assert again is not None
    assert again.computed == ()
    cell = CellQuestion(replace(experiment, strength=2.0))
    assert child.run(cell, Progress()) == pytest.approx(child.known(cell))

    models = child.engine.models
    resolved = plan(experiment).resolved
    assert models.is_loaded(resolved)
    assert ModelLoadQuestion(experiment).known(child.engine) is True
    assert models.pace(resolved, 1000) == pytest.approx(
        (models._ran[resolved.digest][0] + 2e4) / (models._ran[resolved.digest][1] + 2e4 / (2e11 / 750))
    ), "the estimates do not know how fast the child's model runs"
    assert child.estimate(replace(experiment, strength=3.0))["load"] == 0.0


def test_all_that_is_reported_crosses(child: ChildBackend) -> None:
    seen: list[str] = []
    progress = Progress(lambda at: seen.append(at.stage))
    text, process = child.run(ReportingQuestion("Ein\nHund 犬"), progress)
    assert text == "Ein\nHund 犬"
    assert process == child._child.process.pid != psutil.Process().pid
    assert progress.partial == EARLY
    assert list(dict.fromkeys(stage for stage in seen if stage != "preparing")) == ["one", "two", "done"]
    assert f"process {process}" in child.about()


def test_a_refusal_arrives_whole_and_an_error_in_one_line(child: ChildBackend) -> None:
    process = child._child.process.pid
    with pytest.raises(SettingError) as refusal:
        child.run(EndingQuestion("refuses"), Progress())
    assert (refusal.value.what, refusal.value.why, refusal.value.instead) == ("this", "that", "the other")
    with pytest.raises(WorkFailed, match=r"^RuntimeError: shape mismatch at layer 3$"):
        child.run(EndingQuestion("fails"), Progress())
    with pytest.raises(SettingError, match="dialect"):
        child.run(Experiment(method="dialect"), Progress())
    assert child._child.process.pid == process, "a refusal costs no restart"


def test_it_stops_where_it_stands_when_it_is_told_to(child: ChildBackend, tmp_path: Path) -> None:
    process, begun = child._child.process.pid, tmp_path / "begun"

    def stop_once_begun(_: Snapshot) -> None:
        if begun.exists():
            raise Cancelled

    with pytest.raises(Cancelled):
        child.run(EndlessQuestion(str(begun)), Progress(stop_once_begun))
    assert child.run(ReportingQuestion("next"), Progress()) == ("next", process)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("killed", "was ended by the signal SIGKILL, as the system does where memory runs out"),
        ("panics", "Panic: index out of bounds"),
        ("memory", "MemoryError|more than the 3.2 it may"),
        ("endless", "did not stop for 1 seconds and was ended"),
    ],
)
def test_however_it_ends_it_is_replaced_and_says_how(
    child: ChildBackend, way: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "endless":
        monkeypatch.setattr(child, "_patience", 1.0)
    begun = tmp_path / "begun"

    def stop_if_endless(_: Snapshot) -> None:
        if way == "endless" and begun.exists():  # told before, it would stop where it reports its stage
            raise Cancelled

    with pytest.raises((ComputeError, WorkFailed), match=words):
        child.run(EndingQuestion(way, str(begun)), Progress(stop_if_endless))
    assert child.run(ReportingQuestion("next"), Progress())[0] == "next"


def test_telling_it_to_stop_gives_it_no_longer_silence(
    child: ChildBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_patience", 10 * LONG)
    monkeypatch.setattr(child, "_silence", 2.0)
    begun = tmp_path / "begun"

    def stop_once_begun(_: Snapshot) -> None:
        if begun.exists():
            raise Cancelled

    with pytest.raises(ComputeError, match="said nothing for"):
        child.run(EndingQuestion("endless", str(begun)), Progress(stop_once_begun))


def test_it_says_that_it_waits_for_another_process(tmp_path: Path) -> None:
    store, over, said = Store(tmp_path), threading.Event(), queue.SimpleQueue[dict[str, bool]]()

    class Heard:
        def say(self, **message: bool) -> None:
            said.put(message)

    def wait() -> None:
        with store.lock("responses", {"of": 1}):
            pass

    threads = [
        threading.Thread(target=worker.tell_of_waiting, args=(store, Heard(), over, 0.01)),
        threading.Thread(target=wait),
    ]
    with store.lock("responses", {"of": 1}):
        for thread in threads:
            thread.start()
        assert said.get(timeout=LONG) == {"moved": True}
    over.set()
    for thread in threads:
        thread.join()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    started = ChildBackend(Engine(Store(tmp_path / "cache")))
    process = started._child.process
    begun = tmp_path / "begun"

    def work() -> None:
        with pytest.raises(ComputeError, match="ended by itself with status 0"):
            started.run(EndlessQuestion(str(begun)), Progress())

    working = threading.Thread(target=work)
    working.start()
    until(begun.exists, "the child works")
    assert process.stdin is not None
    process.stdin.close()  # as the system does when this process ends
    assert process.wait(60) == 0
    working.join(60)
    started.close()
