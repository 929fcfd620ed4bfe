"""A worker of a cluster, in this process: what it says is heard by whoever asked for it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core import access
from core.cluster.worker import Traffic, Worker
from core.pipeline import worker as pipeline_worker


def test_what_it_says_of_one_request_is_not_heard_as_said_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome(_: object, request: object, told: pipeline_worker.ReportedProgress) -> tuple[dict[str, object], bool]:
        told.stage(f"of {request}")
        return {}, True

    monkeypatch.setattr(pipeline_worker, "outcome", outcome)
    made = Worker(str(tmp_path))
    made.run(1, "the first")
    assert made.heard(2) == []
    made.run(2, "the second")
    assert made.heard(1) == []
    assert made.heard(2) == [{"stage": ["of the second", 1.0]}]


def test_it_says_why_it_cannot_use_the_shared_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Worker(str(tmp_path)).about()["shared"] == ""
    monkeypatch.setenv(access.SHARED, f"file://{tmp_path / 'not' / 'there'}")
    assert "there is no folder" in Worker(str(tmp_path)).about()["shared"]


def test_who_waits_for_another_to_make_an_artefact_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Worker(str(tmp_path))

    def outcome(*_: object) -> tuple[dict[str, object], bool]:
        with made._engine.store.lock("responses", {"of": 1}):
            return {}, True

    monkeypatch.setattr(pipeline_worker, "outcome", outcome)
    monkeypatch.setattr(Traffic, "moved", lambda _: False)
    worker = threading.Thread(target=made.run, args=(1, "anything"))
    with made._engine.store.lock("responses", {"of": 1}):
        worker.start()
        while not made._engine.store.waits:
            assert worker.is_alive()
        assert made.heard(1) == [{"moved": True}]
        assert made.heard(2) == []
    worker.join()
    assert made.heard(1) == []
