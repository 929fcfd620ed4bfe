"""Cells over a backend, a task at a time: the figures of single runs, what they share once, and no lock waited for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.analyses.grid import GridAnalysis, cell, cell_with_text, grid
from core.errors import ComputeError, SettingError
from core.experiment.settings import Experiment
from core.pipeline.backend import LocalBackend
from core.pipeline.child import ChildBackend
from core.pipeline.engine import Engine
from core.progress import Cancelled, Progress, Snapshot
from core.store.store import Store
from core.sweep.on_backend import CellTasks
from core.sweep.tasks import Task
from tests.helpers.passes import count_sentences


class Recorded(LocalBackend):
    """Does tasks in this process, and notes which; a test says what happens instead."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.tasks: list[Task] = []
        self.instead: Callable[[Task, Progress], None] = lambda *_: None

    def run(self, request: Any, progress: Progress) -> Any:
        self.tasks.append(request)
        self.instead(request, progress)
        return super().run(request, progress)

    @property
    def kinds(self) -> list[str]:
        return [task.kind for task in self.tasks]


@pytest.fixture
def cells(asked: Experiment) -> list[Experiment]:
    """Five: two numbers of experts at two strengths, and the unmodified model."""
    return list(dict.fromkeys(grid(replace(asked, languages=("en", "es", "ja")), [10, 30], [0.0, 0.5, 1.0])))


@pytest.fixture
def backend(engine: Engine) -> Recorded:
    return Recorded(engine)


def to_the_end(work: CellTasks, report: Callable[[Snapshot], None] = lambda _: None) -> None:
    while work.next(report):
        pass


