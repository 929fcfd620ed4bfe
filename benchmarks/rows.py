"""A benchmark, its result as a row, and the timing of both sides of a ratio."""

from __future__ import annotations

import importlib
import operator
import statistics
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.setting import Setting

_SIGNS = {"at least": (">=", operator.ge), "at most": ("<=", operator.le)}


class NotRun(Exception):  # noqa: N818 - an answer, not an error
    """A row cannot be measured here: a peer is not installed, or cannot run this model."""


class Unequal(Exception):  # noqa: N818 - what was found, not what went wrong
    """The two sides do not give the same result, so their times say nothing."""


@dataclass(frozen=True)
class Target:
    """The bound that a ratio must keep to."""

    kind: Literal["at least", "at most"]
    value: float

    def __str__(self) -> str:
        return f"{_SIGNS[self.kind][0]} {self.value:g}"

    def holds(self, ratio: float) -> bool:
        """Whether a ratio keeps to the target."""
        return bool(_SIGNS[self.kind][1](ratio, self.value))


@dataclass(frozen=True)
class Benchmark:
    """One row to measure.

    Attributes
    ----------
    what, against : str
        What is measured, and what its ratio is to.
    run : callable
        Gives the ratio and its conditions, or raises `NotRun`.
    """

    name: str
    what: str
    against: str
    target: Target
    run: Callable[[Setting], tuple[float, str]]


@dataclass(frozen=True)
class Row:
    """The result of a benchmark; ratio and holds are None where it was not run, ratio alone where it failed."""

    name: str
    ratio: float | None
    target: str
    holds: bool | None
    detail: str

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` writes it."""
        return {field: getattr(self, field) for field in ("name", "ratio", "target", "holds", "detail")}

    @property
    def verdict(self) -> str:
        """Whether the target holds, in a word or two."""
        if self.holds is None:
            return "not run"
        if self.ratio is None:
            return "failed"
        return "yes" if self.holds else "NO"


def measured(benchmark: Benchmark, setting: Setting) -> Row:
    """Run a benchmark; any error becomes a row too."""
    target = str(benchmark.target)
    try:
        ratio, detail = benchmark.run(setting)
    except NotRun as reason:
        return Row(benchmark.name, None, target, None, f"not run: {reason}")
    except Exception as error:
        traceback.print_exc()
        return Row(benchmark.name, None, target, False, f"failed: {type(error).__name__}: {error}")
    return Row(benchmark.name, float(ratio), target, benchmark.target.holds(ratio), detail)


def peer(module: str, package: str) -> Any:
    """Import a peer, or raise `NotRun`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NotRun(f"{package} cannot be imported ({error}); see requirements-bench.txt") from error


def check(equal: bool, what: str) -> None:
    """Raise `Unequal` unless both sides gave the same."""
    if not equal:
        raise Unequal(what)


@dataclass(frozen=True)
class Times:
    """Seconds of each side, round by round."""

    seconds: Mapping[str, Sequence[float]]

    def median(self, side: str) -> float:
        """Seconds of one side."""
        return statistics.median(self.seconds[side])

    def __add__(self, other: Times) -> Times:
        """The rounds of both."""
        return Times({side: [*seconds, *other.seconds[side]] for side, seconds in self.seconds.items()})

    def total(self, side: str) -> float:
        """Seconds of all rounds of one side."""
        return sum(self.seconds[side])

    def ratio(self, side: str, to: str) -> float:
        """How many times as long one side took as another.

        The median of the rounds' ratios: what slows the machine for a while slows both sides of a round.
        """
        return statistics.median(a / b for a, b in zip(self.seconds[side], self.seconds[to], strict=True))

    def spread(self, side: str, to: str) -> str:
        """The least and the largest ratio of a round."""
        ratios = [a / b for a, b in zip(self.seconds[side], self.seconds[to], strict=True)]
        return f"{min(ratios):.3g} to {max(ratios):.3g} in {len(ratios)} rounds"


def in_turns(sides: Mapping[str, Callable[[], Any]], rounds: int, warm: bool = True) -> tuple[Times, dict[str, Any]]:
    """Time several sides in turns, every other round in the opposite order.

    Parameters
    ----------
    warm : bool
        Run each side once before, untimed.

    Returns
    -------
    times : Times
    results : dict
        What each side gave the last time.
    """
    results = {name: work() for name, work in sides.items()} if warm else {}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            start = time.perf_counter()
            results[name] = sides[name]()
            seconds[name].append(time.perf_counter() - start)
    return Times(seconds), results
