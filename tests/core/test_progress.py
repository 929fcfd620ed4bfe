"""The time left is estimated soundly, and whoever watches can stop the work."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.progress import Cancelled, Progress, Snapshot, Terminal, duration


class Clock:
    """A monotonic clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def test_work_at_the_planned_pace_is_estimated_exactly(clock: Clock) -> None:
    seen: list[Snapshot] = []
    progress = Progress(seen.append, _began=clock())
    progress.plan({"one": 10.0, "two": 30.0})
    for stage, seconds in (("one", 10), ("two", 30)):
        progress.stage(stage, seconds)
        for _ in range(seconds):
            clock.now += 1
            progress.advance()
    progress.finish()
    for snapshot in seen:
        assert snapshot.elapsed + snapshot.remaining == pytest.approx(40)
        assert snapshot.fraction == pytest.approx(snapshot.elapsed / 40)
    assert [s.stage for s in seen[:2]] == ["one", "one"]
    assert (seen[-1].stage, seen[-1].fraction, seen[-1].remaining) == ("done", 1.0, 0.0)


@pytest.mark.parametrize("slower", [0.5, 2.0, 4.0])
def test_a_wrong_plan_is_corrected_by_the_pace(clock: Clock, slower: float) -> None:
    progress = Progress(_began=clock())
    progress.plan({"one": 20.0, "two": 20.0})
    progress.stage("one", 100)
    for _ in range(50):
        clock.now += 0.2 * slower
        progress.advance()
    halfway = progress.snapshot()
    # half of this stage at its own pace; of the next, the plan is all there is
    assert halfway.remaining == pytest.approx(10 * slower + 20)
    for _ in range(50):
        clock.now += 0.2 * slower
        progress.advance()
    progress.stage("two", 100)
    # now the plan has been seen to be wrong
    assert progress.snapshot().remaining == pytest.approx(20 * slower)


def test_stages_that_the_store_has_cost_nothing(clock: Clock) -> None:
    progress = Progress(_began=clock())
    progress.plan({"one": 0.0, "two": 8.0})
    progress.stage("one")
    progress.stage("two", 4)
    clock.now += 2
    progress.advance()
    assert progress.snapshot().remaining == pytest.approx(6)


stages = st.sampled_from(["one", "two", "three", "unplanned"])
steps = st.lists(st.tuples(stages, st.floats(0, 50), st.just(0.0) | st.floats(0.01, 5)), max_size=20)


@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), st.floats(0, 100)), steps)
def test_estimates_are_always_sane(plan: dict[str, float], steps: list[tuple[str, float, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(time, "monotonic", clock)
        seen: list[Snapshot] = []
        progress = Progress(seen.append, _began=clock())
        progress.plan(plan)
        for stage, seconds, units in steps:
            progress.stage(stage, 4.0)
            clock.now += seconds
            progress.advance(units)
        progress.finish()
    for snapshot in seen:
        assert 0 <= snapshot.fraction <= 1
        assert 0 <= snapshot.remaining < 1e6
        assert snapshot.elapsed >= 0
    assert [s.elapsed for s in seen] == sorted(s.elapsed for s in seen)
    assert seen[-1].fraction == 1


def test_before_anything_is_known(clock: Clock) -> None:
    snapshot = Progress(_began=clock()).snapshot()
    assert (snapshot.elapsed, snapshot.remaining) == (0, 0)
    assert 0 <= snapshot.fraction <= 1


@pytest.mark.parametrize("when", ["stage", "advance", "finish"])
def test_whoever_watches_can_stop_the_work(when: str) -> None:
    armed = False

    def report(_: Snapshot) -> None:
        if armed:
            raise Cancelled

    progress = Progress(report)
    progress.plan({"one": 1.0})
    progress.stage("one")
    armed = True
    with pytest.raises(Cancelled):
        {"stage": lambda: progress.stage("two"), "advance": progress.advance, "finish": progress.finish}[when]()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (7.6, "8 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (4320, "1 h 12 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(0, 1e6))
def test_durations_mean_what_they_say(seconds: float) -> None:
    words = duration(seconds)
    parts = re.fullmatch(r"(?:(\d+) h )?(?:(\d+) min ?)?(?:(\d+) s)?", words)
    assert parts
    hours, minutes, rest = (int(part or 0) for part in parts.groups())
    assert minutes < 60
    assert rest < 60
    assert abs(hours * 3600 + minutes * 60 + rest - seconds) <= (60 if hours else 0.5)


def test_a_log_has_one_line_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    show = Terminal()
    for fraction in (0.1, 0.2, 0.3):
        show(Snapshot("reading", fraction, 1, 125))
    show(Snapshot("drawing", 0.9, 1, 0.2))
    show(Snapshot("done", 1.0, 1, 0))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split() for line in lines] == [
        ["10%", "reading,", "about", "2", "min", "05", "s", "left"],
        ["90%", "drawing"],
        ["100%", "done"],
    ]


def test_time_is_seen_to_pass_while_a_stage_is_silent() -> None:
    seen: list[Snapshot] = []
    progress = Progress(seen.append)
    progress.plan({"loading": 60.0})
    with progress.ticking(every=0.01):
        time.sleep(0.05)  # before anything is known, nothing is promised
        assert all((early.fraction, early.stage) == (0.0, "preparing") for early in seen)
        progress.stage("loading")
        reported = len(seen)
        until = time.monotonic() + 60
        while len(seen) < reported + 3 and time.monotonic() < until:
            time.sleep(0.01)
    ticks = seen[reported:]
    assert len(ticks) >= 3
    assert {tick.stage for tick in ticks} == {"loading"}
    assert all(tick.fraction < 0.5 for tick in ticks)
    assert all(later.remaining < earlier.remaining for earlier, later in itertools.pairwise(ticks))
    after = len(seen)
    time.sleep(0.05)
    assert len(seen) == after


def test_the_bar_never_goes_back(clock: Clock) -> None:
    seen: list[Snapshot] = []
    progress = Progress(seen.append, _began=clock())
    progress.plan({"one": 10.0, "two": 100.0})
    progress.stage("one", 10)
    for _ in range(10):
        clock.now += 4  # far slower than planned: what is left grows
        progress.advance()
    progress.stage("two", 10)
    assert seen[-1].remaining > seen[0].remaining
    assert [s.fraction for s in seen] == sorted(s.fraction for s in seen)