@pytest.mark.parametrize("text", [False, True])
def test_cells_are_those_of_single_runs_and_what_they_share_passes_once(
    cells: list[Experiment], backend: Recorded, tmp_path: Path, text: bool
) -> None:
    counted = count_sentences(backend.engine, cells[0])
    work = CellTasks(backend, cells, GridAnalysis(text=text))
    assert work.left == 5
    seen: list[Snapshot] = []
    to_the_end(work, seen.append)
    assert (work.left, work.failures, work.error) == (0, {}, None)
    # Captures first, then the ranking; each cell is measured before the next space is embedded.
    assert backend.kinds == [*["capture"] * 4, "rank", "space", "cell", *["space", "cell"] * 4]
    assert [task.language for task in backend.tasks[:4]] == list(dict.fromkeys(t.language for t in backend.tasks[:4]))

    plan = backend.engine.plan(cells[0])
    probe = len(plan.response_rows) * len(plan.response_rows.languages)
    evaluated = sum(len(group) * len(group.languages) for group in plan.groups)
    alone = Engine(Store(tmp_path / "alone"))
    question = cell_with_text if text else cell
    by_one = count_sentences(alone, cells[0])
    alone.answer(cells[0], question)
    predicted = by_one["passed"] - probe - evaluated  # by the unmodified model
    assert bool(predicted) is text
    assert counted["passed"] == probe + 5 * evaluated + 5 * predicted
    for each in cells:
        assert backend.engine.answer_known(each, question) == alone.answer(each, question)
        assert backend.engine.answer_known(each, lambda run: run.stages.missing_embeddings(run.intervention())) == []
    fractions = [snapshot.fraction for snapshot in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert work.shown == seen[-1]
    assert seen[-1].stage.startswith("5 of 5 cells")
    assert not CellTasks(backend, cells, GridAnalysis(text=text)).next()  # all is known


def test_who_stops_it_finds_what_was_done_and_goes_on(cells: list[Experiment], backend: Recorded) -> None:
    work = CellTasks(backend, cells, GridAnalysis())

    def stop(snapshot: Snapshot) -> None:
        if "reading" in snapshot.stage and len(backend.tasks) == 2:
            raise Cancelled

    assert work.next()
    with pytest.raises(Cancelled):
        work.next(stop)
    stopped = backend.tasks[-1]
    assert work.next()
    assert backend.tasks[-1] == stopped, "the task that was stopped is begun anew, and none before it"
    to_the_end(work)
    assert Counter(task.key for task in backend.tasks).most_common(2)[0] == (stopped.key, 2)
    assert len(set(backend.tasks)) == 4 + 1 + 5 + 5 == len(backend.tasks) - 1


def test_what_another_process_is_at_comes_later(cells: list[Experiment], backend: Recorded) -> None:
    engine = backend.engine
    stages = engine.answer_known(cells[0], lambda run: run.stages)
    assert stages is not None
    held, let_go = threading.Event(), threading.Event()

    def another() -> None:
        with Store(engine.store.root).lock("responses", stages.responses_spec("en")):
            held.set()
            assert let_go.wait(600)

    other = threading.Thread(target=another)
    other.start()
    assert held.wait(600)
    work = CellTasks(backend, cells, GridAnalysis())
    waited: list[Snapshot] = []

    def report(snapshot: Snapshot) -> None:
        if "another process" in snapshot.stage:
            waited.append(snapshot)
            let_go.set()

    to_the_end(work, report)
    other.join()
    assert waited, "it never had to wait"
    # The unmodified space needs no ranking, and is embedded meanwhile; then nothing is left but the other's.
    assert backend.kinds[:5] == ["capture", "capture", "capture", "space", "capture"]
    assert backend.tasks[4].language == "en"
    assert work.failures == {}
    assert work.left == 0


def test_what_fails_is_said_and_the_rest_goes_on(cells: list[Experiment], backend: Recorded) -> None:
    def fail(task: Task, _: Progress) -> None:
        if task.kind == "space" and task.experiment == cells[2]:
            raise RuntimeError("shape mismatch")

    backend.instead = fail
    work = CellTasks(backend, [*cells, replace(cells[1], target="fr")], GridAnalysis())
    to_the_end(work)
    assert set(work.failures) == {cells[2], replace(cells[1], target="fr")}
    assert isinstance(work.failures[replace(cells[1], target="fr")], SettingError)
    assert work.failures[cells[2]] == "RuntimeError: shape mismatch"
    assert isinstance(work.error, ComputeError)
    assert "2 of 6 cells" in work.error.what
    assert [backend.engine.answer_known(each, cell) is None for each in cells] == [False, False, True, False, False]
    left = work.left, dict(work.failures)
    work.close()
    assert not work.next()
    assert (work.left, dict(work.failures)) == left == (0, dict(work.failures))


@pytest.mark.parametrize(("losses", "measured"), [(1, 5), (2, 0)])
def test_what_is_lost_once_is_done_again(
    cells: list[Experiment], backend: Recorded, losses: int, measured: int
) -> None:
    lost: list[Task] = []

    def lose(task: Task, _: Progress) -> None:
        if task.kind == "capture" and task.language == "en" and len(lost) < losses:
            lost.append(task)
            raise ComputeError("compute this", "the process that computes was ended", "Try again.")

    backend.instead = lose
    work = CellTasks(backend, cells, GridAnalysis())
    to_the_end(work)
    assert sum(task.kind == "capture" and task.language == "en" for task in backend.tasks) == 2
    assert len(cells) - len(work.failures) == measured


def test_what_was_ended_since_it_did_not_stop_is_no_loss(cells: list[Experiment], backend: Recorded) -> None:
    def deaf(_: Task, progress: Progress) -> None:
        """As a child process that is ended since somebody waits and it does not stop."""
        if len(backend.tasks) <= 3:
            with pytest.raises(Cancelled):
                progress.report(progress.snapshot())
            raise ComputeError("compute this", "the process that computes did not stop and was ended", "Try again.")

    def stop(_: Snapshot) -> None:
        raise Cancelled

    backend.instead = deaf
    work = CellTasks(backend, cells, GridAnalysis())
    for _ in range(3):
        with pytest.raises(Cancelled):
            work.next(stop)
    to_the_end(work)
    assert work.failures == {}
    assert len({task.key for task in backend.tasks[:4]}) == 1


def test_tasks_cross_to_a_child_process(asked: Experiment, tmp_path: Path) -> None:
    cells = [replace(asked, languages=("en", "ja"), strength=strength) for strength in (0.0, 1.0)]
    child = ChildBackend(Engine(Store(tmp_path / "child")))
    try:
        work = CellTasks(child, cells, GridAnalysis(text=True))
        to_the_end(work)
    finally:
        child.close()
    assert work.failures == {}
    alone = Engine(Store(tmp_path / "alone"))
    for each in cells:
        assert child.engine.answer_known(each, cell_with_text) == alone.answer(each, cell_with_text)
