"""The time left is estimated soundly, and whoever watches can stop the work."""

from __future__ import annotations

import io
import itertools
import re
import sys
import threading
import time
import types
from contextlib import redirect_stderr, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.progress import Bar, Cancelled, Progress, Snapshot, Terminal, duration, in_notebook, progress_shown
from tests.helpers.bench import LONG


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


def test_a_stage_that_has_long_said_nothing_is_not_about_to_end(clock: Clock) -> None:
    progress = Progress(_began=clock())
    progress.plan({"load": 6.0, "pass": 100.0})
    progress.stage("load")
    clock.now += 60
    assert progress.snapshot().remaining == pytest.approx(0.6 + 100)
    clock.now += 540
    assert progress.snapshot().remaining == pytest.approx(540 + 100)
    progress.stage("pass", 100)
    progress.advance(99)
    clock.now += 2000  # and one that hangs just before its end
    assert progress.snapshot().remaining > 400


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


def test_a_log_of_many_workers_has_few_lines_and_the_last(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show = Terminal(5.0)
    for number in range(100):
        show(Snapshot(f"{number} of 100 cells", number / 100, 1, 0))
        clock.now += 0.1
    show(Snapshot("100 of 100 cells", 1.0, 1, 0))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["0%", "50%", "100%"]


def test_time_is_seen_to_pass_while_a_stage_is_silent() -> None:
    seen: list[Snapshot] = []
    reported = {stage: threading.Semaphore(0) for stage in ("preparing", "loading")}

    def report(snapshot: Snapshot) -> None:
        seen.append(snapshot)
        reported[snapshot.stage].release()

    def wait_for(reports: int, stage: str) -> None:
        assert all(reported[stage].acquire(timeout=LONG) for _ in range(reports))

    progress = Progress(report)
    progress.plan({"loading": 60.0})
    with progress.ticking(every=0.01):
        wait_for(2, "preparing")
        early = list(seen)
        progress.stage("loading")
        wait_for(5, "loading")
    # before anything is known, nothing is promised
    assert {(snapshot.fraction, snapshot.stage) for snapshot in early} == {(0.0, "preparing")}
    loading = sorted((snapshot for snapshot in seen if snapshot.stage == "loading"), key=lambda each: each.elapsed)
    assert len(loading) >= 5
    assert all(snapshot.fraction < 0.5 for snapshot in loading)
    assert all(later.remaining < earlier.remaining for earlier, later in itertools.pairwise(loading))
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]


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


class Screen(io.StringIO):
    """Standard error, as a terminal that remembers everything written to it."""

    def isatty(self) -> bool:
        return True


def on_screen() -> redirect_stderr[Screen]:
    """Let standard error be a terminal; in the test's body, for pytest sets it again after the fixtures."""
    return redirect_stderr(Screen())


def last_line(screen: Screen) -> str:
    """What is left on the line that is written again and again."""
    return screen.getvalue().rstrip("\r").rpartition("\r")[2].strip()


def work(progress: Progress) -> None:
    progress.plan({"reading": 60.0, "drawing": 20.0})
    progress.stage("reading", 4)
    progress.advance(2)
    progress.stage("drawing")


def test_a_terminal_shows_a_bar_and_takes_it_away() -> None:
    with on_screen() as screen:
        bar = Bar(after=0)
        work(Progress(bar))
        bar.close()
    written = screen.getvalue()
    assert re.search(r"\d+%\|.*\| reading, about 1 min \d\d s left", written)
    assert re.search(r"\d+%\|.*\| drawing, about \d+ s left", written)
    assert last_line(screen) == ""
    bar(Snapshot("late", 0.5, 9, 9))  # a tick that comes after the end
    assert screen.getvalue() == written


def test_work_that_ends_at_once_shows_no_bar() -> None:
    with on_screen() as screen, progress_shown() as progress:
        work(progress)
        progress.finish()
    assert screen.getvalue() == ""


@pytest.mark.parametrize("fails", [False, True])
def test_the_bar_goes_when_the_work_ends_or_fails(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    monkeypatch.setattr(Bar.__init__, "__defaults__", (0.0,))
    with on_screen() as screen, suppress(KeyError), progress_shown() as progress:
        work(progress)
        if fails:
            raise KeyError("broken")
    assert "drawing" in screen.getvalue()
    assert last_line(screen) == ""


@pytest.mark.parametrize("how", [None, False])
def test_nobody_is_shown_anything(how: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown(how) as progress:
        work(progress)
    assert capsys.readouterr() == ("", "")


def test_a_program_without_a_console_works() -> None:
    with redirect_stderr(None), progress_shown() as progress:
        work(progress)
    assert progress.snapshot().stage == "drawing"


def test_a_callable_is_told_and_may_stop_the_work() -> None:
    told: list[Snapshot] = []

    def stop(_: Snapshot) -> None:
        raise Cancelled

    with on_screen() as screen:
        with progress_shown(told.append) as progress:
            work(progress)
        with pytest.raises(Cancelled), progress_shown(stop) as progress:
            work(progress)
    assert [snapshot.stage for snapshot in told] == ["reading", "reading", "drawing"]
    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    ("shell", "notebook"),
    [(types.SimpleNamespace(kernel=object()), True), (types.SimpleNamespace(), False), (None, False)],
    ids=["kernel", "terminal", "no shell"],
)
def test_a_notebook_is_known_by_its_kernel(monkeypatch: pytest.MonkeyPatch, shell: object, notebook: bool) -> None:
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    assert in_notebook() is notebook


def test_without_ipython_it_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
