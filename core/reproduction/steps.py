"""The steps of a reproduction, and the runner that shows the time left on standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.progress import Progress, Snapshot, duration


@dataclass(frozen=True)
class Step:
    """One piece of work, whose result is stored when it is done.

    Attributes
    ----------
    item, title : str
        The item that it belongs to, and what it does.
    work : callable
        Does it; reports to the progress it is given.
    seconds : float
        What it is expected to take.
    """

    item: str
    title: str
    work: Callable[[Progress], object]
    seconds: float

    @property
    def name(self) -> str:
        """Unique among all steps."""
        return f"{self.item}: {self.title}"


class StepRunner:
    """Runs steps, one after the other, and counts the seconds that they take.

    Attributes
    ----------
    by_step, by_stage : dict of str to float
        Seconds spent, earlier runs included.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        by_step: Mapping[str, float] | None = None,
        by_stage: Mapping[str, float] | None = None,
    ) -> None:
        self.steps = list(steps)
        self.by_step: dict[str, float] = dict(by_step or {})
        self.by_stage: dict[str, float] = dict(by_stage or {})
        self._now: dict[str, float] = {}  # seconds of this run, by step
        self._began = self._shown = 0.0
        self._stage, self._since = "", 0.0
        self._current: Step | None = None
        self._live = sys.stderr.isatty()
        self._counting = threading.Lock()

    def run(self, step: Step) -> None:
        """Run one step and show its progress; its exceptions pass through."""
        self._current, self._began = step, time.monotonic()
        progress = Progress(self._report)
        try:
            with progress.ticking():
                step.work(progress)
        finally:
            self._count("")
            spent = time.monotonic() - self._began
            self._now[step.name] = spent
            self.by_step[step.name] = self.by_step.get(step.name, 0.0) + spent
            self._current = None
        number = len(self._now)
        self._say(f"[{number}/{len(self.steps)}] {step.name}: {duration(spent)}{self._left_in_words()}", last=True)

    def timed(self, name: str, work: Callable[[], object]) -> None:
        """Run work that is not a step, and count its seconds under a name."""
        began = time.monotonic()
        work()
        self.by_step[name] = self.by_step.get(name, 0.0) + time.monotonic() - began

    def seconds_left(self) -> float:
        """Estimate the seconds left: the estimates of the remaining steps, scaled by how far off earlier ones were."""
        total = 0.0
        for step in self.steps:
            if step.name in self._now:
                continue
            expected = step.seconds * self._scale(step.item)
            if self._current is not None and step.name == self._current.name:
                expected = max(expected - (time.monotonic() - self._began), 0.0)
            total += expected
        return total

    def _scale(self, item: str) -> float:
        """How many times longer than expected the finished steps of this item took; of all items if it has too few."""
        for same_item in (True, False):
            finished = [s for s in self.steps if s.name in self._now and (s.item == item or not same_item)]
            expected = sum(step.seconds for step in finished)
            if expected > 2.0:
                return min(max(sum(self._now[step.name] for step in finished) / expected, 0.02), 20.0)
        return 1.0

    def _left_in_words(self) -> str:
        left = self.seconds_left()
        return f"; about {duration(left)} left" if left >= 1 else ""

    def _report(self, snapshot: Snapshot) -> None:
        self._count(snapshot.stage)
        step, now = self._current, time.monotonic()
        if step is None or now - max(self._shown, self._began) < (0.2 if self._live else 15.0):
            return
        self._shown = now
        self._say(f"{step.name}: {snapshot.stage}, {snapshot.fraction:.0%}{self._left_in_words()}", last=False)

    def _count(self, stage: str) -> None:
        """Add the time since the last report to the stage of that report."""
        with self._counting:
            now = time.monotonic()
            if self._stage:
                self.by_stage[self._stage] = self.by_stage.get(self._stage, 0.0) + now - self._since
            self._stage, self._since = stage, now

    def _say(self, line: str, last: bool) -> None:
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if last else ""))
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()
