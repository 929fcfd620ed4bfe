"""How a program ends: with an exit status and a line or three in words, and no traceback for what is no fault in it."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from core.errors import AskError
from core.progress import Cancelled

_log = logging.getLogger(__name__)
_KEPT = "what was finished is kept in the cache"
_INSTEAD = {
    errno.ENOSPC: f"Make room on the disk and give the command again: {_KEPT}.",
    errno.EDQUOT: f"Make room in your quota and give the command again: {_KEPT}.",
    errno.EACCES: "Allow it to be read or written, or name another.",
    errno.EPERM: "Allow it to be read or written, or name another.",
    errno.EROFS: "Name another: this one can only be read.",
}


class Stopped(KeyboardInterrupt):
    """The system told the program to end; what cleans up after an interruption from the keyboard does so now too."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def guarded(work: Callable[[], object]) -> int:
    """Do a program's work; returns its exit status.

    Parameters
    ----------
    work : callable
        Everything that the program does, reading its arguments too.

    Returns
    -------
    int
        0, or 2 for a request that cannot be met or that the system refuses; 128 and the signal's number for a program
        that was stopped (130 from the keyboard or the dashboard, 143 by SIGTERM, 129 by SIGHUP) or whose reader has
        gone (141).
    """
    _escape_what_cannot_be_encoded()
    with _signals_as_interruptions():
        try:
            try:
                work()
            finally:
                _flush()  # here what the system refuses can still be said
        except AskError as error:
            return _refuse(error.what, error.why, error.instead)
        except BrokenPipeError:
            _silence()
            return 128 + 13  # SIGPIPE, which not every system has
        except KeyboardInterrupt as stop:
            number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
            return _tell(("\n" if number == signal.SIGINT else "") + f"stopped; {_KEPT}", 128 + number)
        except Cancelled:  # from elsewhere, as a sweep by the dashboard
            return _tell(f"\nstopped; {_KEPT}", 128 + signal.SIGINT)
        except OSError as error:
            _log.debug("the system refused", exc_info=True)
            named = error.filename if isinstance(error.filename, str | os.PathLike) else None
            return _refuse(
                f"read or write {os.fspath(named) if named else 'a file, or what is printed'}",
                error.strerror or str(error),
                _INSTEAD.get(error.errno or 0, f"Put right what it names, and give the command again: {_KEPT}."),
            )
    return 0


def _refuse(what: str, why: str, instead: str) -> int:
    return _tell(f"error: {what}\n  why: {why}\n  instead: {instead}", 2)


def _tell(text: str, status: int) -> int:
    with suppress(OSError):  # a terminal that was closed
        print(text, file=sys.stderr, flush=True)
    _silence()
    return status


def _escape_what_cannot_be_encoded() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _silence() -> None:
    """Let what a stream can no longer take go nowhere: the interpreter would complain of it when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@contextmanager
def _signals_as_interruptions() -> Iterator[None]:
    """Raise `Stopped` where SIGTERM or SIGHUP would end the process at once; a second one does that."""

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Stopped(number)

    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may set them
        for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")):
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup's is left alone
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
