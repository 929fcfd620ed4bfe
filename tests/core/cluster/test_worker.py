"""A worker of a cluster, in this process: what it says is heard by whoever asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cluster.worker import Worker
from core.pipeline import worker as pipeline_worker


def test_what_it_says_of_one_request_is_not_heard_as_said_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome(_: object, request: object, told: pipeline_worker.Told) -> tuple[dict[str, object], bool]:
        told.stage(f"of {request}")
        return {}, True

    monkeypatch.setattr(pipeline_worker, "outcome", outcome)
    made = Worker(str(tmp_path))
    made.run(1, "the first")
    assert made.heard(2) == []
    made.run(2, "the second")
    assert made.heard(1) == []
    assert made.heard(2) == [{"stage": ["of the second", 1.0]}]
