"""How a sweep goes, as another machine sees it whose clock is another."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from core.sweep import status
from core.sweep.status import Status


def running() -> Status:
    return Status("A sweep", "/out", "local", 4, 1, 0, 0.25, 60.0, "cell", run="abc")


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_a_sweep_runs_whatever_the_clock_of_its_machine_says(tmp_path: Path, ahead: float) -> None:
    status.write(tmp_path, "one", running())
    (file,) = (tmp_path / status.FOLDER).glob("*.json")
    written = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(written | {"updated": written["updated"] + ahead}), encoding="utf-8")
    (read,) = status.read(tmp_path)
    assert read.alive
    assert abs(read.updated - time.time()) < 30
    long_ago = file.stat().st_mtime - 2 * status.SILENT
    os.utime(file, (long_ago, long_ago))
    (read,) = status.read(tmp_path)
    assert not read.alive


def test_a_cache_without_sweeps_has_none(tmp_path: Path) -> None:
    assert status.read(tmp_path) == []
