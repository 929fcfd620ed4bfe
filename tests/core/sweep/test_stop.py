"""Work that is told to stop by a file: at its next report, or where it reports nothing."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from core.errors import SettingError
from core.progress import Cancelled
from core.sweep import status, stop
from core.sweep.stop import Stop

pytestmark = pytest.mark.usefixtures("interruptible")


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_what_reports_is_stopped_at_a_report(tmp_path: Path, handler: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    request = tmp_path / "asked.stop"
    stop = Stop(request)

    def work() -> None:
        with stop.watched():
            stop.check()
            request.touch()
            for _ in range(6000):
                threading.Event().wait(0.01)
                stop.check()

    with pytest.raises(Cancelled):
        work()
    assert not request.exists()


def test_what_reports_nothing_is_interrupted(tmp_path: Path) -> None:
    request = tmp_path / "asked.stop"
    request.touch()
    with pytest.raises(Cancelled), Stop(request).watched():
        threading.Event().wait(60)
    with pytest.raises(KeyboardInterrupt), Stop(request).watched():
        raise KeyboardInterrupt


def test_what_ends_as_it_is_interrupted_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = tmp_path / "asked.stop"
    request.touch()
    work, interrupt, decided = Stop(request), stop._interrupt, threading.Event()

    def interrupt_late() -> None:
        decided.set()
        assert work._over.wait(60)
        interrupt()

    monkeypatch.setattr(stop, "_interrupt", interrupt_late)
    with pytest.raises(Cancelled), work.watched():
        assert decided.wait(60)
    assert not request.exists()


def test_in_a_thread_reports_alone_stop_it(tmp_path: Path) -> None:
    request = tmp_path / "asked.stop"
    ended: list[str] = []

    def work() -> None:
        stop = Stop(request)
        try:
            with stop.watched():
                request.touch()
                while not ended:
                    threading.Event().wait(0.3)  # longer than until the main thread would be interrupted
                    stop.check()
        except Cancelled:
            ended.append("stopped")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert ended == ["stopped"]


def test_a_cache_that_cannot_be_written_to_says_where_to_stop_it(tmp_path: Path) -> None:
    running = status.Status("nine", "out", "this process", 9, 1, 0, 0.1, 5.0, "", host="there", pid=7, run="a")
    with pytest.raises(SettingError) as refused:
        status.stop(tmp_path / "gone", running)
    assert "process 7 on there" in refused.value.instead
    assert not status.stops(tmp_path, running)
