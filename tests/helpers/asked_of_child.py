"""Questions for a process that computes, each of which ends in a way of its own."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingError
from core.pipeline.early_estimates import Estimate
from core.pipeline.engine import Engine
from core.progress import Progress
from core.stats.intervals import Interval

SOME = Interval(0.25, 0.125, 0.5, 8)
EARLY = Estimate(4, (4,), 100, SOME, SOME, SOME, SOME)


class Panic(BaseException):
    """As code in Rust raises them: no Exception."""


@dataclass(frozen=True)
class ChildQuestion:
    """Never known at once."""

    def known(self, _engine: Engine) -> object:
        return None

    def estimate(self, _engine: Engine) -> float:
        return 1.0


@dataclass(frozen=True)
class ReportingQuestion(ChildQuestion):
    """Reports everything that can be reported, prints, and gives back what it was asked with."""

    text: str

    def run(self, _engine: Engine, progress: Progress) -> tuple[str, int]:
        print("a library prints", flush=True)
        progress.plan({"one": 2.0, "two": 6.0})
        progress.stage("one", 10)
        progress.advance(5)
        progress.publish(EARLY)
        progress.stage("two")
        progress.finish()
        return self.text, os.getpid()


@dataclass(frozen=True)
class EndingQuestion(ChildQuestion):
    """Ends in a way of `WAYS`; writes a file, if one is named, once it reports no more."""

    way: str
    begun: str = ""

    def run(self, _engine: Engine, progress: Progress) -> None:
        progress.stage("ends")
        if self.begun:
            Path(self.begun).touch()
        WAYS[self.way]()


@dataclass(frozen=True)
class EndlessQuestion(ChildQuestion):
    """Reports without end; writes a file once it has begun."""

    begun: str

    def run(self, _engine: Engine, progress: Progress) -> None:
        progress.stage("goes on")
        Path(self.begun).touch()
        while True:
            progress.advance(1e-9)


@dataclass(frozen=True)
class TimedQuestion(ChildQuestion):
    """Works for so many seconds, which it says beforehand; every two seconds' work is kept, as stages are."""

    name: str
    seconds: float

    def estimate(self, engine: Engine) -> float:
        return self.seconds - self._kept(engine)

    def run(self, engine: Engine, progress: Progress) -> str:
        worked = self._kept(engine)
        progress.plan({"works": self.seconds - worked})
        progress.stage("works", self.seconds - worked)
        told = time.monotonic()
        while worked < self.seconds:
            time.sleep(0.05)  # the work
            told, before = time.monotonic(), told
            worked += told - before
            if worked >= self._kept(engine) + 2:
                self._place(engine).write_text(str(worked), encoding="utf-8")
            progress.advance(told - before)
        progress.finish()
        return self.name

    def _kept(self, engine: Engine) -> float:
        place = self._place(engine)
        return float(place.read_text(encoding="utf-8")) if place.exists() else 0.0

    def _place(self, engine: Engine) -> Path:
        return engine.store.root / f"{self.name}.seconds"


def _raise(error: BaseException) -> None:
    raise error


def _fill_memory() -> None:
    held = []
    while True:
        held.append(b"x" * (1 << 26))


WAYS: dict[str, Callable[[], object]] = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "panics": lambda: _raise(Panic("index out of bounds")),
    "refuses": lambda: _raise(SettingError("this", "that", "the other")),
    "fails": lambda: _raise(RuntimeError("shape mismatch\n at layer 3")),
    "endless": lambda: re.match(r"(a+)+$", "a" * 64 + "b"),
    "memory": _fill_memory,
}
