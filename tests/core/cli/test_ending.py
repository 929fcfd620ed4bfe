"""How a program ends: its exit status and its last words, as whoever started it sees them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.cli import ending
from core.errors import SettingError
from core.progress import Cancelled
from tests.helpers.command_line import ROOT, command_line


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (SettingError("what", "why", "instead"), 2, ["error: what", "  why: why", "  instead: instead"]),
        (KeyboardInterrupt(), 130, ["", "stopped; what was finished is kept in the cache"]),
        (Cancelled(), 130, ["", "stopped; what was finished is kept in the cache"]),
        (ending.Stopped(signal.SIGTERM), 143, ["stopped; what was finished is kept in the cache"]),
        (BrokenPipeError(), 141, []),
        (
            PermissionError(errno.EACCES, "Permission denied", "corpus.csv"),
            2,
            [
                "error: read or write corpus.csv",
                "  why: Permission denied",
                "  instead: Allow it to be read or written, or name another.",
            ],
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            2,
            [
                "error: read or write a file, or what is printed",
                "  why: No space left on device",
                "  instead: Make room on the disk and give the command again: what was finished is kept in the cache.",
            ],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_status_and_last_words(
    error: BaseException, status: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending.guarded(raising(error)) == status
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in said))


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        ending.guarded(lambda: 1 / 0)


WAITS = """
import signal, sys, time
from pathlib import Path
from core.cli import ending
from core.store.disk import whole
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore them
signal.signal(signal.SIGINT, signal.default_int_handler)
def work():
    with whole(Path(sys.argv[1])) as draft:
        draft.write_text("half")
        print("ready", flush=True)
        time.sleep(300)
sys.exit(ending.guarded(work))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_leaves_no_draft_and_says_one_line(number: signal.Signals, status: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITS, str(tmp_path / "out.json")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stderr.read().strip() == "stopped; what was finished is kept in the cache"
        assert process.wait() == status
    assert not list(tmp_path.iterdir())


def test_handlers_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    ending.guarded(lambda: None)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_a_reader_that_has_gone_and_a_full_disk() -> None:
    def listing(output: int) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "core", "data"], cwd=ROOT, stdout=output, stderr=subprocess.PIPE, text=True
        )
        return done.returncode, done.stderr

    read, write = os.pipe()
    os.close(read)
    assert listing(write) == (141, "")
    os.close(write)
    with Path("/dev/full").open("wb") as full:
        status, said = listing(full.fileno())
    assert status == 2
    assert said.splitlines()[1] == "  why: No space left on device"


def test_what_the_terminal_cannot_show_is_escaped() -> None:
    code = "import sys; from core.cli import ending; sys.exit(ending.guarded(lambda: print('caf\\xe9 \\udc80')))"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "caf\\xe9 \\udc80\n", "")


def test_a_cache_that_cannot_be_written_to_is_refused_at_once() -> None:
    done = command_line("run", "--target", "ja", "--cache", "/dev/null/cache")
    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        "error: keep results in /dev/null/cache",
        "  why: nothing can be written there",
    ]
