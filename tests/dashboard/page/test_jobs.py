"""The page of jobs and cache: what runs can be stopped, what is kept can be taken away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core import access
from core.errors import SettingError
from core.experiment.settings import Experiment
from core.pipeline.engine import Engine
from core.store import inventory
from core.store.opening import open_store
from core.sweep import status
from core.sweep.status import Status
from dashboard.page import jobs
from dashboard.state import role
from dashboard.work import process
from dashboard.work.job import Health, Job
from dashboard.work.questions import MovementQuestion, RanksQuestion
from tests.helpers.bench import X, worker_held
from tests.helpers.pages import OpenPage, experiment_of, visitor_of


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1200, "1.2 kB"), (530_000_000, "530 MB"), (2_500_000_000, "2.5 GB")],
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert jobs.size(count) == words


def test_how_jobs_ended_is_said() -> None:
    refusal = SettingError("k of 0", "at least one is needed", "Use 1.")
    ended = [Job(X, "failed", error=refusal), Job(X, "done", title="A cell"), Job(X, "stopped")]
    rows = jobs.ended_frame(ended).to_dict("records")
    assert rows[0]["why"] == "k of 0: at least one is needed"
    assert [row["how"] for row in rows] == ["failed", "finished", "stopped"]
    assert rows[1]["what"] == "A cell"
    assert rows[2]["what"].startswith("Japanese, 10 experts")
    assert jobs.title(Job(MovementQuestion(X))) == f"The movement on the map: {rows[2]['what']}"


def test_how_the_worker_does_is_said(open_page: OpenPage) -> None:
    said = " ".join(str(html.proto.body) for html in open_page("jobs").get("html"))
    assert "The worker is well. Since the server started: ended 0" in said
    words = jobs.health_words(Health(alive=False, ended=1200, failed=2, restarts=1))
    assert words == (
        "The worker has ended; the next request starts another. Since the server started: ended 1,200, of these "
        "failed 2, worker started again 1."
    )


def test_what_runs_can_be_stopped(open_page: OpenPage) -> None:
    page = open_page("jobs")
    root = process.engine().store.root
    sweep = Status("Nine cells", "out", "this process", 9, 4, 0, 0.4, 60.0, "embedding spaces (ja)", run="a")
    status.write(root, "nine", sweep)
    page.run()
    page.button(key="stop-sweep-a").click().run()
    assert not page.exception
    assert page.button(key="stop-sweep-a").disabled
    assert status.stops(root, sweep)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(role, "is_admin", lambda: False)
        page.run()
        assert "Stop" not in {button.label for button in page.button}, "it is stopped by whoever runs the server alone"
    shutil.rmtree(root / status.FOLDER)
    with worker_held(process.jobs()) as held:
        page.run()
        (stop,) = [button for button in page.button if button.label == "Stop"]
        stop.click().run()
        assert not page.exception
        job = process.jobs().find(held)
        assert job is not None
        assert (job.state, job.stop) == ("running", True)
        (stop,) = [button for button in page.button if button.label == "Stop"]
        assert stop.disabled
    assert job.state == "stopped"


def test_two_questions_about_one_setting_stand_side_by_side(open_page: OpenPage) -> None:
    page = open_page("jobs")
    with worker_held(process.jobs()):
        for question in (MovementQuestion(X), RanksQuestion(X)):
            process.jobs().submit("another", question, background=True)
        page.run()
        assert not page.exception
        assert len([button for button in page.button if button.label == "Stop"]) == 3
        for question in (MovementQuestion(X), RanksQuestion(X)):
            process.jobs().stop(question)


def test_a_visitor_who_is_no_admin_stops_their_own(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page("jobs")
    monkeypatch.setattr(role, "is_admin", lambda: False)
    with worker_held(process.jobs()):
        own = process.jobs().submit(visitor_of(page).name, RanksQuestion(X), background=True)
        page.run()
        (stop,) = [button for button in page.button if button.label == "Withdraw"]
        stop.click().run()
        assert not page.exception
        assert own.state == "stopped"


def blob_sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.glob("shared/blobs/*/*")]


def test_what_is_taken_away_is_gone(open_page: OpenPage, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page("jobs")
    asked: Experiment = experiment_of(page)
    monkeypatch.setenv("LANGUAGE_NEURONS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(access.SHARED, f"file://{tmp_path / 'shared'}")
    process.start.clear()
    Engine(open_store(tmp_path / "cache")).run(asked)
    page.run()
    shown = page.dataframe[0].value.set_index("stage")
    assert shown.loc["embeddings", "artefacts"] > 0
    assert (shown["fetched"].sum(), shown["waiting"].sum()) == (0, 0)
    said = " ".join(str(html.proto.body) for html in page.get("html"))
    assert f"artefacts in {inventory.size(sum(blob_sizes(tmp_path)))} are shared in file://{tmp_path}/shared." in said
    assert "is fetched or computed again" in said
    next(box for box in page.multiselect if box.label == "Take away").select("projection").run()
    page.button(key="remove-for-good").click().run()
    assert not page.exception
    assert "projection" not in page.dataframe[0].value["stage"].tolist()
    assert not any((tmp_path / "cache" / "projection").glob("*/manifest.json"))
    assert "embeddings" in page.dataframe[0].value["stage"].tolist()
    versions = page.dataframe[-1].value.set_index("what")["which"]
    import torch

    assert versions["torch"].split("+")[0] == torch.__version__.split("+")[0]  # a build names its kind in one of them
