"""What every attack of the campaign uses: a server's computation, right answers to hold against, and a count."""

from __future__ import annotations

import importlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from core.cli.main import main as command_line
from core.experiment.file import write_experiment
from core.experiment.settings import Experiment
from core.pipeline.child import ChildBackend
from core.pipeline.engine import Engine
from core.pipeline.result import Result
from core.store.store import Store
from dashboard.work.job import Job
from dashboard.work.questions import CellQuestion
from dashboard.work.queue import Jobs

LIMIT = 300.0
"""Seconds after which what has not ended hangs."""

SILENCE = 100.0  # seconds; a machine with much else to do takes as long to start a process
_ALONE = "alone"  # the cache of the command line
HELD, LOST, HUNG = "held", "lost", "hung"


@dataclass(frozen=True)
class Sizes:
    """How much of each attack.

    Attributes
    ----------
    payloads : int
        Texts of markup that are tried everywhere.
    broken : int
        Tables and tokenizers that are broken at a place of chance.
    """

    kills: int = 60
    visitors: int = 20
    settings: int = 1
    pages: int = 200
    payloads: int = 20
    broken: int = 40


SMALL = Sizes(kills=5, visitors=10, settings=1, pages=26, payloads=2, broken=8)


@dataclass
class Count:
    """How an attack's tries ended."""

    attack: str
    held: int = 0
    lost: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    detail: str = ""

    def add(self, outcome: str, what: str) -> None:
        """Count one try."""
        if outcome == HELD:
            self.held += 1
        else:
            (self.lost if outcome == LOST else self.hung).append(what)

    @property
    def tries(self) -> int:
        """How many there were."""
        return self.held + len(self.lost) + len(self.hung)

    @property
    def row(self) -> str:
        """The row of the table."""
        return f"| {self.attack} | {self.held} | {len(self.lost)} | {len(self.hung)} | {self.detail} |"


class Server:
    """What a server has of computation: a queue in front of a child process, on one cache."""

    def __init__(self, cache: Path) -> None:
        self.backend = ChildBackend(Engine(Store(cache)), patience=5.0, silence=SILENCE)
        self.jobs = Jobs(self.backend)

    def wait(self, visitor: str, job: Job) -> bool:
        """Look at a job until it has ended, as a page does; False where it does not end."""
        deadline = time.monotonic() + LIMIT
        while job.active and time.monotonic() < deadline:
            self.jobs.touch(visitor, job.request)
            time.sleep(0.02)
        return not job.active

    def close(self) -> None:
        """End the child."""
        self.backend.close()


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A server on a new cache."""
    server = Server(folder / "cache")
    try:
        yield server
    finally:
        server.close()


def tiny(folder: Path) -> Experiment:
    """An experiment of a second or two."""
    tests = importlib.import_module("tests.helpers.tiny")  # where they are made for the tests too
    return Experiment(
        model=str(tests.save_tiny(folder / "model", "llama")),
        dtype="float32",
        device="cpu",
        corpus=tests.write_table(folder / "sentences.tsv", 8, 12),
        target="ja",
        experts=20,
    )


def as_the_command_line(experiment: Experiment, folder: Path) -> str:
    """What the command line gives on a cache of its own; without what the run itself took."""
    settings, out = folder / "asked.json", folder / "answer.json"
    settings.write_text(write_experiment(experiment), encoding="utf-8")
    arguments = ["run", "--experiment", str(settings), "--cache", str(folder / _ALONE), "--json", str(out)]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = command_line(arguments)
    if status:
        raise RuntimeError(f"the command line ended with {status}: {said.getvalue()[-300:]}")
    return comparable(json.loads(out.read_text(encoding="utf-8")))


def of_a_cell(experiment: Experiment, folder: Path) -> str:
    """The measures alone that the command line gives: without a map, which every new process must compile code for."""
    as_the_command_line(experiment, folder)
    return comparable(CellQuestion(experiment).known(Engine(Store(folder / _ALONE))))


def peak_memory(process: int | None) -> int:
    """The most bytes that a process has had; where the system does not say, what it has now; 0 where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return psutil.Process(process).memory_info().rss if psutil.pid_exists(process or -1) else 0


def forget_peak() -> int:
    """Have `peak_memory` of this process begin anew, where the system can; gives what it has now, in bytes."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    now: int = psutil.Process().memory_info().rss
    return now


def comparable(answer: Any) -> str:
    """An answer without what differs from run to run: seconds, and which stages were computed."""
    facts = answer.to_json() if isinstance(answer, Result) else answer
    if isinstance(facts, Mapping):
        facts = {name: value for name, value in facts.items() if name not in ("seconds", "computed")}
    return json.dumps(facts, sort_keys=True)


def judged(server: Server, job: Job, expected: str) -> tuple[str, str]:
    """How a job ended, against the right answer, and why it is not held."""
    if job.state != "done":
        return (LOST, f"{job.state}: {job.error}")
    same = comparable(server.jobs.result(job.request)) == expected
    return (HELD, "") if same else (LOST, "another answer than the command line's")
