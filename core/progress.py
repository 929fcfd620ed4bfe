"""Progress of long work, with an estimate of the time left, for a terminal, a notebook or a browser."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TextIO, TypeAlias

FROM_MANY = 5.0
"""Seconds between two lines of a log of what many workers do."""

_SILENT = 60.0  # seconds without a report that say nothing yet, however short the stage was guessed to be


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The work was stopped on request; what was finished is kept."""


@dataclass(frozen=True)
class Snapshot:
    """Where the work stands.

    Attributes
    ----------
    stage : str
        What is being done, in words.
    fraction : float
        Of the whole work, 0 to 1.
    elapsed, remaining : float
        Seconds; ``remaining`` is an estimate.
    """

    stage: str
    fraction: float
    elapsed: float
    remaining: float


@dataclass
class Progress:
    """Tracks the work done against a plan: the expected seconds of each stage.

    A stage's expected time is a guess until the stage runs; then its own pace decides. The estimate of the time left is
    the rest of the current stage at its own pace, plus the guesses for the coming stages, scaled by how far off the
    guesses for the finished stages were. A stage that says nothing for far longer than it was guessed to take may hang:
    it is estimated to last as much longer as it is overdue, so that the work gives way to others, where any wait.

    Attributes
    ----------
    report : callable
        Called with a `Snapshot`; may raise `Cancelled` to stop the work.
    partial : object
        The preliminary result so far, for display while the work goes on; None at first.
    """

    report: Callable[[Snapshot], None] = lambda _: None
    partial: Any = None
    _plan: dict[str, float] = field(default_factory=dict)
    _finished: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _stage: str = ""
    _stage_began: float = 0.0
    _reported: float = 0.0
    _done: float = 0.0
    _total: float = 1.0
    _shown: float = 0.0

    def plan(self, seconds: Mapping[str, float]) -> None:
        """Set which stages will run and how many seconds each should take; the fraction starts again at 0."""
        self._plan, self._shown = dict(seconds), 0.0

    def stage(self, name: str, total: float = 1.0) -> None:
        """Begin a stage of ``total`` units of work, and end the stage before it."""
        self._close()
        self._stage, self._done, self._total = name, 0.0, max(total, 1e-9)
        self._stage_began = self._reported = time.monotonic()
        self.report(self.snapshot())

    def advance(self, units: float = 1.0) -> None:
        """Count units of this stage's work as done."""
        self._done, self._reported = min(self._done + units, self._total), time.monotonic()
        self.report(self.snapshot())

    def publish(self, partial: Any) -> None:
        """Show a preliminary result."""
        self.partial = partial

    def finish(self) -> None:
        """End the last stage."""
        self._close()
        self.report(Snapshot("done", 1.0, time.monotonic() - self._began, 0.0))

    @contextmanager
    def ticking(self, every: float = 1.0) -> Iterator[None]:
        """Report regularly, so that the time shown moves on while a stage itself reports nothing (loading a model)."""
        stop = threading.Event()

        def tick() -> None:
            while not stop.wait(every):
                with suppress(Cancelled):  # the working thread gets it at its own next report
                    self.report(self.snapshot())

        thread = threading.Thread(target=tick, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def snapshot(self) -> Snapshot:
        """Say where the work stands now; other threads may call this. The fraction never decreases."""
        now = time.monotonic()
        if not self._stage and not self._finished:  # nothing is known yet, not even the plan
            return Snapshot("preparing", 0.0, now - self._began, 0.0)
        rest = max(self._rest_of_stage(now - self._stage_began), self._overdue(now)) if self._stage else 0.0
        started = set(self._finished) | {self._stage}
        ahead = self._scale() * sum(seconds for name, seconds in self._plan.items() if name not in started)
        elapsed, remaining = now - self._began, rest + ahead
        self._shown = max(self._shown, elapsed / max(elapsed + remaining, 1e-9))
        return Snapshot(self._stage, self._shown, elapsed, remaining)

    def _rest_of_stage(self, spent: float) -> float:
        share = self._done / self._total
        guess = self._scale() * self._plan.get(self._stage, spent)
        if share <= 0.0:
            return max(guess - spent, 0.1 * guess)
        # The more of a stage is done, the more its own pace counts against the guess.
        paced = spent / share
        expected = share * paced + (1 - share) * max(guess, spent) if share < 0.1 else paced
        return max(expected - spent, 0.0)

    def _overdue(self, now: float) -> float:
        """Seconds by which the stage's silence is longer than can be expected; below 0 where it is not."""
        guess = self._scale() * self._plan.get(self._stage, 0.0)
        return now - self._reported - max(3 * guess, _SILENT)

    def _scale(self) -> float:
        finished = dict(self._finished)
        guessed = sum(self._plan.get(name, 0.0) for name in finished)
        spent = sum(seconds for name, seconds in finished.items() if name in self._plan)
        return min(max(spent / guessed, 0.2), 5.0) if guessed > 2.0 else 1.0

    def _close(self) -> None:
        if self._stage:
            self._finished[self._stage] = time.monotonic() - self._stage_began
        self._stage = ""


def duration(seconds: float) -> str:
    """Write seconds as hours, minutes and seconds, as a person reads them.

    Examples
    --------
    >>> duration(8), duration(125), duration(4320)
    ('8 s', '2 min 05 s', '1 h 12 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Terminal:
    """Shows progress on one line of standard error; where that is not a terminal, as a plain line for each stage.

    Parameters
    ----------
    least : float
        Seconds between two lines, also where another stage has begun: of many workers one does at every moment.
    """

    def __init__(self, least: float = 0.0) -> None:
        self._live, self._least = _is_terminal(sys.stderr), least
        self._stage, self._last = "", -math.inf

    def __call__(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        now = time.monotonic()
        usual = 0.2 if self._live else 10.0
        between = 0.0 if snapshot.fraction >= 1.0 else min(self._least, usual)
        if now - self._last < (usual if snapshot.stage == self._stage else between):
            return
        self._stage, self._last = snapshot.stage, now
        left = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
        line = f"{snapshot.fraction:4.0%}  {snapshot.stage}{left}"
        if self._live:
            line = f"\r\x1b[K{line}" + ("\n" if snapshot.stage == "done" else "")
        with suppress(OSError):  # a terminal that was closed, a reader that has gone: the work goes on
            print(line, end="" if self._live else "\n", file=sys.stderr, flush=True)


class Bar:
    """Shows progress as a bar: on a terminal one line, in a notebook a widget (text where it has no widgets).

    Short work draws no bar, and the bar disappears when the work ends.

    Parameters
    ----------
    after : float
        Seconds that the work must have lasted before the bar is drawn.
    """

    _EVERY = 0.1  # seconds between two drawings of one stage

    def __init__(self, after: float = 0.5) -> None:
        self._after = after
        self._bar: Any = None
        self._stage, self._drawn, self._closed = "", 0.0, False
        self._drawing = threading.Lock()  # `Progress.ticking` reports from a thread of its own

    def __call__(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        with self._drawing:
            now = time.monotonic()
            early = snapshot.elapsed < self._after and self._bar is None
            soon = snapshot.stage == self._stage and now - self._drawn < self._EVERY
            if self._closed or early or soon:
                return
            self._stage, self._drawn = snapshot.stage, now
            if self._bar is None:
                from tqdm.auto import tqdm  # picks what draws here; loaded only where something is drawn

                self._bar = tqdm(total=100, leave=False, bar_format="{percentage:3.0f}%|{bar}| {desc}")
            left = f", about {duration(snapshot.remaining)} left" if snapshot.remaining >= 1 else ""
            self._bar.n = round(100 * snapshot.fraction)
            self._bar.set_description_str(f"{snapshot.stage}{left}")

    def close(self, done: bool = True) -> None:
        """Remove the bar; a notebook keeps, in red, the bar of work that was not done."""
        with self._drawing:
            self._closed = True
            if self._bar is not None:
                self._bar.n = self._bar.total if done else self._bar.n
                self._bar.close()


Shown: TypeAlias = bool | Callable[[Snapshot], None] | None
"""How progress is shown. None: as a bar on a terminal or in a notebook; True: always as a bar; False: not at all.

A callable receives the snapshots; it may raise `Cancelled` to stop the work.
"""


@contextmanager
def progress_shown(how: Shown = None) -> Iterator[Progress]:
    """Show the progress of one piece of work until it ends or fails, in the way that ``how`` says."""
    if callable(how):
        yield Progress(how)
    elif how or (how is None and (in_notebook() or _is_terminal(sys.stderr))):
        bar = Bar()
        progress, done = Progress(bar), False
        try:
            with progress.ticking():
                yield progress
            done = True
        finally:
            bar.close(done)
    else:
        yield Progress()


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel; IPython on a terminal does not count."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # a program without a console has no stream
