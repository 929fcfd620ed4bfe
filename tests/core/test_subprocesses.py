"""Processes of the project's own: found wherever they are started, held within limits, and their ends said in words."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from core import subprocesses

LIMITED = "from core import subprocesses; subprocesses.{}; {}"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    command = [subprocesses.command("core")[0], "-c", code]
    return subprocess.run(command, cwd=folder, env=subprocesses.environment(), capture_output=True, check=False)


def test_the_project_is_found_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        subprocesses.command("core", "--help"), cwd=tmp_path, env=subprocesses.environment(), capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_limits_hold(tmp_path: Path) -> None:
    memory = run(LIMITED.format("limit_memory(1 << 28)", "b'x' * (1 << 29)"), tmp_path)
    assert b"MemoryError" in memory.stderr
    endless = run(LIMITED.format("limit_processor(1)", "exec('while True: pass')"), tmp_path)
    assert subprocesses.ending(endless.returncode) == "was ended by the signal SIGXCPU"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (3, "ended by itself with status 3"),
        (-signal.SIGTERM, "was told to end from outside"),
        (-signal.SIGSEGV, "was ended by the signal SIGSEGV"),
        (-9, "was ended by the signal SIGKILL, as the system does where memory runs out"),
    ],
)
def test_an_end_is_said_in_words(status: int, words: str) -> None:
    assert subprocesses.ending(status) == words


def test_the_memory_of_the_machine_is_known() -> None:
    assert (1 << 29) < subprocesses.machine_memory() <= psutil.virtual_memory().total


def test_a_limit_of_a_group_or_of_one_around_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "groups" / "a.slice" / "b.service").mkdir(parents=True)
    for group, most in (("", "max"), ("a.slice", str(1 << 20)), ("a.slice/b.service", str(1 << 21))):
        (tmp_path / "groups" / group / "memory.max").write_text(f"{most}\n")
    (tmp_path / "own").write_text("0::/a.slice/b.service\n")
    files = subprocesses._limits(tmp_path / "groups", tmp_path / "own")
    monkeypatch.setattr(subprocesses, "_limits", lambda: files)
    assert subprocesses.machine_memory() == 1 << 20
